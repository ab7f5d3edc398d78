//! Errors: from the host, from this crate, and the scopes and handlers that they reach.
//!
//! The host has a stack of error scopes of its own. An error that this crate finds by itself cannot be put there, so a
//! second stack stands beside it, and popping a scope asks both.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::bindings::webgpu as gpu;

/// What wgpu can ask for and `wasi:webgpu` has no place for.
#[derive(Clone, Debug)]
pub enum Absent {
    /// It needs features that no device of this backend has.
    Features(wgpu::Features),
    /// There is no feature for it.
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

/// A validation error that this crate reports.
pub fn validation(operation: &str, label: Option<&str>, cause: &dyn fmt::Display) -> wgpu::Error {
    let label = label.filter(|label| !label.is_empty()).map_or(String::new(), |label| format!(", label = '{label}'"));
    let message = format!("In {operation}{label}\n  {cause}");
    wgpu::Error::Validation { source: source(cause.to_string()), description: describe("Validation Error", &message) }
}

/// An error of the host as one of wgpu.
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

/// A description laid out as wgpu's are, which programs print and people search for.
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
    /// The first error that this crate reported into the scope.
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

    /// Closes the innermost scope and returns what this crate reported into it.
    ///
    /// Panics as wgpu does where the scope at `index` is not the innermost one.
    pub fn pop(&self, index: u32) -> Option<wgpu::Error> {
        let mut scopes = lock(&self.scopes);
        let innermost = u32::try_from(scopes.len()).ok().and_then(|depth| depth.checked_sub(1));
        if innermost != Some(index) && !std::thread::panicking() {
            drop(scopes);
            panic!("Mismatched pop_error_scope call: error scopes must be popped in reverse order.");
        }
        scopes.pop().and_then(|scope| scope.error)
    }

    /// Reports an error that this crate has found: to the innermost scope that catches it, or to the handler.
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

    /// Hands an error that no scope caught to the handler. Panics where the program has set none, as wgpu does.
    pub fn uncaptured(&self, error: wgpu::Error) {
        let handler = lock(&self.handler).clone();
        match handler {
            Some(handler) => handler(error),
            None => panic!("wgpu error: {error}\n"),
        }
    }
}

/// What was being done when a lock's holder panicked is of no concern: the values are whole at any time.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
