//! Errors of the host and of this crate, and the scopes and handlers that they reach.
//!
//! The host has its own stack of error scopes, to which this crate cannot add its own errors. A second stack stands
//! beside it, and popping a scope queries both.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::bindings::webgpu as gpu;

/// A part of wgpu's API that `wasi:webgpu` lacks.
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

/// Creates a validation error of this crate.
pub fn validation(operation: &str, label: Option<&str>, cause: &dyn fmt::Display) -> wgpu::Error {
    let label = label.filter(|label| !label.is_empty()).map_or(String::new(), |label| format!(", label = '{label}'"));
    let message = format!("In {operation}{label}\n  {cause}");
    wgpu::Error::Validation { source: source(cause.to_string()), description: describe("Validation Error", &message) }
}

/// Converts an error of the host to one of wgpu.
pub fn from_host(error: &gpu::GpuError) -> wgpu::Error {
    let message = error.message();
    match error.kind() {
        gpu::GpuErrorKind::ValidationError => {
            let description = describe("Validation Error", &message);
            wgpu::Error::Validation { source: source(message), description }
        }
        gpu::GpuErrorKind::OutOfMemoryError => wgpu::Error::OutOfMemory { source: source(message) },
        gpu::GpuErrorKind::InternalError => {
            let description = describe("Internal Error", &message);
            wgpu::Error::Internal { source: source(message), description }
        }
    }
}

/// A description in wgpu's layout, which programs print and users search for.
fn describe(kind: &str, message: &str) -> String {
    let causes: String = message.lines().map(|line| format!("  {line}\n")).collect();
    format!("{kind}\n\nCaused by:\n{causes}")
}

fn source(message: String) -> Box<dyn std::error::Error + Send + Sync> {
    message.into()
}

/// The error scopes and the handler of a device.
#[derive(Default)]
pub struct Errors {
    scopes: Mutex<Vec<Scope>>,
    handler: Mutex<Option<Arc<dyn wgpu::UncapturedErrorHandler>>>,
}

struct Scope {
    filter: wgpu::ErrorFilter,
    /// The first error of this crate in the scope.
    error: Option<wgpu::Error>,
}

impl Errors {
    pub fn set_handler(&self, handler: Arc<dyn wgpu::UncapturedErrorHandler>) {
        *lock(&self.handler) = Some(handler);
    }

    /// Opens a scope and returns its place on the stack.
    pub fn push(&self, filter: wgpu::ErrorFilter) -> u32 {
        let mut scopes = lock(&self.scopes);
        scopes.push(Scope { filter, error: None });
        u32::try_from(scopes.len() - 1).unwrap_or(u32::MAX)
    }

    /// Closes the innermost scope and returns this crate's error in it.
    ///
    /// Panics if the scope at `index` is not the innermost one, as wgpu does.
    pub fn pop(&self, index: u32) -> Option<wgpu::Error> {
        let mut scopes = lock(&self.scopes);
        let innermost = u32::try_from(scopes.len()).ok().and_then(|depth| depth.checked_sub(1));
        if innermost != Some(index) && !std::thread::panicking() {
            drop(scopes);
            panic!("Mismatched pop_error_scope call: error scopes must be popped in reverse order.");
        }
        scopes.pop().and_then(|scope| scope.error)
    }

    /// Reports an error of this crate to the innermost scope that catches it, or to the handler.
    pub fn report(&self, error: wgpu::Error) {
        let filter = match error {
            wgpu::Error::Validation { .. } => wgpu::ErrorFilter::Validation,
            wgpu::Error::OutOfMemory { .. } => wgpu::ErrorFilter::OutOfMemory,
            wgpu::Error::Internal { .. } => wgpu::ErrorFilter::Internal,
        };
        if let Some(scope) = lock(&self.scopes).iter_mut().rev().find(|scope| scope.filter == filter) {
            scope.error.get_or_insert(error);
            return;
        }
        self.uncaptured(error);
    }

    /// Passes an uncaptured error to the handler. Panics without a handler, as wgpu does.
    pub fn uncaptured(&self, error: wgpu::Error) {
        let handler = lock(&self.handler).clone();
        match handler {
            Some(handler) => handler(error),
            None => panic!("wgpu error: {error}\n"),
        }
    }
}

/// Locks a mutex, poisoned or not: the guarded values are consistent at any time.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
