//! The daemon's side of a session, played by a test.

use std::collections::VecDeque;

use airlock_client::{Client, device::Device};
use airlock_protocol::{
    Command, Event, Payload,
    codec::{BatchReader, encode_event},
    commands::adapter::{Capabilities, FeatureName},
    connect::Connection,
    ids::RequestId,
    transport::DaemonChannels,
};

/// Room in each channel: enough that one thread can play both sides.
pub const ROOM: usize = 64 << 20;

pub struct Daemon {
    channels: DaemonChannels,
    batches: u64,
    /// Commands that were received and not looked at.
    commands: VecDeque<Command<'static>>,
    consumed: u64,
}

impl Daemon {
    /// Begins a session of a client.
    pub fn of(client: &mut Client) -> Self {
        Self::with_room(client, ROOM)
    }

    pub fn with_room(client: &mut Client, room: usize) -> Self {
        let (connection, channels) = Connection::in_memory(room).unwrap();
        client.adopt(connection);
        let daemon = Self { channels, batches: 0, commands: VecDeque::new(), consumed: 0 };
        daemon.send(&Event::Welcome);
        daemon
    }

    /// A client that has a device, and the daemon's side of it.
    pub fn with_device() -> (Client, Self, Device) {
        let mut client = Client::builder().build();
        let (daemon, device) = Self::grant(&mut client);
        (client, daemon, device)
    }

    /// Begins a session and grants its first device.
    pub fn grant(client: &mut Client) -> (Self, Device) {
        let mut daemon = Self::of(client);
        let (reply, adapter) = client.request_adapter(Default::default()).unwrap();
        let request = daemon.request();
        daemon.send(&Event::AdapterReply { request, result: Ok(Box::default()) });
        let mut adapter = adapter.finish(client, reply.wait()).unwrap();
        let (reply, device) = adapter.request_device(client, Default::default()).unwrap();
        let request = daemon.request();
        let granted = Capabilities { features: vec![FeatureName::TimestampQuery], ..Capabilities::default() };
        daemon.send(&Event::DeviceReply { request, result: Ok(Box::new(granted)) });
        let device = device.finish(client, Some(&mut adapter), reply.wait()).unwrap();
        (daemon, device)
    }

    pub fn send(&self, event: &Event<'_>) {
        let mut bytes = Vec::new();
        encode_event(event, &mut bytes).unwrap();
        self.channels.events.send(&bytes).unwrap();
    }

    /// The next batch, once it is there: how many commands it brings.
    pub fn batch(&mut self) -> usize {
        let batch = self.channels.commands.recv().unwrap();
        self.take(batch)
    }

    /// Waits until the client has closed its channel, with nothing more in it.
    pub fn until_closed(&self) {
        assert!(self.channels.commands.recv().is_err(), "nothing follows");
    }

    /// The next command, once its batch is there.
    pub fn command(&mut self) -> Command<'static> {
        loop {
            match self.commands.pop_front() {
                Some(command) => return command,
                None => self.batch(),
            };
        }
    }

    /// The number of the next request.
    pub fn request(&mut self) -> RequestId {
        match self.command() {
            Command::RequestAdapter(c) => c.request,
            Command::RequestDevice(c) => c.request,
            Command::MapBuffer(c) => c.request,
            Command::OnSubmittedWorkDone(c) => c.request,
            Command::PopErrorScope(c) => c.request,
            Command::CreateComputePipeline(c) => c.request.expect("the form that waits"),
            Command::GetCompilationInfo(c) => c.request,
            Command::ReportStats(c) => c.request,
            other => panic!("{other:?} is no request"),
        }
    }

    /// Every command that was sent, without waiting.
    pub fn sent(&mut self) -> Vec<Command<'static>> {
        // Until nothing is there, or the client is gone.
        while let Ok(Some(batch)) = self.channels.commands.try_recv_watched(|| {}) {
            self.take(batch);
        }
        self.commands.drain(..).collect()
    }

    /// The names of all commands that were sent.
    pub fn names(&mut self) -> Vec<&'static str> {
        self.sent().iter().map(Command::name).collect()
    }

    fn take(&mut self, batch: Vec<u8>) -> usize {
        // Commands borrow from their batch, and a test is short.
        let bytes: &'static [u8] = batch.leak();
        let mut reader = BatchReader::new(bytes, self.batches).unwrap();
        self.batches += 1;
        let before = self.commands.len();
        while let Some(command) = reader.next().unwrap() {
            self.commands.push_back(command);
        }
        self.commands.len() - before
    }

    /// The bytes of a command's data.
    pub fn data(&mut self, payload: &Payload<'_>) -> Vec<u8> {
        match *payload {
            Payload::Inline(bytes) => bytes.to_vec(),
            Payload::Shared { start, len } => {
                let mut bytes = Vec::new();
                self.channels.ring.append(start, len, &mut bytes).unwrap();
                self.consumed = self.channels.ring.consumed();
                bytes
            }
            Payload::Staged { .. } => panic!("staged data is in other commands"),
        }
    }

    /// Tells the client how far its ring was read.
    pub fn credit(&self) {
        self.send(&Event::Credit { consumed: self.consumed });
    }

    /// Ends the session as a worker's death does.
    pub fn die(self) {}
}
