//! Input to a surface, and the events that its streams carry.

use std::collections::VecDeque;

/// Maximum number of unread events of a stream. The oldest are dropped: a guest that does not read must not exhaust memory.
pub(super) const MAX_QUEUED: usize = 256;

/// Input of a viewer. Coordinates are in texels of a surface.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// Button pressed at a position, from the left and from the top.
    PointerDown(f64, f64),
    /// Button released.
    PointerUp(f64, f64),
    /// Pointer moved.
    PointerMove(f64, f64),
    /// Key pressed.
    KeyDown(KeyInput),
    /// Key released.
    KeyUp(KeyInput),
}

/// A key with its text and modifiers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KeyInput {
    /// `KeyboardEvent.code` of the key; one that the interface lacks becomes a key without a name.
    pub code: String,
    /// Character that the key types.
    pub text: Option<String>,
    /// Alt is down.
    pub alt: bool,
    /// Control is down.
    pub ctrl: bool,
    /// Meta is down.
    pub meta: bool,
    /// Shift is down.
    pub shift: bool,
}

/// Kinds of streams of a surface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Resize,
    PointerUp,
    PointerDown,
    PointerMove,
    KeyUp,
    KeyDown,
}

impl Kind {
    /// All kinds, in the order of their numbers.
    pub(super) const ALL: [Self; 6] =
        [Self::Resize, Self::PointerUp, Self::PointerDown, Self::PointerMove, Self::KeyUp, Self::KeyDown];
}

/// An event of any of the streams.
#[derive(Clone, Debug)]
pub(super) enum Event {
    Resize { width: u32, height: u32 },
    Pointer { x: f64, y: f64 },
    Key(KeyInput),
}

impl Input {
    /// The kind of stream that carries the input, and its event.
    pub(super) fn event(&self) -> (Kind, Event) {
        let pointer = |&x: &f64, &y: &f64| Event::Pointer { x, y };
        match self {
            Input::PointerDown(x, y) => (Kind::PointerDown, pointer(x, y)),
            Input::PointerUp(x, y) => (Kind::PointerUp, pointer(x, y)),
            Input::PointerMove(x, y) => (Kind::PointerMove, pointer(x, y)),
            Input::KeyDown(key) => (Kind::KeyDown, Event::Key(key.clone())),
            Input::KeyUp(key) => (Kind::KeyUp, Event::Key(key.clone())),
        }
    }
}

/// Events with the numbers of their inputs, for one stream.
#[derive(Debug, Default)]
pub(super) struct Queue(VecDeque<(u64, Event)>);

impl Queue {
    pub(super) fn push(&mut self, kind: Kind, number: u64, event: Event) {
        // Only the latest position and size matter to a guest that reads late.
        if kind == Kind::PointerMove || kind == Kind::Resize {
            self.0.clear();
        }
        if self.0.len() >= MAX_QUEUED {
            self.0.pop_front();
        }
        self.0.push_back((number, event));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes the oldest event.
    pub(super) fn pop(&mut self) -> Option<(u64, Event)> {
        self.0.pop_front()
    }

    /// Takes all events.
    pub(super) fn take(&mut self) -> Vec<(u64, Event)> {
        self.0.drain(..).collect()
    }
}
