//! The side of the guest's process: sends frames to the front process, and receives input.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt as _,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering},
    },
    thread,
};

use airlock::surface::{Display, Frame, FrameSink, Input, Interest, KeyInput};

use super::link::{FromFront, KeyPress, Link, SLOT, SLOTS, Shown, ToFront, ViewerEvent};

/// State shared by the sink and the receiving thread.
#[derive(Debug, Default)]
struct Shared {
    watchers: AtomicU32,
    /// Bit mask of the free slots.
    free: AtomicU8,
    /// The front process has ended.
    gone: AtomicBool,
}

struct Sink {
    link: Link,
    memory: File,
    shared: Arc<Shared>,
}

/// Starts the thread that receives, and returns the sink.
pub fn start(
    link: Link,
    memory: File,
    display: Display,
    snapshot: impl Fn() + Send + 'static,
) -> io::Result<Box<dyn FrameSink>> {
    let shared = Arc::new(Shared { free: AtomicU8::new((1 << SLOTS) - 1), ..Shared::default() });
    let (listening, heard) = (link.clone(), Arc::clone(&shared));
    let listen = move || {
        let why = loop {
            match listening.receive() {
                Ok(Some(message)) => heard.take(message, &display, &snapshot),
                Ok(None) => break "its process has ended".to_owned(),
                Err(error) => break error.to_string(),
            }
        };
        heard.gone.store(true, Ordering::Relaxed);
        // A paused guest would wait indefinitely.
        display.pause(false);
        tracing::warn!("the live view is over: {why}; the run goes on");
    };
    thread::Builder::new().name("view".to_owned()).spawn(listen)?;
    Ok(Box::new(Sink { link, memory, shared }))
}

impl Shared {
    fn take(&self, message: FromFront, display: &Display, snapshot: &impl Fn()) {
        match message {
            // Only valid as the first message.
            FromFront::Ready { .. } | FromFront::Failed { .. } => {}
            FromFront::Free { slot } if slot < SLOTS => {
                self.free.fetch_or(1 << slot, Ordering::Release);
            }
            FromFront::Free { .. } => {}
            FromFront::Watchers { count } => {
                self.watchers.store(count, Ordering::Relaxed);
                if count == 0 {
                    // No viewer is left to resume it.
                    display.pause(false);
                }
            }
            FromFront::Input { number, event } if event.is_valid() => display.input(number, &input(event)),
            FromFront::Input { .. } => {}
            FromFront::Pause { paused } => display.pause(paused),
            FromFront::Step => display.step(),
            FromFront::Trace => snapshot(),
        }
    }

    /// Index of a free slot.
    fn free_slot(&self) -> Option<u8> {
        let free = self.free.load(Ordering::Acquire);
        (0..SLOTS).find(|slot| free & 1 << slot != 0)
    }
}

impl FrameSink for Sink {
    fn interest(&mut self) -> Interest {
        let Shared { watchers, gone, .. } = &*self.shared;
        let watched = watchers.load(Ordering::Relaxed) > 0 && !gone.load(Ordering::Relaxed);
        if watched && self.shared.free_slot().is_some() { Interest::Latest } else { Interest::None }
    }

    fn frame(&mut self, frame: &Frame<'_>) {
        let Some(slot) = self.shared.free_slot() else { return };
        let rgba = frame.rgba();
        if rgba.len() as u64 > SLOT || self.memory.write_all_at(&rgba, u64::from(slot) * SLOT).is_err() {
            return;
        }
        self.shared.free.fetch_and(!(1 << slot), Ordering::Relaxed);
        let Frame { number, width, height, input, .. } = *frame;
        // The receiving thread notices the end of the front process.
        let _ = self.link.send(&ToFront::Frame(Shown { slot, number, width, height, input }));
    }
}

fn input(event: ViewerEvent) -> Input {
    match event {
        ViewerEvent::Down { x, y } => Input::PointerDown(x, y),
        ViewerEvent::Up { x, y } => Input::PointerUp(x, y),
        ViewerEvent::Move { x, y } => Input::PointerMove(x, y),
        ViewerEvent::KeyDown(press) => Input::KeyDown(key(press)),
        ViewerEvent::KeyUp(press) => Input::KeyUp(key(press)),
    }
}

fn key(press: KeyPress) -> KeyInput {
    let KeyPress { code, text, alt, ctrl, meta, shift } = press;
    KeyInput { code, text, alt, ctrl, meta, shift }
}
