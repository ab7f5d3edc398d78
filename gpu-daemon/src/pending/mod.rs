//! Pending GPU work: maps, work-done requests, submits, losses, and the poll thread.

pub mod completions;
pub mod poll;
pub mod submits;
pub mod watch;
