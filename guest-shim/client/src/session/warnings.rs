//! Warnings of uncaptured errors that no stream of the guest's receives: the first few of a session, and a count of the
//! rest at its end, so that a guest with an error in its loop fills no disk.

use std::sync::atomic::{AtomicU64, Ordering};

use airlock_protocol::{commands::error::GpuError, ids::DeviceId};

/// Warnings of one session.
const MAX_WARNINGS: u64 = 20;

/// The warnings of one session. Dropping it logs the number of suppressed ones.
#[derive(Debug, Default)]
pub(crate) struct Warnings {
    /// Warn also of errors that a stream receives: its reader reports nothing.
    pub(crate) all: bool,
    told: AtomicU64,
}

impl Warnings {
    pub(crate) fn new(all: bool) -> Self {
        Self { all, told: AtomicU64::new(0) }
    }

    /// Logs an error, unless there were too many warnings.
    pub(crate) fn tell(&self, device: DeviceId, error: &GpuError) {
        let told = self.told.fetch_add(1, Ordering::Relaxed);
        if told < MAX_WARNINGS {
            tracing::warn!(device = device.0, kind = ?error.kind, "uncaptured error: {}", error.message);
        }
    }

    /// Number of errors that were to be logged so far.
    pub(crate) fn count(&self) -> u64 {
        self.told.load(Ordering::Relaxed)
    }
}

impl Drop for Warnings {
    fn drop(&mut self) {
        match self.count().saturating_sub(MAX_WARNINGS) {
            0 => {}
            1 => tracing::warn!("1 more uncaptured error is not shown"),
            more => tracing::warn!("{more} more uncaptured errors are not shown"),
        }
    }
}
