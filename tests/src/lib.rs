//! Helpers of the end-to-end tests: finding the built programs, running them with a time limit, a `gpu-daemon serve`
//! per test, generated components.
//!
//! The tests see only what a user can see: processes, their output, exit codes, files. The programs are those that the
//! same profile has built beside the tests.

pub mod benchmarks;
#[cfg(target_os = "linux")]
pub mod browser;
pub mod components;
pub mod http;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub mod inject;
pub mod interface;
pub mod load;
pub mod pictures;
pub mod processes;
pub mod programs;
pub mod published;
pub mod recordings;
pub mod statistics;
#[cfg(target_os = "linux")]
pub mod viewer;

/// A folder of a test's own, removed on drop.
pub fn scratch() -> tempfile::TempDir {
    #[allow(clippy::expect_used)]
    tempfile::tempdir().expect("a folder for temporary files")
}
