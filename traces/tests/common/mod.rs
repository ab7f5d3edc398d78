//! Handmade traces.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod exercise;

use airlock_protocol::{
    Command, Event, Payload,
    codec::{self, BatchWriter},
    commands::{
        adapter::{Capabilities, RequestDevice},
        buffer::*,
        command_encoder::*,
        error::*,
        instance::*,
        queue::*,
        session::*,
        shader::CreateShaderModule,
        texture::*,
    },
    events::{MapError, RequestDeviceError, RequestDeviceErrorKind},
    ids::*,
};
use airlock_traces::{
    TraceFile, TraceWriter,
    format::{Body, Digest, Readback, Record},
    header::{ComponentName, Header},
};

pub fn open(bytes: &[u8]) -> TraceFile {
    TraceFile::from_bytes(bytes.to_vec()).unwrap()
}

pub fn header() -> Header {
    Header::of_this_program(Some(ComponentName::new("guest.wasm", b"guest")), "0.3")
}

/// Bulk data that is long enough for the ring.
pub fn data() -> Vec<u8> {
    (0..20_000_u32).map(|i| (i % 251) as u8).collect()
}

/// Writes one session.
pub struct Session {
    writer: TraceWriter<Vec<u8>>,
    batch: BatchWriter,
    time: u64,
}

impl Session {
    pub fn begin() -> Self {
        let mut writer = TraceWriter::new(Vec::new(), &header()).unwrap();
        writer.session(1, 0).unwrap();
        Self { writer, batch: BatchWriter::default(), time: 0 }
    }

    fn record(&mut self, body: Body) {
        self.time += 1_000;
        self.writer.record(Record { session: 1, time: self.time, body }).unwrap();
    }

    pub fn batch(&mut self, commands: &[Command<'_>]) {
        commands.iter().for_each(|command| self.batch.push(command).unwrap());
        let bytes = self.batch.finish(<[u8]>::to_vec);
        self.record(Body::Batch(bytes));
    }

    pub fn event(&mut self, event: Event<'_>) {
        let mut bytes = Vec::new();
        codec::encode_event(&event, &mut bytes).unwrap();
        self.record(Body::Event(bytes));
    }

    pub fn readback(&mut self, request: u64, bytes: &[u8]) {
        let digest = Digest::of(bytes);
        self.writer.payload(digest, bytes).unwrap();
        let (request, len) = (RequestId(request), bytes.len() as u64);
        let pieces = vec![(bytes.len() as u32, digest)];
        self.record(Body::Readback(Readback { request, len, digest: Some(digest), pieces }));
    }

    pub fn end(mut self) -> Vec<u8> {
        self.record(Body::End("closed".to_owned()));
        self.writer.finish().unwrap()
    }
}

fn buffer(buffer: u32, label: &str, size: u64, usage: BufferUsage) -> Command<'_> {
    CreateBuffer { device: DeviceId(0), buffer: BufferId(buffer), label, size, usage, mapped_at_creation: false }.into()
}

fn sampler() -> Command<'static> {
    CreateSampler {
        device: DeviceId(0),
        sampler: SamplerId(0),
        label: "",
        address_modes: [AddressMode::Repeat; 3],
        mag_filter: FilterMode::Linear,
        min_filter: FilterMode::Linear,
        mipmap_filter: FilterMode::Linear,
        lod_min_clamp: 0.1,
        lod_max_clamp: 32.0,
        compare: None,
        max_anisotropy: 1,
    }
    .into()
}

fn start(session: &mut Session) {
    session.batch(&[RequestAdapter {
        request: RequestId(0),
        adapter: AdapterId(0),
        power_preference: None,
        force_fallback_adapter: false,
        selector: AdapterSelector::Any,
    }
    .into()]);
    session.event(Event::AdapterReply { request: RequestId(0), result: Ok(Box::default()) });
    session.batch(&[request_device(1)]);
}

fn request_device(request: u64) -> Command<'static> {
    RequestDevice {
        request: RequestId(request),
        adapter: AdapterId(0),
        device: DeviceId(0),
        label: "",
        required_features: Vec::new(),
        required_limits: Vec::new(),
    }
    .into()
}

fn granted(session: &mut Session, request: u64) {
    let result = Ok(Box::new(Capabilities::default()));
    session.event(Event::DeviceReply { request: RequestId(request), result });
}

/// A trace with every kind of entry.
pub fn sample() -> Vec<u8> {
    let mut session = Session::begin();
    start(&mut session);
    granted(&mut session, 1);
    let (device, encoder) = (DeviceId(0), CommandEncoderId(0));
    session.writer.piece(1, 5, 0, &data()).unwrap();
    let code = "// secret comment\n@compute @workgroup_size(1) fn main() { let x = 3.14159f; }";
    session.batch(&[
        buffer(0, "positions", 65536, BufferUsage::COPY_SRC | BufferUsage::COPY_DST),
        buffer(1, "", 256, BufferUsage::COPY_DST | BufferUsage::MAP_READ),
        WriteBuffer { device, buffer: BufferId(0), offset: 0, data: Payload::Shared { start: 0, len: 20_000 } }.into(),
        CreateShaderModule { device, module: ShaderModuleId(0), label: "shader/with a name", code }.into(),
        sampler(),
        buffer(2, "", 256, BufferUsage::COPY_DST | BufferUsage::MAP_READ),
    ]);
    session.batch(&[
        CreateCommandEncoder { device, encoder, label: "" }.into(),
        EncoderPushDebugGroup { encoder, label: "frame" }.into(),
        ClearBuffer { encoder, buffer: BufferId(1), offset: 0, size: None }.into(),
        EncoderPopDebugGroup { encoder }.into(),
        FinishCommandEncoder { encoder, command_buffer: CommandBufferId(0), label: "" }.into(),
        Submit { device, command_buffers: vec![CommandBufferId(0)] }.into(),
        MapBuffer { request: RequestId(2), buffer: BufferId(1), mode: MapMode::Read, offset: 0, size: 16 }.into(),
    ]);
    session.readback(2, b"keyword 1234567.");
    session.event(Event::Mapped { request: RequestId(2), result: Ok(()) });
    let error = GpuError { kind: ErrorFilter::Validation, message: "a wrong size".to_owned() };
    session.event(Event::Uncaptured { device, error });
    session.batch(&[
        MapBuffer { request: RequestId(3), buffer: BufferId(0), mode: MapMode::Read, offset: 0, size: 16 }.into(),
        Stage { data: Payload::Inline(b"secret") }.into(),
        Stage { data: Payload::Inline(b"staged") }.into(),
        WriteMapped { buffer: BufferId(2), offset: 0, data: Payload::Staged { len: 12 } }.into(),
        SetLabel { object: Object::Buffer(BufferId(2)), label: "later" }.into(),
        DropObject { object: Object::Buffer(BufferId(2)) }.into(),
    ]);
    let result = Err(MapError { kind: airlock_protocol::events::MapErrorKind::Operation, message: "no".to_owned() });
    session.event(Event::Mapped { request: RequestId(3), result });
    session.end()
}

/// A trace whose second request for a device reuses the id of the failed first one.
pub fn refused_device() -> Vec<u8> {
    let mut session = Session::begin();
    start(&mut session);
    let error = RequestDeviceError { kind: RequestDeviceErrorKind::Operation, message: "too much".to_owned() };
    session.event(Event::DeviceReply { request: RequestId(1), result: Err(error) });
    session.batch(&[request_device(2)]);
    granted(&mut session, 2);
    session.batch(&[sampler()]);
    session.end()
}

/// A trace of many small writes of different data.
pub fn long(writes: u32) -> Vec<u8> {
    let mut session = Session::begin();
    start(&mut session);
    granted(&mut session, 1);
    session.batch(&[buffer(0, "target", 65536, BufferUsage::COPY_DST)]);
    for first in (0..writes).step_by(100) {
        let data: Vec<_> = (first..first + 100)
            .map(|i| (0..16_u32).flat_map(|j| (i.wrapping_mul(2_654_435_761) ^ j).to_le_bytes()).collect::<Vec<_>>())
            .collect();
        let write = |data: &'_ Vec<u8>| -> Command<'static> {
            let data = Payload::Inline(Vec::leak(data.clone()));
            WriteBuffer { device: DeviceId(0), buffer: BufferId(0), offset: 0, data }.into()
        };
        session.batch(&data.iter().map(write).collect::<Vec<_>>());
    }
    session.end()
}
