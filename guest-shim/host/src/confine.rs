//! Confinement of the process that runs a guest: `airlock-jail`'s layers for hosts, which also has the table of them.
//!
//! An embedder calls [`confine`] on the main thread, before it starts a runtime. Work that needs more access comes first:
//! reading and compiling the component (with the compiler's threads ended), and making a [`Daemon`](crate::Daemon) with a
//! broker, which starts workers for it; a confined process can connect to no socket, so that a
//! [`Daemon::Socket`](crate::Daemon::Socket) needs a connector (`airlock_protocol::connect::Connector`):
//!
//! ```no_run
//! use airlock::{Daemon, confine::{Reach, confine}};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let daemon = Daemon::find()?.brokered()?;
//! // ... compile the component (or let another process do it, and load its code between `confine_to_load` and `end_loading`); then:
//! for (layer, state) in confine(&Reach { folders: vec!["/srv/guest".into()], files: Vec::new() }) {
//!     state.map_err(|why| format!("this process is not confined by {layer}: {why}"))?;
//! }
//! // ... start a runtime, make a context with `WasiWebGpuCtx::builder().daemon(daemon)`, run the guest.
//! # Ok(())
//! # }
//! ```

pub use airlock_jail::host::{Layer, Reach, confine, confine_front, confine_to_load, end_loading, note_inherited};
