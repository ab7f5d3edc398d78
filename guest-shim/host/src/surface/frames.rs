//! The stream of `on-frame`: the beats to which a guest draws.

use std::{
    future::Future as _,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::time::{Instant, Sleep};
use wasmtime::{
    StoreContextMut,
    component::{Destination, StreamProducer, StreamResult, VecBuffer},
};

use super::{bindings::wasi_gfx::surface::surface::FrameEvent, ctx::WasiSurfaceCtxView, state::State};

/// Produces a beat when it is due, there is room for a frame in flight, and the display is not paused.
pub(super) struct FrameProducer<T> {
    surface: Arc<State>,
    view: fn(&mut T) -> WasiSurfaceCtxView<'_>,
    /// The time of the next beat, and the timer that wakes the guest then.
    due: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl<T> FrameProducer<T> {
    pub(super) fn new(surface: Arc<State>, view: fn(&mut T) -> WasiSurfaceCtxView<'_>) -> Self {
        Self { surface, view, due: None }
    }
}

impl<T: 'static> StreamProducer<T> for FrameProducer<T> {
    type Item = FrameEvent;
    type Buffer = VecBuffer<FrameEvent>;

    fn poll_produce<'a>(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut store: StoreContextMut<'a, T>,
        mut destination: Destination<'a, FrameEvent, VecBuffer<FrameEvent>>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        if destination.remaining(&mut store) == Some(0) {
            return Poll::Ready(Ok(StreamResult::Completed));
        }
        let Self { surface, view, due } = self.get_mut();
        let WasiSurfaceCtxView { surfaces, gpu, .. } = view(store.data_mut());
        let room = surfaces.collect(&mut gpu.client, context);
        if surface.is_closed(context.waker()) {
            return Poll::Ready(Ok(StreamResult::Dropped));
        }
        let pending = if finish { Poll::Ready(Ok(StreamResult::Cancelled)) } else { Poll::Pending };
        if !room || !surfaces.display().beats(context.waker()) {
            return pending;
        }
        if let Some((_, sleep)) = due
            && sleep.as_mut().poll(context).is_pending()
        {
            return pending;
        }
        if let Some(period) = surfaces.display().period() {
            // The period counts from beat to beat, so that a late one does not delay all later ones; missed beats are
            // dropped.
            let now = Instant::now();
            let next = due.as_ref().map_or(now, |&(last, _)| last).checked_add(period).unwrap_or(now).max(now);
            match due {
                Some((last, sleep)) => {
                    *last = next;
                    sleep.as_mut().reset(next);
                }
                None => *due = Some((next, Box::pin(tokio::time::sleep_until(next)))),
            }
        }
        surfaces.display().beat();
        destination.set_buffer(vec![FrameEvent { nothing: true }].into());
        Poll::Ready(Ok(StreamResult::Completed))
    }
}
