//! Client of a worker: sends the commands of a session and waits for its events.

use std::sync::mpsc::RecvTimeoutError;

use airlock_protocol::{
    Command, Event,
    codec::{BatchWriter, decode_event},
    commands::{
        adapter::{Capabilities, LimitName, RequestDevice},
        buffer::{BufferUsage, CreateBuffer, MapBuffer, MapMode},
        command_encoder::{CreateCommandEncoder, FinishCommandEncoder},
        error::{ErrorFilter, GpuError, PopErrorScope, PushErrorScope},
        instance::{AdapterSelector, RequestAdapter},
        pipeline::ProgrammableStage,
        queue::Submit,
        session::DropObject,
    },
    events::MapErrorKind,
    ids::{AdapterId, BufferId, CommandBufferId, CommandEncoderId, DeviceId, Object, RequestId, ShaderModuleId},
};

use super::{PATIENCE, Worker};

/// The client's device.
pub const DEVICE: DeviceId = DeviceId(0);

/// A worker process and the client's side of its session.
pub struct Client {
    pub worker: Worker,
    pub writer: BatchWriter,
    pub requests: u64,
    /// The adapter's name, once requested.
    pub adapter: String,
}

impl Client {
    pub fn start() -> Self {
        let mut client =
            Self { worker: Worker::start(&[]), writer: BatchWriter::default(), requests: 0, adapter: String::new() };
        client.expect(|event| matches!(event, Event::Welcome).then_some(()));
        client
    }

    /// A client with a device on any adapter.
    pub fn with_device() -> Self {
        let (mut client, _) = Self::with_adapter();
        client.request_device();
        client
    }

    /// A client with an adapter, and what that offers.
    pub fn with_adapter() -> (Self, Box<Capabilities>) {
        let mut client = Self::start();
        let adapter = client
            .request_adapter(AdapterSelector::Any)
            .expect("no adapter: a machine without a GPU needs lavapipe, which is in the package mesa-vulkan-drivers");
        client.adapter.clone_from(&adapter.info.description);
        (client, adapter)
    }

    pub fn request_adapter(&mut self, selector: AdapterSelector<'_>) -> Result<Box<Capabilities>, String> {
        let request = self.request();
        let power_preference = None;
        let adapter = AdapterId(0);
        self.push(RequestAdapter { request, adapter, power_preference, force_fallback_adapter: false, selector });
        self.wait(|event| match event {
            Event::AdapterReply { request: of, result } if of == request => Some(result),
            _ => None,
        })
    }

    pub fn request_device(&mut self) -> Box<Capabilities> {
        self.request_device_with(vec![])
    }

    pub fn request_device_with(&mut self, required_limits: Vec<(LimitName, u64)>) -> Box<Capabilities> {
        let request = self.request();
        self.push(RequestDevice {
            request,
            adapter: AdapterId(0),
            device: DEVICE,
            label: "device",
            required_features: vec![],
            required_limits,
        });
        self.wait(|event| match event {
            Event::DeviceReply { request: of, result } if of == request => Some(result),
            _ => None,
        })
        .expect("a device with limits that the adapter has")
    }

    pub fn request(&mut self) -> RequestId {
        self.requests += 1;
        RequestId(self.requests)
    }

    pub fn push<'a>(&mut self, command: impl Into<Command<'a>>) {
        self.writer.push(&command.into()).unwrap();
    }

    pub fn flush(&mut self) {
        // A dead worker is noticed where events are received.
        let _ = self.writer.finish(|bytes| self.worker.batches.send(bytes));
    }

    /// Sends the pending batch and waits for an event that `pick` accepts; skips others.
    pub fn wait<T>(&mut self, pick: impl FnMut(Event<'_>) -> Option<T>) -> T {
        self.flush();
        self.expect(pick)
    }

    pub fn expect<T>(&mut self, mut pick: impl FnMut(Event<'_>) -> Option<T>) -> T {
        loop {
            let bytes = match self.worker.events.recv_timeout(PATIENCE) {
                Ok(bytes) => bytes,
                Err(RecvTimeoutError::Timeout) => panic!("the worker does not answer"),
                Err(RecvTimeoutError::Disconnected) => panic!("the worker is gone"),
            };
            let event = decode_event(&bytes).unwrap();
            if let Event::Credit { consumed } = event {
                self.worker.ring.credit(consumed);
            }
            if let Some(picked) = pick(event) {
                return picked;
            }
        }
    }

    /// Runs `commands` in a validation scope and returns its error.
    pub fn caught(&mut self, commands: impl FnOnce(&mut Self)) -> Option<GpuError> {
        self.push(PushErrorScope { device: DEVICE, filter: ErrorFilter::Validation });
        commands(self);
        self.pop().expect("a scope is open")
    }

    pub fn pop(&mut self) -> Result<Option<GpuError>, ()> {
        let request = self.request();
        self.push(PopErrorScope { request, device: DEVICE });
        self.wait(|event| match event {
            Event::ScopePopped { request: of, result } if of == request => Some(result),
            _ => None,
        })
    }

    pub fn create_buffer(&mut self, id: u32, size: u64, usage: BufferUsage) -> BufferId {
        let buffer = BufferId(id);
        self.push(CreateBuffer { device: DEVICE, buffer, label: "", size, usage, mapped_at_creation: false });
        buffer
    }

    pub fn map(&mut self, buffer: BufferId, mode: MapMode, size: u64) -> Result<Vec<u8>, MapErrorKind> {
        let request = self.request();
        self.push(MapBuffer { request, buffer, mode, offset: 0, size });
        let mut contents = Vec::new();
        self.wait(|event| match event {
            Event::MapData { request: of, data } if of == request => {
                contents.extend_from_slice(data);
                None
            }
            Event::Mapped { request: of, result } if of == request => Some(result),
            _ => None,
        })
        .map(|()| contents)
        .map_err(|error| error.kind)
    }

    /// Encodes with `encode`, submits, and reads the buffer.
    pub fn submit(&mut self, encode: impl FnOnce(&mut Self, CommandEncoderId)) {
        let (encoder, command_buffer) = (CommandEncoderId(0), CommandBufferId(0));
        self.push(CreateCommandEncoder { device: DEVICE, encoder, label: "" });
        encode(self, encoder);
        self.push(FinishCommandEncoder { encoder, command_buffer, label: "" });
        self.push(Submit { device: DEVICE, command_buffers: vec![command_buffer] });
        self.push(DropObject { object: Object::CommandEncoder(encoder) });
        self.push(DropObject { object: Object::CommandBuffer(command_buffer) });
    }

    /// Waits for the worker's reason of the session's end.
    pub fn closed(&mut self) -> String {
        self.wait(|event| match event {
            Event::Closed { reason } => Some(reason),
            _ => None,
        })
    }
}

pub fn words(bytes: &[u8]) -> Vec<u32> {
    bytes.chunks_exact(4).map(|word| u32::from_le_bytes(word.try_into().unwrap())).collect()
}

pub fn bytes(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

pub fn stage(module: ShaderModuleId) -> ProgrammableStage<'static> {
    ProgrammableStage { module, entry_point: None, constants: vec![] }
}
