//! Error scopes (WebGPU, "Error Scopes"). The daemon has the stack; its depth is known here, so that an empty stack is
//! an error at once and a deep one is bounded.

use std::sync::atomic::Ordering;

use airlock_protocol::{
    commands::error::{ErrorFilter, GpuError, PopErrorScope, PushErrorScope},
    limits::MAX_SCOPES,
};

use crate::{
    client::Client,
    device::Device,
    session::{Gone, ScopeReply, Wait},
};

/// `OperationError`: there is no error scope to pop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no error scope to pop")]
pub struct EmptyScopeStack;

/// The result of `popErrorScope`, for [`popped`].
pub type ScopeWait = Wait<ScopeReply>;

impl Device {
    /// `GPUDevice.pushErrorScope`.
    pub fn push_error_scope(&self, client: &mut Client, filter: ErrorFilter) {
        let device = &self.state;
        // Scopes beyond the limit are counted here only: they catch nothing.
        if device.scopes.fetch_add(1, Ordering::Relaxed) < MAX_SCOPES as u32 {
            client.send(device, PushErrorScope { device: device.id, filter });
        }
    }

    /// `GPUDevice.popErrorScope`.
    pub fn pop_error_scope(&self, client: &mut Client) -> Result<ScopeWait, EmptyScopeStack> {
        let device = &self.state;
        let depth = device.scopes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |depth| depth.checked_sub(1));
        match depth {
            // WebGPU, "popErrorScope": a lost device always resolves to null, also where no scope is left.
            Err(_) if device.is_lost() => Ok(Wait::ready(Ok(None))),
            Err(_) => Err(EmptyScopeStack),
            Ok(depth) if depth > MAX_SCOPES as u32 => Ok(Wait::ready(Ok(None))),
            Ok(_) => {
                let command = |request| PopErrorScope { request, device: device.id };
                Ok(client.request(device, 0, command).unwrap_or_else(|| {
                    // The scope stays on the daemon's stack.
                    device.scopes.fetch_add(1, Ordering::Relaxed);
                    Wait::ready(Ok(None))
                }))
            }
        }
    }

    /// Reports an error that the owner has found in a call of its own, which has no command. The daemon delivers it
    /// like its own errors, to the innermost matching scope. The message is truncated to
    /// [`MAX_MESSAGE`](airlock_protocol::limits::MAX_MESSAGE) bytes.
    pub fn report_error(&self, client: &mut Client, kind: ErrorFilter, message: &str) {
        client.raise(&self.state, kind, message);
    }
}

/// The error that a scope has caught, if any. A lost device has no errors (WebGPU, popErrorScope).
pub fn popped(reply: Result<ScopeReply, Gone>) -> Result<Option<GpuError>, EmptyScopeStack> {
    match reply {
        Ok(Ok(error)) => Ok(error),
        Ok(Err(())) => Err(EmptyScopeStack),
        Err(Gone) => Ok(None),
    }
}
