//! Other systems: only the name is reported.

use airlock_protocol::commands::adapter::Capabilities;

use super::report::{Finding, System};

/// The system's name, without facilities.
pub fn examine() -> System {
    System { name: std::env::consts::OS.to_owned(), jail: Vec::new() }
}

/// A finding for an empty list of adapters; none for an unknown one.
pub fn graphics(adapters: Option<&[Capabilities]>) -> Vec<Finding> {
    match adapters {
        Some([]) => vec![Finding { problem: "no adapter".to_owned(), remedy: None, necessary: true }],
        Some(_) | None => Vec::new(),
    }
}
