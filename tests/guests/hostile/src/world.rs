//! Building blocks of the generated calls: pools of objects in every state, and values biased to invalid ones.
//!
//! Each invalid property of an argument is noted by its kind, so that a test can check that each function has met each kind
//! that its signature allows.

use std::cell::{Cell, RefCell};
use std::future::IntoFuture;
use std::pin::pin;

use guest_support::gpu::*;
use guest_support::tasks::{First, race, sleep_ms};
use wit_bindgen::{FutureReader, StreamReader};

/// The kinds of invalid or rare arguments, in the words of the report.
pub const KINDS: [&str; 20] = [
    "invalid-object",
    "ended-object",
    "destroyed-object",
    "foreign-object",
    "lost-object",
    "zero",
    "huge",
    "odd",
    "nan",
    "infinite",
    "negative",
    "empty-text",
    "nul-text",
    "long-text",
    "strange-text",
    "empty-list",
    "long-list",
    "no-flags",
    "unknown-flags",
    "absent",
];

/// States of objects; each but the first is an index in [`KINDS`], plus one.
pub const LIVE: usize = 0;
pub const INVALID: usize = 1;
pub const ENDED: usize = 2;
pub const DESTROYED: usize = 3;
const FOREIGN: usize = 4;
const LOST: usize = 5;

/// The number of the lost device.
pub const LOST_DEVICE: u32 = 2;
/// The maximum number of objects in a pool.
const POOL: usize = 16;
/// The length of a long text and of a long list.
const LONG_TEXT: usize = 1 << 20;
const LONG_LIST: usize = 40_000;

/// An object with its device's number and its state.
pub struct Entry<T> {
    pub object: T,
    pub device: u32,
    pub state: Cell<usize>,
}

/// Objects of one resource.
pub struct Pool<T>(Vec<Entry<T>>);

impl<T> Default for Pool<T> {
    fn default() -> Pool<T> {
        Pool(Vec::new())
    }
}

impl<T> Pool<T> {
    /// Adds an object; in a full pool it replaces another, which is dropped.
    pub fn keep(&mut self, object: T, device: u32, g: &Random) {
        self.put(object, device, LIVE, g);
    }

    pub fn put(&mut self, object: T, device: u32, state: usize, g: &Random) {
        let entry = Entry { object, device, state: Cell::new(state) };
        match self.0.len() {
            POOL => self.0[g.below(POOL)] = entry,
            _ => self.0.push(entry),
        }
    }

    /// The receiver of a call; arguments of another device than its own are foreign.
    pub fn own(&self, g: &Random) -> Option<&Entry<T>> {
        let entry = self.pick(g)?;
        g.0.home.set(entry.device);
        g.note_state(entry.state.get());
        if entry.device == LOST_DEVICE {
            g.note_state(LOST);
        }
        Some(entry)
    }

    /// An object as an argument.
    pub fn borrow(&self, g: &Random) -> &T {
        let entry = self.pick(g).expect("a pool of objects that are lent is never empty");
        g.note_state(entry.state.get());
        if entry.device != g.home() {
            g.note_state(FOREIGN);
        }
        if entry.device == LOST_DEVICE {
            g.note_state(LOST);
        }
        &entry.object
    }

    /// Usually a valid object of device 0, so that calls do not all fail for the same reason.
    fn pick(&self, g: &Random) -> Option<&Entry<T>> {
        let mut entry = self.0.get(g.below(self.0.len()))?;
        for _ in 0..g.below(6) {
            if entry.state.get() == LIVE && entry.device == 0 {
                break;
            }
            entry = &self.0[g.below(self.0.len())];
        }
        Some(entry)
    }
}

/// A generator of random values, which notes their kinds.
pub struct Random(State);

struct State {
    seed: Cell<u64>,
    home: Cell<u32>,
    /// Inside a list, whose inner lists stay short.
    nested: Cell<bool>,
    /// The adapter executes nothing, so that counts may be huge.
    idle: bool,
    function: Cell<usize>,
    noted: Cell<u32>,
    report: RefCell<Vec<(u32, u32)>>,
}

impl Random {
    pub fn new(seed: u64, idle: bool, functions: usize) -> Random {
        Random(State {
            seed: Cell::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1),
            home: Cell::new(0),
            nested: Cell::new(false),
            idle,
            function: Cell::new(0),
            noted: Cell::new(0),
            report: RefCell::new(vec![(0, 0); functions]),
        })
    }

    /// xorshift64*, with the same sequence on every machine.
    pub fn next(&self) -> u64 {
        let mut x = self.0.seed.get();
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        self.0.seed.set(x);
        x.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&self, bound: usize) -> usize {
        (self.next() >> 16) as usize % bound.max(1)
    }

    fn pick<T: Copy>(&self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    fn one_in(&self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// The receiver's device.
    pub fn home(&self) -> u32 {
        self.0.home.get()
    }

    /// Starts the notes of a call of this function.
    pub fn calls(&self, function: usize) {
        self.0.function.set(function);
        self.0.noted.set(0);
    }

    /// Records a call with its notes.
    pub fn made_call(&self) {
        let entry = &mut self.0.report.borrow_mut()[self.0.function.get()];
        entry.0 += 1;
        entry.1 |= self.0.noted.get();
    }

    /// The number of calls of each function, and the kinds that they met, one bit each.
    pub fn report(&self) -> Vec<(u32, u32)> {
        self.0.report.borrow().clone()
    }

    fn note(&self, kind: &str) {
        let bit = KINDS.iter().position(|known| *known == kind).expect("a kind of the list");
        self.0.noted.set(self.0.noted.get() | 1 << bit);
    }

    fn note_state(&self, state: usize) {
        if let Some(bit) = state.checked_sub(1) {
            self.0.noted.set(self.0.noted.get() | 1 << bit);
        }
    }

    pub fn flip(&self) -> bool {
        self.one_in(2)
    }

    pub fn case<T: Copy>(&self, cases: &[T]) -> T {
        self.pick(cases)
    }

    /// Random flags, unknown bits included.
    pub fn flags(&self, known: usize) -> u32 {
        let all = (1u32 << known) - 1;
        let bits = match self.below(8) {
            0 => 0,
            1 => all,
            2 => u32::MAX,
            3 => self.next() as u32,
            4 => 1 << self.below(known),
            5 => 0b1001 & all,
            6 => 0b1100 & all,
            _ => self.next() as u32 & all,
        };
        if bits == 0 {
            self.note("no-flags");
        }
        if bits & !all != 0 {
            self.note("unknown-flags");
        }
        bits
    }

    pub fn option<T>(&self, make: impl FnOnce() -> T) -> Option<T> {
        if self.one_in(3) {
            self.note("absent");
            return None;
        }
        Some(make())
    }

    pub fn list<T>(&self, make: impl Fn() -> T) -> Vec<T> {
        let nested = self.0.nested.replace(true);
        let length = match self.below(24) {
            0 if !nested => LONG_LIST,
            1 | 2 => 0,
            n => [1, 1, 1, 2, 2, 3, 5, 17][n % 8],
        };
        match length {
            0 => self.note("empty-list"),
            LONG_LIST => self.note("long-list"),
            _ => {}
        }
        let list = (0..length).map(|_| make()).collect();
        self.0.nested.set(nested);
        list
    }

    /// Words of 1, which are also valid arguments of an indirect call.
    pub fn bytes(&self) -> Vec<u8> {
        let length = match self.below(16) {
            0 => 0,
            1 => 1 << 20,
            2 => 3,
            n => [1, 4, 4, 16, 64, 256, 4096][n % 7],
        };
        match length {
            0 => self.note("empty-list"),
            3 => self.note("odd"),
            0x10_0000 => self.note("long-list"),
            _ => {}
        }
        [1, 0, 0, 0].iter().copied().cycle().take(length).collect()
    }

    fn noted_number(&self, value: u64, huge: u64) -> u64 {
        match value {
            0 => self.note("zero"),
            value if value >= huge => self.note("huge"),
            value if value % 4 != 0 => self.note("odd"),
            _ => {}
        }
        value
    }

    pub fn u32(&self, name: &str) -> u32 {
        const MAX: u32 = u32::MAX;
        let work = name.starts_with("workgroup-count")
            || matches!(name, "vertex-count" | "instance-count" | "index-count")
            || matches!(name, "width" | "height" | "depth-or-array-layers");
        let edges: &[u32] = match name {
            "workgroup-count-x" => &[0, 1, 2, 65535, 65536, MAX],
            "workgroup-count-y" | "workgroup-count-z" => &[0, 1, 1, 2, 65536, MAX],
            // No work of hours for a GPU, which another test covers.
            "vertex-count" | "instance-count" | "index-count" if self.0.idle => &[0, 1, 3, MAX],
            "vertex-count" | "instance-count" | "index-count" => &[0, 1, 3, 16],
            "width" | "height" | "depth-or-array-layers" => &[0, 1, 1, 2, 3, 4, 16, 64, 8193, MAX - 3, MAX],
            "sample-count" | "count" => &[0, 1, 1, 1, 2, 4, 4, 8, 4096, 4097, MAX],
            "mip-level-count" => &[0, 1, 1, 2, 5, 32, MAX],
            _ => &[0, 0, 1, 1, 2, 3, 4, 8, 16, 64, 255, 256, 4096, 65535, 1 << 31, MAX - 3, MAX - 1, MAX],
        };
        let value = match self.below(16) {
            0 if !work => (self.next() as u32) >> self.below(32),
            _ => self.pick(edges),
        };
        self.noted_number(u64::from(value), 1 << 16) as u32
    }

    pub fn u64(&self, name: &str) -> u64 {
        const MAX: u64 = u64::MAX;
        let edges: &[u64] = match name {
            "size" => &[0, 4, 4, 16, 16, 256, 256, 65536, 1 << 20, (1 << 28) + 4, 1 << 40, 7, MAX - 3, MAX],
            _ => &[
                0,
                0,
                0,
                1,
                3,
                4,
                4,
                8,
                16,
                256,
                2048,
                65536,
                1 << 31,
                1 << 32,
                1 << 53,
                i64::MAX as u64,
                MAX - 7,
                MAX - 3,
                MAX,
            ],
        };
        let value = match self.below(16) {
            0 => self.next() >> self.below(64),
            _ => self.pick(edges),
        };
        self.noted_number(value, 1 << 28)
    }

    pub fn f64(&self) -> f64 {
        const EDGES: [f64; 13] = [
            0.0,
            -0.0,
            0.5,
            1.0,
            1.0,
            4.0,
            -1.0,
            1e300,
            f64::MIN_POSITIVE,
            f64::MAX,
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
        ];
        let value = self.pick(&EDGES);
        if value.is_nan() {
            self.note("nan");
        } else if value.is_infinite() {
            self.note("infinite");
        } else if value < 0.0 {
            self.note("negative");
        }
        value
    }

    pub fn text(&self, name: &str) -> String {
        let texts: &[&str] = match name {
            "code" => CODE,
            "entry-point" => &["main", "vertex", "fragment", "nobody"],
            "feature-level" => &["core", "compatibility", "nonsense"],
            "swizzle" => &["rgba", "bgra", "r0g1"],
            "value" => &["core-features-and-limits", "timestamp-query", "no-such-thing"],
            "key" => &["k", "maxBufferSize", "maxBindGroups", "minUniformBufferOffsetAlignment", "noSuchLimit", "0"],
            _ => &["a label", "\u{202e}\u{1f980}\u{1b}[31m"],
        };
        match self.below(16) {
            0 => {
                self.note("empty-text");
                String::new()
            }
            1 | 2 => {
                self.note("nul-text");
                format!("{}\0hidden\0", self.pick(texts))
            }
            3 if !self.0.nested.get() => {
                self.note("long-text");
                // A line comment in a shader.
                format!("//{}", self.pick(&["x", "é", "\0"]).repeat(LONG_TEXT))
            }
            _ => {
                self.note("strange-text");
                self.pick(texts).to_owned()
            }
        }
    }
}

/// Sources that compile, for pipelines, and some that do not.
const CODE: &[&str] = &[
    crate::objects::COMPUTE,
    crate::objects::RENDER,
    "override k: f32 = 1; @compute @workgroup_size(1) fn main() { var x = k; }",
    "fn f() { let x = y; }",
    "@compute",
];

/// Owned records are consumed by the call.
pub fn record_option_gpu_size64(g: &Random) -> RecordOptionGpuSize64 {
    let record = RecordOptionGpuSize64::new();
    for _ in 0..g.below(3) {
        record.add(&g.text("key"), g.option(|| g.u64("value")));
    }
    record
}

pub fn record_gpu_pipeline_constant_value(g: &Random) -> RecordGpuPipelineConstantValue {
    let record = RecordGpuPipelineConstantValue::new();
    for _ in 0..g.below(3) {
        record.add(&g.text("key"), g.f64());
    }
    record
}

/// A future's value, if it arrives within a moment; at times the future is dropped before it can.
pub async fn soon<T>(future: FutureReader<T>, g: &Random) -> Option<T> {
    let patience = g.pick(&[0, 0, 1]);
    let mut future = pin!(future.into_future());
    match race(future.as_mut(), sleep_ms(patience)).await {
        First::Left(value) => Some(value),
        First::Right(()) => None,
    }
}

/// Like [`soon`], for a stream's next item.
pub async fn next<T>(mut stream: StreamReader<T>, g: &Random) -> Option<T> {
    let patience = g.pick(&[0, 0, 1]);
    let mut next = pin!(stream.next());
    match race(next.as_mut(), sleep_ms(patience)).await {
        First::Left(value) => value,
        First::Right(()) => None,
    }
}
