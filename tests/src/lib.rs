//! What the end-to-end tests share: finding the built programs, running them with a time limit, a `gpu-daemon serve` of
//! one's own, components made to order.
//!
//! The tests see only what a user sees: processes, their output, exit codes, files. The programs are the ones that
//! the same profile has put beside the tests.

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
pub mod statistics;
#[cfg(target_os = "linux")]
pub mod viewer;

/// A folder of a test's own, gone with the value.
pub fn scratch() -> tempfile::TempDir {
    #[allow(clippy::expect_used)]
    tempfile::tempdir().expect("a folder for temporary files")
}
