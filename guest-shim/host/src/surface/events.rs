//! What is done to a surface, and the streams through which a guest hears of it.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use wasmtime::{
    StoreContextMut,
    component::{Destination, Lift, Lower, StreamProducer, StreamResult, VecBuffer},
};

use super::{
    bindings::wasi_gfx::surface::surface::{Key, KeyEvent, PointerEvent, ResizeEvent},
    display::Display,
    state::State,
};

/// Events of a stream that were not read yet. Beyond, the oldest go: a guest that does not read must not fill the memory.
pub(super) const MAX_QUEUED: usize = 256;

/// What a viewer does, in texels of a surface.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// A button goes down at a place, from the left and from the top.
    PointerDown(f64, f64),
    /// It goes up.
    PointerUp(f64, f64),
    /// The pointer moves.
    PointerMove(f64, f64),
    /// A key goes down.
    KeyDown(KeyInput),
    /// It goes up.
    KeyUp(KeyInput),
}

/// A key, and what it means.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KeyInput {
    /// By its place.
    pub key: Option<Key>,
    /// What it types.
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

impl From<&KeyInput> for KeyEvent {
    fn from(input: &KeyInput) -> Self {
        let KeyInput { key, text, alt, ctrl, meta, shift } = input.clone();
        KeyEvent { key, text, alt_key: alt, ctrl_key: ctrl, meta_key: meta, shift_key: shift }
    }
}

/// The streams of a surface, by what they are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Resize,
    PointerUp,
    PointerDown,
    PointerMove,
    KeyUp,
    KeyDown,
}

/// An event of any of the streams.
#[derive(Clone, Debug)]
pub(super) enum Event {
    Resize(ResizeEvent),
    Pointer(PointerEvent),
    Key(KeyEvent),
}

/// An event of one type.
pub(super) trait Of: Lift + Lower + Send + Sync + Sized + 'static {
    fn of(event: Event) -> Option<Self>;
}

macro_rules! of {
    ($($Type:ident: $Case:ident)*) => {
        $(impl Of for $Type {
            fn of(event: Event) -> Option<Self> {
                match event {
                    Event::$Case(event) => Some(event),
                    _ => None,
                }
            }
        })*
    };
}
of! { ResizeEvent: Resize PointerEvent: Pointer KeyEvent: Key }

impl Input {
    /// The stream that hears of it, and what it hears.
    pub(super) fn event(&self) -> (Kind, Event) {
        let pointer = |&x: &f64, &y: &f64| Event::Pointer(PointerEvent { x, y });
        match self {
            Input::PointerDown(x, y) => (Kind::PointerDown, pointer(x, y)),
            Input::PointerUp(x, y) => (Kind::PointerUp, pointer(x, y)),
            Input::PointerMove(x, y) => (Kind::PointerMove, pointer(x, y)),
            Input::KeyDown(key) => (Kind::KeyDown, Event::Key(key.into())),
            Input::KeyUp(key) => (Kind::KeyUp, Event::Key(key.into())),
        }
    }
}

/// Events with the numbers of their inputs, for one stream.
#[derive(Debug, Default)]
pub(super) struct Queue(VecDeque<(u64, Event)>);

impl Queue {
    pub(super) fn push(&mut self, kind: Kind, number: u64, event: Event) {
        // Where the pointer was in between is of no use to a guest that was late.
        if kind == Kind::PointerMove || kind == Kind::Resize {
            self.0.clear();
        }
        if self.0.len() >= MAX_QUEUED {
            self.0.pop_front();
        }
        self.0.push_back((number, event));
    }

    pub(super) fn take(&mut self) -> Vec<(u64, Event)> {
        self.0.drain(..).collect()
    }
}

/// Gives the events of one stream.
pub(super) struct EventProducer<E> {
    pub(super) display: Display,
    pub(super) surface: Arc<State>,
    /// The stream's number on its surface.
    pub(super) stream: u64,
    pub(super) of: std::marker::PhantomData<fn() -> E>,
}

impl<E> Drop for EventProducer<E> {
    fn drop(&mut self) {
        self.surface.close_stream(self.stream);
    }
}

impl<T: 'static, E: Of> StreamProducer<T> for EventProducer<E> {
    type Item = E;
    type Buffer = VecBuffer<E>;

    fn poll_produce<'a>(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut store: StoreContextMut<'a, T>,
        mut destination: Destination<'a, E, VecBuffer<E>>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        if destination.remaining(&mut store) == Some(0) {
            return Poll::Ready(Ok(StreamResult::Completed));
        }
        match self.surface.poll_stream(self.stream, context.waker()) {
            Poll::Ready(Some(events)) => {
                events.iter().for_each(|(number, _)| self.display.took(*number));
                let events: Vec<_> = events.into_iter().filter_map(|(_, event)| E::of(event)).collect();
                destination.set_buffer(events.into());
                Poll::Ready(Ok(StreamResult::Completed))
            }
            Poll::Ready(None) => Poll::Ready(Ok(StreamResult::Dropped)),
            Poll::Pending if finish => Poll::Ready(Ok(StreamResult::Cancelled)),
            Poll::Pending => Poll::Pending,
        }
    }
}
