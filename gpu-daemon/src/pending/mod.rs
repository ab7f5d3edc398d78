//! Pending work of the GPU: maps, work-done requests, submits, losses, and the thread that polls for them.

pub mod completions;
pub mod poll;
pub mod submits;
pub mod watch;
