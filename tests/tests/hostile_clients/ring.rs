//! Invalid use of the shared ring.

use std::{
    fs::File,
    os::fd::AsFd,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use airlock_protocol::{
    Event, Payload,
    commands::{queue::WriteBuffer, session::Stage},
    limits::{MAX_PIECE, RING_SIZE, SHARED_SIZE},
};
use rustix::{
    fs::{FallocateFlags, SealFlags, fallocate, fcntl_add_seals, ftruncate},
    io::{Errno, pwrite},
};

use crate::{
    Case, World, case,
    wire::{BUFFER, Client, DEVICE},
};

pub const CASES: &[Case] = &[
    case(
        "piece-beyond-the-ring",
        "names pieces that start at 2^40 and at 2^64 - 1",
        "`does not lie in the ring`",
        beyond,
    ),
    case(
        "piece-of-4-GiB",
        "names pieces of 2 MiB and one byte, and of 2^32 - 1",
        "`does not lie in the ring`",
        too_long,
    ),
    case("piece-not-at-its-place", "names a piece four bytes further", "`does not lie in the ring`", elsewhere),
    case("piece-given-twice", "names one piece in two commands", "`does not lie in the ring`", twice),
    case(
        "credits-exceeded",
        "writes 32 MiB over what is not read yet, without waiting for credit",
        "nothing: the data is its own loss",
        credits_exceeded,
    ),
    case(
        "torn-data",
        "writes to the ring from another thread while its pieces are read",
        "nothing: the data is its own loss",
        torn,
    ),
    case(
        "torn-under-the-gpu",
        "writes to the ring, and punches holes into it, while a real adapter's driver copies its pieces, without waiting for credit",
        "nothing: the data is its own loss",
        torn_under_the_gpu,
    ),
    case(
        "wrong-pieces-for-the-gpu",
        "names pieces beyond the ring, too long, at another place, and twice, on a real adapter",
        "`does not lie in the ring`",
        wrong_for_the_gpu,
    ),
    case(
        "ring-shrunk",
        "shrinks and grows the ring, and asks for more seals",
        "the system refuses it; the session goes on",
        shrunk,
    ),
    case("staged-lies", "takes more or less than it has staged, and stages what is staged", "both lengths", staged),
    case("staged-and-left", "stages 64 MiB and takes them never", "nothing: the session goes on", left),
];

fn write(data: Payload<'_>) -> WriteBuffer<'_> {
    WriteBuffer { device: DEVICE, buffer: BUFFER, offset: 0, data }
}

/// Writes from pieces and expects the end of the session.
fn closes(world: &World, pieces: &[(u64, u32)]) {
    closes_for(Client::with_buffer(world.serve.socket()), pieces);
}

fn closes_for(mut client: Client, pieces: &[(u64, u32)]) {
    for &(start, len) in pieces {
        client.push(write(Payload::Shared { start, len }));
    }
    client.flush();
    client.expect_closed("does not lie in the ring");
}

fn beyond(world: &World) {
    for start in [u64::from(RING_SIZE), 1 << 40, u64::MAX - 63, u64::MAX] {
        closes(world, &[(start, 64)]);
    }
}

fn too_long(world: &World) {
    for len in [MAX_PIECE + 1, RING_SIZE, u32::MAX] {
        closes(world, &[(0, len)]);
        let mut client = Client::with_buffer(world.serve.socket());
        client.push(Stage { data: Payload::Shared { start: 0, len } });
        client.flush();
        // The larger bound is checked first.
        client.expect_closed(if len == u32::MAX { "are staged for one command" } else { "does not lie in the ring" });
    }
}

fn elsewhere(world: &World) {
    closes(world, &[(4, 64)]);
    closes(world, &[(0, 64), (60, 64)]);
}

fn twice(world: &World) {
    closes(world, &[(0, 64), (0, 64)]);
}

fn credits_exceeded(world: &World) {
    let mut client = Client::with_buffer(world.serve.socket());
    let pieces = 16;
    for piece in 0..pieces {
        let (start, bytes) = (piece * u64::from(MAX_PIECE), vec![piece as u8; MAX_PIECE as usize]);
        pwrite(&client.memory, &bytes, start % u64::from(RING_SIZE)).expect("it is written");
        client.push(write(Payload::Shared { start, len: MAX_PIECE }));
        client.flush();
    }
    let all = pieces * u64::from(MAX_PIECE);
    client.expect(|event| matches!(event, Event::Credit { consumed } if consumed == all).then_some(()));
    client.lives();
}

fn torn(world: &World) {
    tear(Client::with_buffer(world.serve.socket()), |_, _| {});
}

fn torn_under_the_gpu(world: &World) {
    let client = Client::with_real_buffer(world.serve.socket());
    tear(client, |memory, offset| {
        let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        fallocate(memory, hole, offset, 1 << 20).expect("a hole");
    });
}

fn tear(mut client: Client, and: impl Fn(&File, u64) + Sync) {
    let memory = client.memory.try_clone().expect("a second descriptor");
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0_u8.. {
                if over.load(Ordering::Relaxed) {
                    break;
                }
                let offset = u64::from(round % 8) << 20;
                pwrite(&memory, &vec![round; 1 << 20], offset).expect("it is written");
                and(&memory, offset);
            }
        });
        for piece in 0..256 {
            let (start, len) = (piece * (256 << 10), 256 << 10);
            client.push(write(Payload::Shared { start, len }));
            client.flush();
        }
        client.lives();
        over.store(true, Ordering::Relaxed);
    });
}

fn wrong_for_the_gpu(world: &World) {
    let long = 64 << 10;
    let wrong: [&[(u64, u32)]; 4] =
        [&[(1 << 40, long)], &[(0, MAX_PIECE + 4)], &[(0, long), (u64::from(long) + 4, long)], &[(0, long), (0, long)]];
    for pieces in wrong {
        closes_for(Client::with_real_buffer(world.serve.socket()), pieces);
    }
}

fn shrunk(world: &World) {
    let mut client = Client::with_buffer(world.serve.socket());
    for size in [0, 4096, u64::from(SHARED_SIZE) - 1, u64::from(SHARED_SIZE) * 2] {
        assert_eq!(ftruncate(&client.memory, size), Err(Errno::PERM), "{size}");
    }
    assert_eq!(fcntl_add_seals(client.memory.as_fd(), SealFlags::WRITE), Err(Errno::PERM));
    client.push(write(Payload::Shared { start: 0, len: 64 }));
    client.lives();
}

fn staged(world: &World) {
    let closes = |stages: &[Payload<'_>], takes: u64, what: &str| {
        let mut client = Client::with_buffer(world.serve.socket());
        for &data in stages {
            client.push(Stage { data });
        }
        client.push(write(Payload::Staged { len: takes }));
        client.flush();
        client.expect_closed(what);
    };
    let piece = Payload::Inline(&[1; 64]);
    closes(&[], 64, "a command takes 64 staged bytes, 0 are there");
    closes(&[piece], 65, "a command takes 65 staged bytes, 64 are there");
    closes(&[piece, piece], 64, "a command takes 64 staged bytes, 128 are there");
    closes(&[piece], u64::MAX, "64 are there");
    closes(&[piece, Payload::Staged { len: 64 }], 64, "said to be staged already");
    closes(&[Payload::Staged { len: u64::MAX }], 0, "are staged for one command");
}

fn left(world: &World) {
    let mut client = Client::with_buffer(world.serve.socket());
    for piece in 0..32 {
        client.push(Stage { data: Payload::Shared { start: piece * u64::from(MAX_PIECE), len: MAX_PIECE } });
    }
    client.lives();
}
