//! Outcomes of putting a layer up and trying what it forbids.

use std::io;

/// Whether a layer holds, or why not.
pub type Held = Result<(), String>;

/// An error of the system in its own words.
pub fn because(what: &str, error: impl std::fmt::Display) -> String {
    format!("{what}: {error}")
}

/// The outcome of trying what a layer forbids: it must be refused, and not fail for want of something else.
pub fn forbidden<T, E: Into<io::Error>>(what: &str, tried: Result<T, E>) -> Held {
    match tried.map_err(Into::into) {
        Ok(_) => Err(format!("the self-test could {what}")),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        Err(error) => Err(format!("the self-test could not try to {what}: {error}")),
    }
}
