//! Results of applying and testing a layer.

use std::io;

/// `Ok` if a layer holds, or the reason why it does not.
pub type Held = Result<(), String>;

/// Formats a system error with its context.
pub fn because(what: &str, error: impl std::fmt::Display) -> String {
    format!("{what}: {error}")
}

/// Result of a test: the operation must fail with a permission error, and no other.
pub fn forbidden<T, E: Into<io::Error>>(what: &str, tried: Result<T, E>) -> Held {
    match tried.map_err(Into::into) {
        Ok(_) => Err(format!("the self-test could {what}")),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        Err(error) => Err(format!("the self-test could not try to {what}: {error}")),
    }
}
