//! The encoder, the send queue, the ring and the taps.

use std::{
    sync::{Arc, Mutex, mpsc},
    thread,
};

use airlock_client::{Client, EventTap, Tap, buffer::BufferDescriptor, device::Device};
use airlock_protocol::{Command, Event, commands::buffer::BufferUsage, limits::BATCH_TARGET};

use crate::daemon::Daemon;
#[cfg(target_os = "linux")]
use crate::threads::{this_thread, until_it_sleeps};

#[test]
fn a_batch_leaves_when_it_is_full_at_a_submit_and_before_a_wait() {
    let (mut client, mut daemon, device) = Daemon::with_device();
    let encoder = device.create_command_encoder(&mut client, None);
    let mut groups = 0;
    while daemon.sent().is_empty() {
        encoder.push_debug_group(&mut client, "group");
        groups += 1;
        assert!(groups < BATCH_TARGET, "a full batch leaves by itself");
    }
    device.queue().submit(&mut client, []);
    assert_eq!(daemon.names().last(), Some(&"Submit"));
    encoder.pop_debug_group(&mut client);
    assert!(daemon.sent().is_empty());
    let _wait = device.queue().on_submitted_work_done(&mut client);
    assert_eq!(daemon.names(), ["EncoderPopDebugGroup", "OnSubmittedWorkDone"]);
    let stats = client.stats();
    assert_eq!(stats.stream.batches, 5);
    assert_eq!((stats.requests, stats.sessions), (3, 1));
    // A reply that is there already blocks no wait.
    assert!(stats.blocked.count <= 2, "the waits for adapter and device, and nothing else: {stats:?}");
}

/// A submit with so many commands that its batch is long.
fn submit(client: &mut Client, device: &Device) {
    let encoder = device.create_command_encoder(client, Some("x".repeat(4000)));
    drop(encoder);
    device.queue().submit(client, []);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_channel_holds_nobody_up_until_the_send_queue_is_full_too() {
    let mut client = Client::builder().build();
    let mut daemon = Daemon::with_room(&mut client, 64 << 10);
    let (reply, adapter) = client.request_adapter(Default::default()).unwrap();
    let request = daemon.request();
    daemon.send(&Event::AdapterReply { request, result: Ok(Box::default()) });
    let mut adapter = adapter.finish(&mut client, reply.wait()).unwrap();
    let (reply, device) = adapter.request_device(&mut client, Default::default()).unwrap();
    let request = daemon.request();
    daemon.send(&Event::DeviceReply { request, result: Ok(Box::default()) });
    let device = device.finish(&mut client, Some(&mut adapter), reply.wait()).unwrap();
    let before = client.stats().blocked.count;
    // Far more than the channel takes, and less than the queue beside it.
    for _ in 0..400 {
        submit(&mut client, &device);
    }
    assert_eq!(client.stats().blocked.count, before, "a thread waits in the caller's place");
    let (tell, told) = mpsc::channel();
    let sender = thread::spawn(move || {
        tell.send(this_thread()).unwrap();
        for _ in 0..800 {
            submit(&mut client, &device);
        }
        client
    });
    // The queue is full: the caller waits for the daemon.
    until_it_sleeps(&told.recv().unwrap());
    assert!(!sender.is_finished());
    let mut submits = 0;
    while submits < 1200 {
        submits += u32::from(matches!(daemon.command(), Command::Submit(_)));
    }
    let client = sender.join().unwrap();
    assert!(client.stats().blocked.count > before, "and is counted");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_ring_waits_for_credit_and_is_counted() {
    let (mut client, mut daemon, device) = Daemon::with_device();
    let usage = BufferUsage::COPY_DST;
    let descriptor = BufferDescriptor { size: 16 << 20, usage, ..BufferDescriptor::default() };
    let buffer = device.create_buffer(&mut client, descriptor);
    let before = client.stats();
    let (tell, told) = mpsc::channel();
    let writer = thread::spawn(move || {
        tell.send(this_thread()).unwrap();
        device.queue().write_buffer(&mut client, &buffer, 0, &vec![1; 12 << 20], None, None).unwrap();
        device.queue().submit(&mut client, []);
        client
    });
    until_it_sleeps(&told.recv().unwrap());
    assert!(!writer.is_finished(), "the ring is full");
    let mut bytes = 0;
    while bytes < 12 << 20 {
        if let Command::WriteBuffer(write) = daemon.command() {
            bytes += daemon.data(&write.data).len();
            daemon.credit();
        }
    }
    let stats = writer.join().unwrap().stats();
    assert!(stats.stream.ring_waits > before.stream.ring_waits);
    assert!(stats.blocked.count > before.blocked.count);
    assert_eq!(stats.stream.data_bytes, 12 << 20);
}

/// Notes what it sees.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<String>>>);

impl Tap for Notes {
    fn batch(&mut self, bytes: &[u8]) {
        self.0.lock().unwrap().push(format!("batch of {}", bytes.len()));
    }

    fn piece(&mut self, start: u64, bytes: &[u8]) {
        self.0.lock().unwrap().push(format!("piece {start} of {}", bytes.len()));
    }

    fn events(&mut self) -> Option<Box<dyn EventTap>> {
        Some(Box::new(self.clone()))
    }
}

impl EventTap for Notes {
    fn event(&mut self, bytes: &[u8], event: &Event<'_>) {
        assert!(!bytes.is_empty());
        self.0.lock().unwrap().push(event.name().to_owned());
    }

    fn ended(&mut self, reason: &str) {
        self.0.lock().unwrap().push(format!("ended: {reason}"));
    }
}

#[test]
fn a_tap_sees_everything_before_anyone_else() {
    let notes = Notes::default();
    let tap = notes.clone();
    let mut client = Client::builder().tap(move |_| Box::new(tap.clone())).build();
    let (mut daemon, device) = Daemon::grant(&mut client);
    let descriptor = BufferDescriptor { size: 4096, usage: BufferUsage::COPY_DST, ..BufferDescriptor::default() };
    let buffer = device.create_buffer(&mut client, descriptor);
    device.queue().write_buffer(&mut client, &buffer, 0, &[0; 4096], None, None).unwrap();
    let work = device.queue().on_submitted_work_done(&mut client);
    for _ in 0..2 {
        daemon.command();
    }
    let request = daemon.request();
    daemon.send(&Event::WorkDone { request });
    work.wait().unwrap();
    let seen = notes.0.lock().unwrap().clone();
    assert!(seen.iter().any(|note| note == "piece 0 of 4096"), "{seen:?}");
    assert_eq!(seen.last().map(String::as_str), Some("WorkDone"));
    daemon.die();
    drop(client);
    assert!(notes.0.lock().unwrap().last().unwrap().starts_with("ended: "));
}
