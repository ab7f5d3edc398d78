//! Invalid use of the queues in the shared memory.

use std::{ops::Range, os::fd::OwnedFd};

use airlock_protocol::{
    Event,
    codec::{BatchWriter, decode_event},
    commands::session::ReportStats,
    ids::RequestId,
    limits::{EVENT_RING_SIZE, LONGEST_PAGE, QUEUE_SLOTS, RING_SIZE},
};
use rustix::io::pwrite;

use crate::{
    Case, World, case,
    wire::{Raw, good_ring, send, whole},
};

pub const CASES: &[Case] = &[
    case(
        "queue-overfull",
        "counts 33, 2^63 and 2^64 - 1 messages in a queue of 32 slots",
        "`more messages than slots`",
        overfull,
    ),
    case("queue-of-4-GiB", "gives a message in the queue 2^32 - 1 bytes", "`longer than the`", too_long),
    case("queue-of-rubbish", "puts bytes that are no batch into the queue", "as for a batch on the socket", rubbish),
    case(
        "queue-never-due",
        "puts a message into the queue behind 2^64 - 1 others",
        "nothing: the message waits, the session goes on",
        never_due,
    ),
    case(
        "queue-never-read",
        "says that it is awake and reads no event from the queue; says that it has read what was never there",
        "events take the socket",
        never_read,
    ),
];

/// Start of the client's numbers.
const NUMBERS: u64 = RING_SIZE as u64 + EVENT_RING_SIZE as u64;
const QUEUED: u64 = NUMBERS + 128;
const TAKEN: u64 = NUMBERS + 256;
const AWAKE: u64 = NUMBERS + 384;
/// Start of the queue for batches, behind the numbers of both sides.
const QUEUE: u64 = NUMBERS + 2 * LONGEST_PAGE as u64;

/// A session whose memory is accessible, and whose channels are sockets. Its first event has been received.
fn open(world: &World) -> (Raw, OwnedFd) {
    let ring = good_ring();
    let raw = Raw::over(world.serve.socket(), &ring);
    assert!(raw.event().is_some(), "no first event");
    (raw, ring)
}

fn set(ring: &OwnedFd, at: u64, bytes: &[u8]) {
    assert_eq!(pwrite(ring, bytes, at), Ok(bytes.len()));
}

/// Wakes the worker, which then looks into the queue.
fn doorbell(raw: &Raw) {
    send(&raw.batches, &whole(b"doorbell"), &[]).expect("it is sent");
}

/// Sends requests for reports on the socket.
fn request(raw: &Raw, writer: &mut BatchWriter, requests: Range<u64>) {
    for request in requests {
        writer.push(&ReportStats { request: RequestId(request) }.into()).expect("it has an encoding");
    }
    let _ = writer.finish(|bytes| send(&raw.batches, &whole(bytes), &[]).expect("it is sent"));
}

/// The number of the next report on the socket.
fn reported(raw: &Raw) -> u64 {
    loop {
        let event = raw.event().expect("the session goes on");
        match decode_event(&event).expect("an event") {
            Event::Report { request, .. } => return request.0,
            Event::Closed { reason } => panic!("the session ended: {reason}"),
            _ => {}
        }
    }
}

fn overfull(world: &World) {
    for queued in [u64::from(QUEUE_SLOTS) + 1, 1 << 63, u64::MAX] {
        let (raw, ring) = open(world);
        set(&ring, QUEUED, &queued.to_le_bytes());
        doorbell(&raw);
        let reason = raw.closed();
        assert!(reason.contains("more messages than slots"), "{reason}");
    }
}

/// One message in the first slot.
fn put(ring: &OwnedFd, len: u32, packets: u64, message: &[u8]) {
    set(ring, QUEUE, &len.to_le_bytes());
    set(ring, QUEUE + 8, &packets.to_le_bytes());
    set(ring, QUEUE + 16, message);
    set(ring, QUEUED, &1_u64.to_le_bytes());
}

fn too_long(world: &World) {
    let (raw, ring) = open(world);
    put(&ring, u32::MAX, 0, b"");
    doorbell(&raw);
    let reason = raw.closed();
    assert!(reason.contains("longer than the"), "{reason}");
}

fn rubbish(world: &World) {
    let (on_the_socket, _ring) = open(world);
    send(&on_the_socket.batches, &whole(&[0xff; 40]), &[]).expect("it is sent");
    let (raw, ring) = open(world);
    put(&ring, 40, 0, &[0xff; 40]);
    doorbell(&raw);
    assert_eq!(raw.closed(), on_the_socket.closed());
}

fn never_due(world: &World) {
    let (raw, ring) = open(world);
    put(&ring, 40, u64::MAX, &[0xff; 40]);
    doorbell(&raw);
    request(&raw, &mut BatchWriter::default(), 1..3);
    assert_eq!([reported(&raw), reported(&raw)], [1, 2]);
}

fn never_read(world: &World) {
    let (raw, ring) = open(world);
    set(&ring, AWAKE, &1_u64.to_le_bytes());
    let slots = u64::from(QUEUE_SLOTS);
    let mut writer = BatchWriter::default();
    // The first ones fill the queue.
    request(&raw, &mut writer, 0..slots + 3);
    assert_eq!([reported(&raw), reported(&raw), reported(&raw)], [slots, slots + 1, slots + 2]);
    for (request_of, taken) in [(100, slots + 1), (101, 1 << 63), (102, u64::MAX)] {
        set(&ring, TAKEN, &taken.to_le_bytes());
        request(&raw, &mut writer, request_of..request_of + 1);
        assert_eq!(reported(&raw), request_of);
    }
}
