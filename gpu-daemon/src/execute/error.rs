//! Error scopes, and errors raised by the host's checks.

use airlock_protocol::{
    Event,
    commands::error::{PopErrorScope, PushErrorScope, RaiseError},
};

use crate::{gpu::violation::Outcome, session::Session};

impl Session {
    pub(super) fn push_error_scope(&mut self, c: PushErrorScope) -> Outcome {
        self.devices.get(c.device)?.scopes.borrow_mut().push(c.filter)
    }

    pub(super) fn pop_error_scope(&mut self, c: PopErrorScope) -> Outcome {
        let device = self.devices.get(c.device)?;
        let result = device.scopes.borrow_mut().pop();
        // WebGPU, "popErrorScope": a lost device has no errors and always resolves to null.
        let result = if device.is_lost() { Ok(None) } else { result };
        self.completions.events.send(&Event::ScopePopped { request: c.request, result });
        Ok(())
    }

    pub(super) fn raise_error(&mut self, c: RaiseError<'_>) -> Outcome {
        self.devices.get(c.device)?.raise(c.kind, c.message);
        Ok(())
    }
}
