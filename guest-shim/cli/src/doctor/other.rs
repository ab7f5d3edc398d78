//! A system of which nothing more is known than its name.

use airlock_protocol::commands::adapter::Capabilities;

use super::report::{Finding, System};

/// Its name.
pub fn examine() -> System {
    System { name: std::env::consts::OS.to_owned(), jail: Vec::new() }
}

/// There is an adapter, or there is none, or that is not known.
pub fn graphics(adapters: Option<&[Capabilities]>) -> Vec<Finding> {
    match adapters {
        Some([]) => vec![Finding { problem: "no adapter".to_owned(), remedy: None, necessary: true }],
        Some(_) | None => Vec::new(),
    }
}
