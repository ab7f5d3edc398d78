//! Confinement of the process that runs a guest: `airlock-jail`'s layers for hosts, which also has the table of them.
//!
//! An embedder calls [`confine`] on the main thread, before it starts a runtime. Work that needs more access comes first:
//! reading and compiling the component (with the compiler's threads ended), and making a [`Daemon`](crate::Daemon) with a
//! broker, which starts workers for it:
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

pub use airlock_jail::host::{Layer, Reach, confine, confine_front, note_inherited};
