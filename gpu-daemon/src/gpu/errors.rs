//! Error scopes, and the text of wgpu's errors.
//!
//! wgpu-core returns every error as a value and has no scopes; this module keeps them, one stack per device.

use std::{error::Error, fmt::Write};

use airlock_protocol::{
    commands::error::{ErrorFilter, GpuError},
    limits::{MAX_LABEL, MAX_MESSAGE, MAX_SCOPES, cut},
};
use wgpu_types::error::ErrorType;

use crate::gpu::violation::{Outcome, Violation};

/// A device's stack of error scopes. Errors are stored by kind, for access to the innermost scope of a kind in constant time.
#[derive(Debug, Default)]
pub struct Scopes {
    filters: Vec<ErrorFilter>,
    /// Error of each scope of a kind, the innermost last.
    validation: Vec<Option<Box<GpuError>>>,
    out_of_memory: Vec<Option<Box<GpuError>>>,
    internal: Vec<Option<Box<GpuError>>>,
}

/// Scopes of one kind that keep whole messages; those inside of them keep [`SHORT_MESSAGE`] bytes each.
const WHOLE_MESSAGES: usize = 1 << 10;
/// See [`WHOLE_MESSAGES`].
const SHORT_MESSAGE: usize = 128;

impl Scopes {
    /// Opens a scope.
    pub fn push(&mut self, filter: ErrorFilter) -> Outcome {
        if self.filters.len() >= MAX_SCOPES {
            return Err(Violation::Scopes);
        }
        self.filters.push(filter);
        self.of(filter).push(None);
        Ok(())
    }

    /// Closes the innermost scope and returns its first error; `Err` when none is open.
    #[allow(clippy::result_unit_err)]
    pub fn pop(&mut self) -> Result<Option<GpuError>, ()> {
        let filter = self.filters.pop().ok_or(())?;
        Ok(self.of(filter).pop().flatten().map(|error| *error))
    }

    /// Adds an error to the innermost scope with its filter; returns the error when there is none.
    pub fn catch(&mut self, error: GpuError) -> Option<GpuError> {
        let scopes = self.of(error.kind);
        let whole = scopes.len() <= WHOLE_MESSAGES;
        let Some(scope) = scopes.last_mut() else { return Some(error) };
        if scope.is_none() {
            let GpuError { kind, message } = error;
            let message = if whole { message } else { cut(&message, SHORT_MESSAGE).to_owned() };
            *scope = Some(Box::new(GpuError { kind, message }));
        }
        None
    }

    fn of(&mut self, filter: ErrorFilter) -> &mut Vec<Option<Box<GpuError>>> {
        match filter {
            ErrorFilter::Validation => &mut self.validation,
            ErrorFilter::OutOfMemory => &mut self.out_of_memory,
            ErrorFilter::Internal => &mut self.internal,
        }
    }
}

/// The kind of a `GPUError`; `None` for the errors of a lost device, which only reports the loss itself.
pub fn kind(of: ErrorType) -> Option<ErrorFilter> {
    match of {
        ErrorType::Validation => Some(ErrorFilter::Validation),
        ErrorType::OutOfMemory => Some(ErrorFilter::OutOfMemory),
        ErrorType::Internal => Some(ErrorFilter::Internal),
        ErrorType::DeviceLost => None,
    }
}

/// Formats the call, the label and all causes, one per line.
pub fn describe(call: &str, label: &str, error: &(dyn Error + 'static)) -> String {
    let mut text = format!("In {call}");
    if !label.is_empty() {
        let _ = write!(text, ", label = '{}'", cut(label, MAX_LABEL));
    }
    causes(&mut text, 1, error);
    if text.len() > MAX_MESSAGE {
        text = cut(&text, MAX_MESSAGE).to_owned();
    }
    text
}

fn causes(text: &mut String, depth: usize, error: &(dyn Error + 'static)) {
    // Bounds the depth of a chain.
    if depth > 16 || text.len() > MAX_MESSAGE {
        return;
    }
    if let Some(several) = error.downcast_ref::<wgpu_core::error::MultiError>() {
        for error in several.errors() {
            cause(text, depth, error);
        }
    } else {
        cause(text, depth, error);
    }
}

fn cause(text: &mut String, depth: usize, error: &(dyn Error + 'static)) {
    let _ = write!(text, "\n{:indent$}{error}", "", indent = depth * 2);
    if let Some(source) = error.source() {
        causes(text, depth + 1, source);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(kind: ErrorFilter, message: &str) -> GpuError {
        GpuError { kind, message: message.to_owned() }
    }

    #[test]
    fn the_innermost_matching_scope_keeps_the_first_error() -> Outcome {
        let mut scopes = Scopes::default();
        scopes.push(ErrorFilter::Validation)?;
        scopes.push(ErrorFilter::OutOfMemory)?;
        assert_eq!(scopes.catch(error(ErrorFilter::Validation, "a")), None);
        assert_eq!(scopes.catch(error(ErrorFilter::Validation, "b")), None);
        assert_eq!(scopes.catch(error(ErrorFilter::OutOfMemory, "c")), None);
        assert_eq!(scopes.pop(), Ok(Some(error(ErrorFilter::OutOfMemory, "c"))));
        assert_eq!(scopes.pop(), Ok(Some(error(ErrorFilter::Validation, "a"))));
        assert_eq!(scopes.pop(), Err(()));
        Ok(())
    }

    #[test]
    fn an_error_without_a_matching_scope_comes_back() -> Outcome {
        let mut scopes = Scopes::default();
        scopes.push(ErrorFilter::Internal)?;
        let lonely = error(ErrorFilter::Validation, "a");
        assert_eq!(scopes.catch(lonely.clone()), Some(lonely));
        assert_eq!(scopes.pop(), Ok(None));
        Ok(())
    }

    #[test]
    fn scopes_are_bounded() -> Outcome {
        let mut scopes = Scopes::default();
        for _ in 0..MAX_SCOPES {
            scopes.push(ErrorFilter::Validation)?;
        }
        assert!(scopes.push(ErrorFilter::Validation).is_err());
        Ok(())
    }

    #[test]
    fn a_message_names_the_call_the_label_and_the_causes() {
        let cause = std::io::Error::other("the reason");
        let text = describe("GPUDevice.createBuffer", "mine", &cause);
        assert_eq!(text, "In GPUDevice.createBuffer, label = 'mine'\n  the reason");
    }

    #[test]
    fn a_long_message_is_cut() {
        let cause = std::io::Error::other("é".repeat(MAX_MESSAGE));
        let text = describe("GPUDevice.createBuffer", "", &cause);
        assert!(text.len() <= MAX_MESSAGE && text.len() > MAX_MESSAGE - 4);
    }
}
