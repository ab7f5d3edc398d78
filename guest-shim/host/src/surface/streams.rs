//! The streams through which a guest receives events.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use wasmtime::{
    StoreContextMut,
    component::{Destination, Lift, Lower, StreamProducer, StreamResult, VecBuffer},
};

use super::{
    bindings::wasi_gfx::surface::surface::{KeyEvent, PointerEvent, ResizeEvent},
    display::Display,
    events::{Event, KeyInput},
    keys::key_from_code,
    state::State,
};

/// A record of the interface for one kind of event.
pub(super) trait FromEvent: Lift + Lower + Send + Sync + Sized + 'static {
    /// The record; `None` for an event of another kind.
    fn from_event(event: Event) -> Option<Self>;
}

impl FromEvent for ResizeEvent {
    fn from_event(event: Event) -> Option<Self> {
        let Event::Resize { width, height } = event else { return None };
        Some(ResizeEvent { height, width })
    }
}

impl FromEvent for PointerEvent {
    fn from_event(event: Event) -> Option<Self> {
        let Event::Pointer { x, y } = event else { return None };
        Some(PointerEvent { x, y })
    }
}

impl FromEvent for KeyEvent {
    fn from_event(event: Event) -> Option<Self> {
        let Event::Key(KeyInput { code, text, alt, ctrl, meta, shift }) = event else { return None };
        let key = key_from_code(&code);
        Some(KeyEvent { key, text, alt_key: alt, ctrl_key: ctrl, meta_key: meta, shift_key: shift })
    }
}

/// Produces the events of one stream.
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

impl<T: 'static, E: FromEvent> StreamProducer<T> for EventProducer<E> {
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
                let events: Vec<_> = events.into_iter().filter_map(|(_, event)| E::from_event(event)).collect();
                destination.set_buffer(events.into());
                Poll::Ready(Ok(StreamResult::Completed))
            }
            Poll::Ready(None) => Poll::Ready(Ok(StreamResult::Dropped)),
            Poll::Pending if finish => Poll::Ready(Ok(StreamResult::Cancelled)),
            Poll::Pending => Poll::Pending,
        }
    }
}
