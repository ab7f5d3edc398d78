//! The pollable of uncaptured errors. The interface has no function that returns the error, so that it is logged.

use std::{future::poll_fn, task::Poll};

use airlock_client::ErrorStream;
use wasmtime_wasi_io::{async_trait, poll::Pollable};

/// Maximum number of errors that one pollable logs: a guest with an error in its loop must not fill the log.
const MAX_LOGGED: u32 = 20;

/// Ready once for each error; never after the loss of the device.
pub(super) struct UncapturedErrors {
    errors: ErrorStream,
    logged: u32,
}

impl UncapturedErrors {
    pub(super) fn new(errors: ErrorStream) -> Self {
        Self { errors, logged: 0 }
    }
}

#[async_trait]
impl Pollable for UncapturedErrors {
    async fn ready(&mut self) {
        let error = poll_fn(|context| match self.errors.poll_next(context.waker()) {
            Poll::Ready(Some(error)) => Poll::Ready(error),
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        })
        .await;
        if self.logged < MAX_LOGGED {
            self.logged += 1;
            tracing::warn!(kind = ?error.kind, "uncaptured error: {}", error.message);
        }
    }
}
