//! Confinement of the process that runs a guest. Code that breaks out of the WebAssembly sandbox reaches the folders of
//! the guest and a worker that has a jail of its own, and nothing else.
//!
//! | layer | denies |
//! |---|---|
//! | `descriptors` | descriptors that the process inherited, if [`note_inherited`] came first |
//! | `no-new-privileges` | set-user-id programs and file capabilities |
//! | `capabilities` | all of them |
//! | `landlock` | all files but the [`Reach`], devices among them; TCP; signals to others; their Unix sockets, by paths from Linux 7.1 on |
//! | `seccomp` | every system call but those that a runtime and a guest's files need: no other programs or processes, no signals to them, no sockets but pairs of its own, no new machine code, no modes, owners and attributes of files |
//!
//! All layers bind the calling thread and the threads that it creates later. An embedder therefore calls [`confine`] on the
//! main thread, before it starts a runtime. Work that needs more access comes first.

#[cfg(target_os = "linux")]
mod inherited;
#[cfg(target_os = "linux")]
mod linux;
mod reach;
#[cfg(target_os = "linux")]
use linux as system;

#[cfg(not(target_os = "linux"))]
mod other;
#[cfg(not(target_os = "linux"))]
use other as system;

use reach::Role;

pub use reach::{Layer, Reach};

/// Records the inherited descriptors, which [`confine`] closes, and marks them close-on-exec. Call it before the process opens
/// anything; without it, inherited descriptors stay open.
pub fn note_inherited() {
    #[cfg(target_os = "linux")]
    inherited::note();
}

/// Confines this process irrevocably, and tests each layer by an operation that it denies. Returns the layers in the order
/// of the table above; the policy for a layer that does not hold is the caller's.
///
/// The process must have no second thread, which the layers would not bind. The call waits up to a minute for threads
/// that are ending; after that, every layer reports that it does not hold. Systems other than Linux have no layers.
#[must_use = "a layer may not hold"]
pub fn confine(reach: &Reach) -> Vec<Layer> {
    system::confine(reach, Role::Guest)
}

/// Confines this process as [`confine`] does, except that it may still load machine code, until [`end_loading`]: a component's
/// code comes from a compiler that the component may have taken over, or from a cache of such code.
#[must_use = "a layer may not hold"]
pub fn confine_to_load(reach: &Reach) -> Vec<Layer> {
    system::confine(reach, Role::Loader)
}

/// Ends the loading of machine code after [`confine_to_load`]. The process must still have no second thread.
#[must_use = "the layer may not hold"]
pub fn end_loading() -> Layer {
    system::end_loading()
}

/// Confines a front process, which accepts connections on sockets that were bound before and runs no guest. The layers are
/// those of [`confine`] with an empty [`Reach`]; the filter allows one more system call, `accept4`. The process can neither
/// bind a socket nor connect to an address; it can pass descriptors over its Unix sockets.
#[must_use = "a layer may not hold"]
pub fn confine_front() -> Vec<Layer> {
    system::confine(&Reach::default(), Role::Front)
}
