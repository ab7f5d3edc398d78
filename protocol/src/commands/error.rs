//! Error scopes, and errors that the host finds.

use airlock_protocol_derive::{command, wire};

use crate::ids::{DeviceId, RequestId};

/// `GPUDevice.pushErrorScope`.
#[command(effect = PushScope, opens = ErrorScope)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PushErrorScope {
    /// The device.
    pub device: DeviceId,
    /// Which errors it catches.
    pub filter: ErrorFilter,
}

/// `GPUDevice.popErrorScope`. Answered by [`Event::ScopePopped`](crate::Event::ScopePopped).
#[command(effect = PopScope, closes = ErrorScope, reply = ScopePopped)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PopErrorScope {
    /// The answer's number.
    pub request: RequestId,
    /// The device.
    pub device: DeviceId,
}

/// An error that the host found where only it can look (a value that has no place on the wire, for example). The
/// daemon puts it where its own errors go: into the innermost matching scope.
#[command(effect = Raise)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RaiseError<'a> {
    /// The device.
    pub device: DeviceId,
    /// Its kind.
    pub kind: ErrorFilter,
    /// What is wrong.
    pub message: &'a str,
}

/// `GPUErrorFilter`, which is also the kind of a `GPUError`.
#[wire]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum ErrorFilter {
    Validation,
    OutOfMemory,
    Internal,
}

/// `GPUError`.
#[wire]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GpuError {
    /// Its kind.
    pub kind: ErrorFilter,
    /// What is wrong.
    pub message: String,
}
