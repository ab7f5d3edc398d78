//! Error scopes, and errors that the host raises.

use airlock_protocol_derive::{command, wire};

use crate::ids::{DeviceId, RequestId};

/// `GPUDevice.pushErrorScope`.
#[command(effect = PushScope, opens = ErrorScope)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PushErrorScope {
    pub device: DeviceId,
    pub filter: ErrorFilter,
}

/// `GPUDevice.popErrorScope`. The reply is [`Event::ScopePopped`](crate::Event::ScopePopped).
#[command(effect = PopScope, closes = ErrorScope, reply = ScopePopped)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PopErrorScope {
    pub request: RequestId,
    pub device: DeviceId,
}

/// An error of the host's own validation (of a value that has no encoding, for example). The daemon delivers it like its
/// own errors, to the innermost matching scope.
#[command(effect = Raise)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RaiseError<'a> {
    pub device: DeviceId,
    pub kind: ErrorFilter,
    pub message: &'a str,
}

/// `GPUErrorFilter`, which is also the kind of a `GPUError`.
#[wire]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorFilter {
    Validation,
    OutOfMemory,
    Internal,
}

/// `GPUError`.
#[wire]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GpuError {
    pub kind: ErrorFilter,
    pub message: String,
}
