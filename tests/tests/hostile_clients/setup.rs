//! Clients that break the connection during the setup: raw bytes and descriptors.

use std::{
    fs::{File, OpenOptions},
    io::Write,
    net::Shutdown,
    os::{
        fd::{AsFd, AsRawFd},
        unix::net::UnixStream,
    },
};

use airlock_protocol::limits::SHARED_SIZE;
use rustix::{
    fs::SealFlags,
    net::{AddressFamily, SocketFlags, SocketType, socketpair},
};

use crate::{
    Case, World, case,
    wire::{
        Client, Raw, SEALS, channel_pair, dial, ended, first_line, good_ring, greeted, hand_over, memory, packet, send,
    },
};

pub const CASES: &[Case] = &[
    case("silent", "connects and says nothing, ever", "nothing: its worker waits for 20 seconds", silent),
    case("bytes-for-ring", "sends text where the ring is expected", "its worker ends with exit code 2", bytes_for_ring),
    case(
        "no-ring",
        "sends a pipe, a socket, a directory, `/dev/null`, a file, or memory without one of the seals as the ring",
        "its worker ends with exit code 2",
        no_ring,
    ),
    case("ring-of-another-size", "sends sealed memory of 0 bytes to 1 TiB", "its worker ends with exit code 2", sizes),
    case("read-only-ring", "sends a ring that nobody can write to", "its worker ends with exit code 2", read_only),
    case("many-rings", "sends 2 and 200 descriptors with one message", "its worker ends with exit code 2", many_rings),
    case(
        "descriptors-after-the-ring",
        "sends 1000 messages with 20 descriptors each, and 1 MiB, on the connection of an open session",
        "nothing: the session goes on, with no descriptor more",
        descriptors_after_the_ring,
    ),
    case(
        "no-channels",
        "sends files, pipes, memory, sockets of other types, two descriptors or only bytes in place of each channel",
        "its worker ends with exit code 2",
        no_channels,
    ),
    case("same-channel-twice", "sends one socket as both channels", "its worker ends", same_channel_twice),
    case(
        "closed-at-each-step",
        "closes the connection right away, after the hello line, the ring, a channel, the last channel, the first event, \
         or in the middle of a batch",
        "its worker ends with exit code 0",
        closed_at_each_step,
    ),
    case("half-closed", "closes the connection for writing only", "its worker ends with exit code 0", half_closed),
    case("half-deaf", "closes the connection for reading only", "nothing: the session goes on", half_deaf),
];

fn silent(world: &World) {
    let silent = dial(world.serve.socket());
    assert!(first_line(&silent).starts_with("AIRLOCK "));
    world.kept.lock().expect("the list").push(silent);
}

/// Sends other bytes and descriptors in place of the ring.
fn refused(world: &World, bytes: &[u8], descriptors: &[&dyn AsFd]) {
    let link = greeted(world.serve.socket());
    let descriptors: Vec<_> = descriptors.iter().map(|descriptor| descriptor.as_fd()).collect();
    send(&link, bytes, &descriptors).expect("it is sent");
    assert_eq!(ended(&link), "ENDED exit code 2");
}

fn bytes_for_ring(world: &World) {
    refused(world, b"GET / HTTP/1.1\r\nHost: gpu\r\n\r\n", &[]);
}

fn no_ring(world: &World) {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let (socket, _other) = UnixStream::pair().expect("sockets");
    let file = tempfile::tempfile().expect("a file");
    file.set_len(u64::from(SHARED_SIZE)).expect("its length");
    let null = OpenOptions::new().read(true).write(true).open("/dev/null").expect("/dev/null");
    let directory = File::open("/").expect("a directory");
    let size = u64::from(SHARED_SIZE);
    let (bare, shrinks) = (memory(size, SealFlags::empty()), memory(size, SEALS - SealFlags::SHRINK));
    let impostors: [&dyn AsFd; 8] = [&reader, &writer, &socket, &file, &null, &directory, &bare, &shrinks];
    for impostor in impostors {
        refused(world, b"+", &[impostor]);
    }
}

fn sizes(world: &World) {
    let size = u64::from(SHARED_SIZE);
    for size in [0, size - 1, size + 1, 1 << 40] {
        refused(world, b"+", &[&memory(size, SEALS)]);
    }
}

fn read_only(world: &World) {
    let ring = good_ring();
    let same = File::open(format!("/proc/self/fd/{}", ring.as_raw_fd())).expect("the same memory");
    refused(world, b"+", &[&same]);
}

fn many_rings(world: &World) {
    let ring = good_ring();
    for count in [2, 200] {
        refused(world, b"+", &vec![&ring as &dyn AsFd; count]);
    }
}

fn descriptors_after_the_ring(world: &World) {
    let mut client = Client::open(world.serve.socket());
    let worker = world.worker_of(&client.memory);
    let before = airlock_tests::processes::descriptors(worker);
    let null = File::open("/dev/null").expect("/dev/null");
    for _ in 0..1000 {
        send(&client.link, b"+", &[null.as_fd(); 20]).expect("it is sent");
    }
    client.link.write_all(&vec![0xff; 1 << 20]).expect("it is sent");
    client.lives();
    let after = airlock_tests::processes::descriptors(worker);
    assert!(after <= before, "{before} descriptors became {after}");
}

/// Sends `good` channels and then something else in the place of the next.
fn refused_after(world: &World, good: usize, bytes: &[u8], descriptors: &[&dyn AsFd]) {
    let link = greeted(world.serve.socket());
    send(&link, b"+", &[good_ring().as_fd()]).expect("the ring is sent");
    let (_ours, theirs) = channel_pair();
    for _ in 0..good {
        send(&link, b"+", &[theirs.as_fd()]).expect("a channel is sent");
    }
    let descriptors: Vec<_> = descriptors.iter().map(|descriptor| descriptor.as_fd()).collect();
    send(&link, bytes, &descriptors).expect("it is sent");
    assert_eq!(ended(&link), "ENDED exit code 2");
}

fn no_channels(world: &World) {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let (stream, _other) = UnixStream::pair().expect("sockets");
    let (datagrams, _other) =
        socketpair(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None).expect("sockets");
    let tcp = std::net::TcpListener::bind("127.0.0.1:0").expect("a socket");
    let (null, ring) = (File::open("/dev/null").expect("/dev/null"), good_ring());
    let (channel, _other) = channel_pair();
    let impostors: [&dyn AsFd; 7] = [&reader, &writer, &stream, &datagrams, &tcp, &null, &ring];
    for good in [0, 1] {
        for impostor in impostors {
            refused_after(world, good, b"+", &[impostor]);
        }
        refused_after(world, good, b"+", &[&channel, &channel]);
        refused_after(world, good, b"GET / HTTP/1.1\r\n\r\n", &[]);
    }
}

/// The worker then reads its own events, or its client writes commands where events come from.
fn same_channel_twice(world: &World) {
    let link = greeted(world.serve.socket());
    let (ours, theirs) = channel_pair();
    for descriptor in [&good_ring(), &theirs, &theirs] {
        send(&link, b"+", &[descriptor.as_fd()]).expect("it is sent");
    }
    let raw = Raw { link, batches: ours.try_clone().expect("a descriptor"), events: ours };
    assert!(raw.event().is_some(), "no session");
    let Raw { link, batches, events } = raw;
    drop((batches, events));
    assert_eq!(ended(&link), "ENDED exit code 0");
}

fn closed_at_each_step(world: &World) {
    let socket = world.serve.socket();
    // The last case checks that all of these have ended: a client that has closed the connection receives nothing.
    drop(dial(socket));
    drop(greeted(socket));
    let ringed = || {
        let link = greeted(socket);
        send(&link, b"+", &[good_ring().as_fd()]).expect("the ring is sent");
        link
    };
    drop(ringed());
    let link = ringed();
    let (_ours, theirs) = channel_pair();
    send(&link, b"+", &[theirs.as_fd()]).expect("a channel is sent");
    drop(link);
    let link = greeted(socket);
    let channels = hand_over(&link, &good_ring());
    drop(link);
    drop(channels);
    drop(Raw::open(socket));
    let raw = Raw::open(socket);
    assert!(raw.event().is_some());
    drop(raw);
    let raw = Raw::open(socket);
    let (rest, end) = channel_pair();
    send(&raw.batches, &packet(116, 100_000, &[0; 100]), &[end.as_fd()]).expect("a start");
    drop((raw, rest));
    // A client that keeps the connection and closes the channels.
    let Raw { link, batches, events } = Raw::open(socket);
    drop((batches, events));
    assert_eq!(ended(&link), "ENDED exit code 0");
}

fn half_closed(world: &World) {
    let client = Client::open(world.serve.socket());
    client.link.shutdown(Shutdown::Write).expect("it is closed");
    assert_eq!(ended(&client.link), "ENDED exit code 0");
}

fn half_deaf(world: &World) {
    let mut client = Client::open(world.serve.socket());
    client.link.shutdown(Shutdown::Read).expect("it is closed");
    client.lives();
}
