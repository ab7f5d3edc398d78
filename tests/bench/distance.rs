//! The distance between two processors: the latency of one cache line and the time of 1 MiB between two threads.
//!
//! All communication between two processes crosses it, so it is the scale for Airlock's overhead over a runner with one
//! process. In a virtual machine it changes from minute to minute, because the host moves the processors: a cache line takes
//! some 30 ns between two threads of a core, 65 within a chip's cache, 300 beyond it.

use std::{
    hint::spin_loop,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::Instant,
};

/// Round trips of a cache line: a few milliseconds.
const ROUNDS: u32 = 10_000;
/// Transfers of the mebibyte.
const COPIES: u32 = 50;
/// Pieces of a transfer: one side copies a piece while the other copies the next.
const PIECES: usize = 8;
const PIECE: usize = (1 << 20) / PIECES;

/// The measured times, in nanoseconds.
pub struct Distance {
    /// A cache line, one way.
    pub line: f64,
    /// 1 MiB, copied in by one thread and out by another.
    pub mebibyte: f64,
}

/// Looks at a counter before the other thread is offered the processor: some tens of microseconds.
const LOOKS: u32 = 1000;

/// A counter that shares no cache line, even with the prefetch of adjacent lines.
#[repr(align(128))]
#[derive(Default)]
struct Line(AtomicU32);

impl Line {
    fn put(&self, count: u32) {
        self.0.store(count, Ordering::Release);
    }

    fn wait_for(&self, count: u32) {
        let mut looks = 0;
        while self.0.load(Ordering::Acquire) < count {
            looks += 1;
            if looks < LOOKS {
                spin_loop();
            } else {
                // The other thread has lost its processor: it may have this one.
                looks = 0;
                thread::yield_now();
            }
        }
    }
}

/// Measures both times; `None` on a machine with one processor.
pub fn measure() -> Option<Distance> {
    (thread::available_parallelism().map_or(1, usize::from) > 1)
        .then(|| Distance { line: line() / 2.0, mebibyte: mebibyte() })
}

/// The round-trip time of a cache line.
fn line() -> f64 {
    let (there, back) = (&Line::default(), &Line::default());
    thread::scope(|scope| {
        scope.spawn(|| {
            for round in 1..=ROUNDS {
                there.wait_for(round);
                back.put(round);
            }
        });
        // The first round trip is not timed: it waits for the other thread's start.
        there.put(1);
        back.wait_for(1);
        let start = Instant::now();
        for round in 2..=ROUNDS {
            there.put(round);
            back.wait_for(round);
        }
        start.elapsed().as_nanos() as f64 / f64::from(ROUNDS - 1)
    })
}

/// The time of a mebibyte from one thread to another.
fn mebibyte() -> f64 {
    let (wanted, there) = (&Line::default(), &Line::default());
    let pieces: &[_] = &[const { Mutex::new(Vec::new()) }; PIECES];
    let piece = |number: usize| pieces[number].lock().unwrap_or_else(PoisonError::into_inner);
    (0..PIECES).for_each(|number| *piece(number) = vec![0; PIECE]);
    let (from, mut to) = (vec![7; PIECE * PIECES], vec![0; PIECE * PIECES]);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut count = 0;
            for round in 1..=COPIES {
                wanted.wait_for(round);
                for (number, from) in from.chunks(PIECE).enumerate() {
                    copy(&mut piece(number), from);
                    count += 1;
                    there.put(count);
                }
            }
        });
        let (mut count, mut start) = (0, Instant::now());
        for round in 1..=COPIES {
            wanted.put(round);
            for (number, to) in to.chunks_mut(PIECE).enumerate() {
                count += 1;
                there.wait_for(count);
                copy(to, &piece(number));
            }
            if round == 1 {
                // The first transfer is not timed: it waits for the other thread's start and for the pages.
                start = Instant::now();
            }
        }
        start.elapsed().as_nanos() as f64 / f64::from(COPIES - 1)
    })
}

/// Copies in parts too short for the C library's `rep movsb`, which is slow on some processors for unlucky alignments
/// (`LOG.md`) and would hide the distance.
fn copy(to: &mut [u8], from: &[u8]) {
    const PART: usize = 2 << 10;
    for (to, from) in to.chunks_mut(PART).zip(from.chunks(PART)) {
        to.copy_from_slice(from);
    }
}
