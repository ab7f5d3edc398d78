//! Errors: those of this crate, and the handler of uncaptured ones.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::task::Poll;

use airlock_client::ErrorStream;
use airlock_protocol::commands::error::{ErrorFilter, GpuError};

use crate::context::lock;

/// A part of wgpu's API that WebGPU lacks.
#[derive(Clone, Debug)]
pub enum Absent {
    /// It needs features that no device of this backend has.
    Features(wgpu::Features),
    /// There is no feature flag for it.
    Other(&'static str),
}

impl fmt::Display for Absent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Absent::Features(features) => write!(f, "Features {features:?} are required but not enabled on the device"),
            Absent::Other(what) => f.write_str(what),
        }
    }
}

/// The message of a validation error that this crate reports.
pub fn message(operation: &str, label: Option<&str>, cause: &dyn fmt::Display) -> String {
    let label = label.filter(|label| !label.is_empty()).map_or(String::new(), |label| format!(", label = '{label}'"));
    format!("In {operation}{label}\n  {cause}")
}

/// Converts an error of the worker to one of wgpu.
pub fn from_worker(error: GpuError) -> wgpu::Error {
    let GpuError { kind, message } = error;
    match kind {
        ErrorFilter::Validation => {
            let description = describe("Validation Error", &message);
            wgpu::Error::Validation { source: message.into(), description }
        }
        ErrorFilter::OutOfMemory => wgpu::Error::OutOfMemory { source: message.into() },
        ErrorFilter::Internal => {
            let description = describe("Internal Error", &message);
            wgpu::Error::Internal { source: message.into(), description }
        }
    }
}

/// A description in wgpu's layout, which programs print and users search for.
fn describe(kind: &str, message: &str) -> String {
    let causes: String = message.lines().map(|line| format!("  {line}\n")).collect();
    format!("{kind}\n\nCaused by:\n{causes}")
}

/// The uncaptured errors of a device.
pub struct Uncaptured {
    stream: ErrorStream,
    handler: Mutex<Option<Arc<dyn wgpu::UncapturedErrorHandler>>>,
}

impl Uncaptured {
    pub fn new(stream: ErrorStream) -> Uncaptured {
        Uncaptured { stream, handler: Mutex::new(None) }
    }

    pub fn set_handler(&self, handler: Arc<dyn wgpu::UncapturedErrorHandler>) {
        *lock(&self.handler) = Some(handler);
    }

    /// Passes the errors that have arrived to the handler. Panics without a handler, as wgpu does.
    pub fn deliver(&self) {
        while let Poll::Ready(Some(error)) = self.stream.try_next() {
            let handler = lock(&self.handler).clone();
            let error = from_worker(error);
            match handler {
                Some(handler) => handler(error),
                // A second panic would abort the program. The client has logged the error.
                None if std::thread::panicking() => {}
                None => panic!("wgpu error: {error}\n"),
            }
        }
    }
}
