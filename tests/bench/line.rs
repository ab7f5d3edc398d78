//! How far apart two processors are: the time that one cache line takes from one to the other.
//!
//! All that two processes tell each other goes that way, so it is the scale for what Airlock takes beyond a runner with one
//! process. In a virtual machine it changes from minute to minute, because the host moves the processors: some 30 ns
//! between two threads of a core, 70 within a chip's cache, 300 beyond it.

use std::{
    hint::spin_loop,
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::Instant,
};

/// There and back so many times: a millisecond or a few.
const ROUNDS: u32 = 10_000;
/// Of so many looks the shortest counts, because whatever else runs only makes them longer.
const LOOKS: u32 = 3;

/// A cache line of its own, whatever the processor fetches beside it.
#[repr(align(128))]
#[derive(Default)]
struct Line(AtomicU32);

impl Line {
    fn put(&self, round: u32) {
        self.0.store(round, Ordering::Release);
    }

    fn wait_for(&self, round: u32) {
        while self.0.load(Ordering::Acquire) != round {
            spin_loop();
        }
    }
}

/// The time of one way, in nanoseconds; `None` where there is one processor only.
pub fn time() -> Option<f64> {
    if thread::available_parallelism().map_or(1, usize::from) < 2 {
        return None;
    }
    let looks = (0..LOOKS).map(|_| look());
    looks.min_by(f64::total_cmp)
}

fn look() -> f64 {
    let (there, back) = (&Line::default(), &Line::default());
    thread::scope(|scope| {
        scope.spawn(|| {
            for round in 1..=ROUNDS {
                there.wait_for(round);
                back.put(round);
            }
        });
        // Without the other thread's start.
        there.put(1);
        back.wait_for(1);
        let start = Instant::now();
        for round in 2..=ROUNDS {
            there.put(round);
            back.wait_for(round);
        }
        start.elapsed().as_nanos() as f64 / f64::from(ROUNDS) / 2.0
    })
}
