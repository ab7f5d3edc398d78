//! `airlock run` gives up what it no longer needs before the guest runs: a guest that breaks out of its sandbox in this
//! process finds the folders it was given, and a worker that is jailed by itself.
//!
//! | layer | what it takes away |
//! |---|---|
//! | `no-new-privileges` | set-user-id programs and file capabilities |
//! | `capabilities` | all of them |
//! | `landlock` | all files but the guest's folders and the run's own recordings, devices among them; TCP; signals to others |
//! | `seccomp` | other programs and processes, other sockets than Unix, new machine code, and much that only attacks use |
//!
//! All of it binds the calling thread and those that it makes later. Everything that needs more comes before: the
//! component is read and compiled (its compiler's threads have ended by then), and the broker, which starts workers, runs.

#[cfg(target_os = "linux")]
#[path = "confine/linux.rs"]
mod system;
#[cfg(not(target_os = "linux"))]
#[path = "confine/other.rs"]
mod system;

use std::path::PathBuf;

use airlock_traces::cli::jail::JailMode;

use super::error::CliError;

/// What stays in reach.
#[derive(Debug, Default)]
pub struct Reach {
    /// The folders that the guest was given, and that of the flight recorder: whatever a guest may do with files.
    pub folders: Vec<PathBuf>,
    /// Files that this process writes.
    pub files: Vec<PathBuf>,
}

/// A layer by its name, and why it does not hold.
pub type Layer = (&'static str, Result<(), String>);

/// Confines this process. It must have no second thread: the layers would not bind it.
pub fn confine(mode: JailMode, reach: &Reach) -> Result<(), CliError> {
    if mode == JailMode::Off {
        return Ok(());
    }
    for (layer, state) in system::confine(reach) {
        match state {
            Ok(()) => {}
            Err(why) if mode == JailMode::Strict => return Err(CliError::Unconfined { layer, why }),
            Err(why) => tracing::warn!("this process is not confined by {layer}: {why}"),
        }
    }
    Ok(())
}
