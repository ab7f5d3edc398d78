//! Error scopes as a guard: calls between [`ErrorScopes::open`] and [`ErrorScopes::close`] must raise no error.

use crate::gpu::{GpuDevice, GpuError, GpuErrorFilter, GpuErrorKind};
use crate::start::{Failure, Outcome};

/// One scope per kind of error. WebGPU reports an error only to a scope, or on the stream of uncaptured errors; a guest that
/// reads neither would later compare wrong results without the reason.
#[must_use = "close the scopes, or they stay on the device's stack"]
pub struct ErrorScopes<'a> {
    device: &'a GpuDevice,
}

impl<'a> ErrorScopes<'a> {
    pub fn open(device: &'a GpuDevice) -> ErrorScopes<'a> {
        device.push_error_scope(GpuErrorFilter::Internal);
        device.push_error_scope(GpuErrorFilter::OutOfMemory);
        device.push_error_scope(GpuErrorFilter::Validation);
        ErrorScopes { device }
    }

    /// Fails with the first caught error; `what` names the guarded work.
    pub async fn close(self, what: &str) -> Outcome {
        let mut first = Ok(());
        for _ in 0..3 {
            let caught = self
                .device
                .pop_error_scope()
                .await
                .map_err(|error| Failure::new(format!("{what}: cannot pop an error scope: {}", error.message)))?;
            if let Some(error) = caught
                && first.is_ok()
            {
                first = Err(Failure::new(format!("{what}: {}", describe(&error))));
            }
        }
        first
    }
}

/// An error's text: `validation error: <message>` and the like.
pub fn describe(error: &GpuError) -> String {
    let kind = match error.kind() {
        GpuErrorKind::ValidationError => "validation error",
        GpuErrorKind::OutOfMemoryError => "out-of-memory error",
        GpuErrorKind::InternalError => "internal error",
    };
    format!("{kind}: {}", error.message())
}
