//! Error scopes, and errors that the host finds.

use serde::{Deserialize, Serialize};

use crate::ids::{DeviceId, RequestId};

/// `GPUDevice.pushErrorScope`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushErrorScope {
    /// The device.
    pub device: DeviceId,
    /// Which errors it catches.
    pub filter: ErrorFilter,
}

/// `GPUDevice.popErrorScope`. Answered by [`Event::ScopePopped`](crate::Event::ScopePopped).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PopErrorScope {
    /// The answer's number.
    pub request: RequestId,
    /// The device.
    pub device: DeviceId,
}

/// An error that the host found where only it can look (a value that has no place on the wire, for example). The
/// daemon puts it where its own errors go: into the innermost matching scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RaiseError<'a> {
    /// The device.
    pub device: DeviceId,
    /// Its kind.
    pub kind: ErrorFilter,
    /// What is wrong.
    pub message: &'a str,
}

/// `GPUErrorFilter`, which is also the kind of a `GPUError`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum ErrorFilter {
    Validation,
    OutOfMemory,
    Internal,
}

/// `GPUError`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GpuError {
    /// Its kind.
    pub kind: ErrorFilter,
    /// What is wrong.
    pub message: String,
}
