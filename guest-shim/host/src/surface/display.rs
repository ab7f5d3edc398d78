//! The display: the embedder's handle of all surfaces of a store.

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::Waker,
    time::Duration,
};

use super::{events::Input, state::State};

/// Maximum width and height of a surface in texels: a guest may request any size, and a frame of it takes memory here.
pub const MAX_SIZE: u32 = 4096;

/// Maximum number of surfaces of a guest. Each may have texels of its own here, 64 MiB at the maximum size.
pub const MAX_SURFACES: usize = 8;

/// Default size of a surface, where neither the embedder nor the guest specifies one.
const SIZE: (u32, u32) = (1280, 720);

/// Rate of beats.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rate {
    /// Number of beats per second.
    PerSecond(f64),
    /// No limit: as fast as the guest takes them.
    Max,
}

/// Size, rate and length of a display.
#[derive(Clone, Copy, Debug)]
pub struct DisplayOptions {
    /// Size of every surface, instead of the guest's; `None` leaves it to the guest.
    pub size: Option<(u32, u32)>,
    /// Rate of `on-frame`.
    pub rate: Rate,
    /// Number of frames after which the display ends.
    pub frames: Option<u64>,
}

impl Default for DisplayOptions {
    fn default() -> Self {
        Self { size: None, rate: Rate::PerSecond(60.0), frames: None }
    }
}

/// The error that ends a guest which continues to draw after the display's last frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the display shows no more frames")]
pub struct Ended;

/// A handle of the display, for any thread.
#[derive(Clone, Debug, Default)]
pub struct Display(Arc<Shared>);

#[derive(Default)]
struct Shared {
    options: DisplayOptions,
    inner: Mutex<Inner>,
    /// Number of the latest frame.
    numbers: AtomicU64,
    presented: AtomicU64,
    /// Number of the last input that the guest has read.
    taken: AtomicU64,
}

#[derive(Default)]
struct Inner {
    surfaces: Vec<Arc<State>>,
    paused: bool,
    /// Beats to let through while paused.
    steps: u32,
    ended: bool,
    /// The maximum number of frames is in flight.
    full: bool,
    wakers: Vec<Waker>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("options", &self.options)
            .field("presented", &self.presented)
            .finish_non_exhaustive()
    }
}

impl Display {
    /// Creates a display.
    pub fn new(options: DisplayOptions) -> Self {
        Self(Arc::new(Shared { options, ..Shared::default() }))
    }

    /// The options of the display.
    pub fn options(&self) -> DisplayOptions {
        self.0.options
    }

    /// Number of presented frames.
    pub fn presented(&self) -> u64 {
        self.0.presented.load(Ordering::Relaxed)
    }

    /// Sends input to every surface. `number` identifies it: a [`Frame`](super::Frame) has the number of the last input that
    /// the guest had read when it presented the frame.
    pub fn input(&self, number: u64, input: &Input) {
        for surface in self.surfaces() {
            surface.input(number, input);
        }
    }

    /// Pauses or resumes the beats.
    pub fn pause(&self, paused: bool) {
        let mut inner = self.inner();
        if inner.paused != paused {
            (inner.paused, inner.steps) = (paused, 0);
        }
        inner.wake();
    }

    /// Lets one beat through while paused.
    pub fn step(&self) {
        let mut inner = self.inner();
        inner.steps = inner.steps.saturating_add(1);
        inner.wake();
    }

    /// True while paused.
    pub fn is_paused(&self) -> bool {
        self.inner().paused
    }

    /// Ends the display: every stream ends, and a guest that continues to draw traps with [`Ended`].
    pub fn end(&self) {
        let mut inner = self.inner();
        inner.ended = true;
        inner.wake();
        drop(inner);
        self.surfaces().iter().for_each(|surface| surface.close());
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn surfaces(&self) -> Vec<Arc<State>> {
        self.inner().surfaces.clone()
    }

    /// Fails after the end of the display.
    pub(super) fn live(&self) -> wasmtime::Result<()> {
        if self.inner().ended { Err(wasmtime::Error::new(Ended)) } else { Ok(()) }
    }

    /// Size of a new surface, from the options of the display or the guest's request.
    pub(super) fn size(&self, wanted: (Option<u32>, Option<u32>)) -> (u32, u32) {
        let bounded = |size: u32| size.clamp(1, MAX_SIZE);
        let wanted = (wanted.0.unwrap_or(SIZE.0), wanted.1.unwrap_or(SIZE.1));
        let (width, height) = self.0.options.size.unwrap_or(wanted);
        (bounded(width), bounded(height))
    }

    /// Changes the size of a surface to the one that the guest wants, if the size is the guest's.
    pub(super) fn request_size(&self, surface: &State, (width, height): (Option<u32>, Option<u32>)) {
        let (old_width, old_height) = surface.size();
        surface.resize(self.size((width.or(Some(old_width)), height.or(Some(old_height)))));
    }

    /// Opens a surface; `None` at the limit of [`MAX_SURFACES`].
    pub(super) fn open(&self, wanted: (Option<u32>, Option<u32>)) -> Option<Arc<State>> {
        let mut inner = self.inner();
        if inner.surfaces.len() >= MAX_SURFACES {
            return None;
        }
        let state = Arc::new(State::new(self.size(wanted), inner.ended));
        inner.surfaces.push(Arc::clone(&state));
        Some(state)
    }

    /// Closes a surface that the guest has dropped.
    pub(super) fn close(&self, surface: &Arc<State>) {
        self.inner().surfaces.retain(|other| !Arc::ptr_eq(other, surface));
        surface.close();
    }

    /// The number of the next frame.
    pub(super) fn number(&self) -> u64 {
        self.0.numbers.fetch_add(1, Ordering::Relaxed).saturating_add(1)
    }

    /// Counts a presented frame. After the last one, the display ends.
    pub(super) fn count(&self) {
        let presented = self.0.presented.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        if self.0.options.frames.is_some_and(|frames| presented >= frames) {
            self.end();
        }
    }

    /// Records that the guest has read an input.
    pub(super) fn took(&self, number: u64) {
        self.0.taken.fetch_max(number, Ordering::Relaxed);
    }

    /// Number of the last input that the guest has read.
    pub(super) fn taken(&self) -> u64 {
        self.0.taken.load(Ordering::Relaxed)
    }

    /// Time between two beats; `None` at the maximum rate.
    pub(super) fn period(&self) -> Option<Duration> {
        match self.0.options.rate {
            Rate::Max => None,
            Rate::PerSecond(rate) => Duration::try_from_secs_f64(1.0 / rate).ok(),
        }
    }

    /// True if a beat may be sent; otherwise the waker is woken when that may have changed.
    pub(super) fn beats(&self, waker: &Waker) -> bool {
        let mut inner = self.inner();
        if inner.paused && inner.steps == 0 && !inner.ended {
            inner.wait(waker);
            return false;
        }
        true
    }

    /// Records whether there is room for another frame in flight.
    pub(super) fn set_room(&self, room: bool) {
        let mut inner = self.inner();
        if std::mem::replace(&mut inner.full, !room) && room {
            inner.wake();
        }
    }

    /// True if there is room for another frame in flight; otherwise the waker is woken when there is.
    pub(super) fn has_room(&self, waker: &Waker) -> bool {
        let mut inner = self.inner();
        if inner.full {
            inner.wait(waker);
        }
        !inner.full
    }

    /// Uses up a step for a beat.
    pub(super) fn beat(&self) {
        let mut inner = self.inner();
        inner.steps = inner.steps.saturating_sub(1);
    }
}

impl Inner {
    fn wait(&mut self, waker: &Waker) {
        if !self.wakers.iter().any(|other| other.will_wake(waker)) {
            self.wakers.push(waker.clone());
        }
    }

    fn wake(&mut self) {
        self.wakers.drain(..).for_each(Waker::wake);
    }
}
