//! Confinement of the process that runs a guest: a guest that breaks out of its sandbox finds the folders it was given, and
//! a worker that is jailed by itself.
//!
//! | layer | what it takes away |
//! |---|---|
//! | `descriptors` | what the process was started with by mistake, if [`note_inherited`] came first |
//! | `no-new-privileges` | set-user-id programs and file capabilities |
//! | `capabilities` | all of them |
//! | `landlock` | all files but the [`Reach`], devices among them; TCP; signals to others |
//! | `seccomp` | every system call but those that a runtime and a guest's files need: no other programs or processes, no signals to them, no other sockets than Unix, no new machine code, no modes, owners and attributes of files |
//!
//! All of it binds the calling thread and those that it makes later. An embedder therefore calls [`confine`] on the main
//! thread, before it starts a runtime, and does before it what needs more: read and compile the component (with the
//! compiler's threads ended), and make a [`Daemon`](crate::Daemon) with a broker, which starts workers for it:
//!
//! ```no_run
//! use airlock::{Daemon, confine::{Reach, confine}};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let daemon = Daemon::find()?.brokered()?;
//! // ... compile the component; then:
//! for (layer, state) in confine(&Reach { folders: vec!["/srv/guest".into()], files: Vec::new() }) {
//!     state.map_err(|why| format!("this process is not confined by {layer}: {why}"))?;
//! }
//! // ... start a runtime, make a context with `WasiWebGpuCtx::builder().daemon(daemon)`, run the guest.
//! # Ok(())
//! # }
//! ```

#[cfg(target_os = "linux")]
#[path = "confine/descriptors.rs"]
mod descriptors;
#[cfg(target_os = "linux")]
#[path = "confine/linux.rs"]
mod system;
#[cfg(not(target_os = "linux"))]
#[path = "confine/other.rs"]
mod system;

use std::path::PathBuf;

/// What stays in reach.
#[derive(Clone, Debug, Default)]
pub struct Reach {
    /// The folders that the guest was given, and others that this process writes to: whatever a guest may do with files.
    pub folders: Vec<PathBuf>,
    /// Files that this process writes. They must be there.
    pub files: Vec<PathBuf>,
}

/// A layer by its name, and why it does not hold.
pub type Layer = (&'static str, Result<(), String>);

/// Notes what the process was started with, and keeps it from programs that are started: [`confine`] closes it. To be called
/// before the process opens anything; without it, what was inherited stays.
pub fn note_inherited() {
    #[cfg(target_os = "linux")]
    descriptors::note();
}

/// Confines this process, for good, and tries each layer by doing what it forbids. Gives the layers in the order of the
/// table above; what to do about one that does not hold is the caller's policy.
///
/// The process must have no second thread: the layers would not bind it. Threads that are ending are waited for, two
/// seconds at most; then every layer says that it does not hold. Systems other than Linux have no layer.
#[must_use = "a layer may not hold"]
pub fn confine(reach: &Reach) -> Vec<Layer> {
    system::confine(reach)
}
