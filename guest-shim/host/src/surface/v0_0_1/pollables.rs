//! The pollables of a surface.

use std::{
    future::{Future as _, poll_fn},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::time::{Instant, Sleep, sleep_until};
use wasmtime_wasi_io::{async_trait, poll::Pollable};

use super::resources::Shown;
use crate::surface::{display::Display, state::State};

/// Ready while an event of a stream is unread.
pub(super) struct EventPollable {
    pub(super) state: Arc<State>,
    /// The stream's number on its surface.
    pub(super) stream: u64,
}

#[async_trait]
impl Pollable for EventPollable {
    async fn ready(&mut self) {
        poll_fn(|context| self.state.poll_unread(self.stream, context.waker())).await;
    }
}

/// Ready when a beat is due, there is room for a frame in flight, and the display is not paused; and until the guest has taken the
/// beat.
pub(super) struct FramePollable {
    display: Display,
    surface: Shown,
    /// The timer that wakes the guest.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl FramePollable {
    pub(super) fn new(display: Display, surface: Shown) -> Self {
        Self { display, surface, sleep: None }
    }

    fn poll_beat(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Self { display, surface, sleep } = self;
        let mut beat = surface.beat();
        if surface.state.is_closed(context.waker()) || beat.announced {
            return Poll::Ready(());
        }
        if !display.has_room(context.waker()) || !display.beats(context.waker()) {
            return Poll::Pending;
        }
        let now = Instant::now();
        if let Some(due) = beat.due.filter(|&due| due > now) {
            let sleep = match sleep {
                Some(sleep) => {
                    sleep.as_mut().reset(due);
                    sleep
                }
                None => sleep.insert(Box::pin(sleep_until(due))),
            };
            if sleep.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
        }
        // The period counts from beat to beat; missed beats are dropped.
        if let Some(period) = display.period() {
            beat.due = Some(beat.due.unwrap_or(now).checked_add(period).unwrap_or(now).max(now));
        }
        display.beat();
        beat.announced = true;
        Poll::Ready(())
    }
}

#[async_trait]
impl Pollable for FramePollable {
    async fn ready(&mut self) {
        poll_fn(|context| self.poll_beat(context)).await;
    }
}
