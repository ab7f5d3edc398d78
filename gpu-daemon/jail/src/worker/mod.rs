//! Sandbox of a worker, applied before the first byte of a client is read, and narrowed when the drivers have started.
//!
//! A GPU driver is millions of lines that parse untrusted input. The jail assumes a compromised driver, and leaves in
//! reach the files that drivers read, the GPU, and the worker's own client. Each layer is independent of the
//! others, and is tested after it is applied, by an operation that it forbids.
//!
//! | layer | removes |
//! |---|---|
//! | `descriptors` | descriptors that the parent left open by mistake |
//! | `standard-streams` | terminals and files behind the remaining descriptors |
//! | `no-new-privileges` | set-user-id programs and file capabilities |
//! | `user-namespace` | privileges outside the namespace, even for root |
//! | `network-namespace` | every network interface |
//! | `minimal-root` | names, lengths and owners of all files except those that drivers read; other processes' folders in /proc |
//! | `capabilities` | all capabilities, also of root within the namespace |
//! | `limits` | core dumps (which would contain a client's data), unbounded descriptors and memory files; sets the OOM score, so that the worker is killed first when memory is short |
//! | `landlock-files` | all files except those that drivers read, and all writing |
//! | `landlock-tcp` | TCP |
//! | `landlock-scope` | signals to other processes, and their abstract sockets |
//! | `seccomp` | system calls that neither drivers nor the worker need; later those that only the start needed |
//!
//! Nearly all layers are applied before the drivers start, which is earlier than necessary: layers other than seccomp
//! bind the calling thread and its later children, and drivers create threads while they start. So files that they read
//! at their start stay readable; none of them is secret. seccomp binds all threads at once; its second, narrower filter
//! is applied when the drivers run, by their families.
//!
//! One write access may be granted: a folder in memory for the drivers' shader cache (`cache`), whose size the kernel bounds.

#[cfg(target_os = "linux")]
mod cache;
#[cfg(target_os = "linux")]
mod descriptors;
#[cfg(target_os = "linux")]
mod files;
#[cfg(target_os = "linux")]
mod limits;
#[cfg(target_os = "linux")]
mod namespaces;
#[cfg(target_os = "linux")]
mod root;
#[cfg(target_os = "linux")]
mod seccomp;

mod layer;
mod plan;

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
use linux as system;

#[cfg(not(target_os = "linux"))]
mod other;
#[cfg(not(target_os = "linux"))]
use other as system;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use thiserror::Error;

use plan::Entered;

pub use layer::{Family, Layer};
pub use plan::{Plan, Prepared};

/// Strictness of a jail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A missing layer is an error.
    Strict,
    /// A missing layer is a warning.
    BestEffort,
    /// No layers.
    Off,
}

/// A worker cannot start or continue.
#[derive(Debug, Error)]
pub enum JailError {
    /// A layer does not hold in strict mode.
    #[error("the jail lacks a layer: {layer}: {why} (--jail=best-effort goes on without it)")]
    Missing {
        /// The layer's name.
        layer: &'static str,
        /// The reason.
        why: String,
    },
}

/// Closes inherited descriptors, except the standard streams and `keep`, because later they would be indistinguishable from
/// the worker's own; and enters the namespaces, so that no other namespace lists the listening socket.
pub fn prepare(mode: Mode, keep: &[i32]) -> Prepared {
    Prepared(if mode == Mode::Off { Vec::new() } else { system::prepare(keep) })
}

/// Size in bytes of the folder of a shader cache with this capacity: whole pages, with room for the drivers' files that the
/// cache does not keep.
pub fn cache_space(capacity: u64) -> u64 {
    const NOT_KEPT: u64 = 2 << 20;
    const LARGEST_PAGE: u64 = 64 << 10;
    capacity.div_ceil(LARGEST_PAGE).saturating_mul(LARGEST_PAGE).saturating_add(NOT_KEPT)
}

/// True when this machine has a GPU node that a driver might open. Call it before the jail hides them.
pub fn has_gpu() -> bool {
    system::has_gpu()
}

/// The jail of this process.
#[derive(Debug)]
pub struct Jail {
    mode: Mode,
    memory: u64,
    layers: Vec<(Layer, Result<(), String>)>,
    families: Option<BTreeSet<Family>>,
    cache: Option<Result<PathBuf, String>>,
}

/// Narrows the jail of all threads of this process.
#[derive(Debug)]
pub struct Narrowing {
    memory: u64,
    cache: bool,
    /// The jail is not off, and was not narrowed before: a filter cannot be widened.
    needed: bool,
}

/// The driver families that the jail was narrowed to, and the result; `None` for a jail that stays as it is.
#[derive(Debug)]
pub struct Narrowed(Option<(BTreeSet<Family>, Result<(), String>)>);

impl Narrowing {
    /// Narrows the jail to the system calls that running drivers of these families need. The client must have been accepted:
    /// sockets can be made no more.
    pub fn apply(&self, families: BTreeSet<Family>) -> Narrowed {
        let families = Some(families).filter(|families| self.needed && !families.is_empty());
        Narrowed(families.map(|families| {
            let state = system::narrow(&families, self.memory, self.cache);
            (families, state)
        }))
    }
}

impl Jail {
    /// Applies all layers. The process must have no second thread yet.
    pub fn enter(mode: Mode, plan: Plan) -> Result<Self, JailError> {
        let Entered { layers, cache } = match mode {
            Mode::Off => {
                let why = "the jail is off".to_owned();
                let layers = Layer::ALL.map(|layer| (layer, Err(why.clone()))).to_vec();
                Entered { layers, cache: plan.cache.map(|_| Err(why)) }
            }
            Mode::Strict | Mode::BestEffort => system::enter(&plan),
        };
        let memory = plan.memory;
        if mode != Mode::Off {
            for (layer, state) in &layers {
                check(mode, *layer, state)?;
            }
        }
        if let Some(Err(why)) = &cache {
            tracing::debug!("there is no shader cache: {why}");
        }
        Ok(Self { mode, memory, layers, families: None, cache })
    }

    /// What narrows the jail once drivers run, for the thread that starts them.
    pub fn narrowing(&self) -> Narrowing {
        let needed = self.mode != Mode::Off && self.families.is_none();
        Narrowing { memory: self.memory, cache: self.cache_folder().is_some(), needed }
    }

    /// Records that the jail was narrowed. Fails in strict mode where it could not be.
    pub fn narrowed(&mut self, narrowed: Narrowed) -> Result<(), JailError> {
        let Some((families, state)) = narrowed.0.filter(|_| self.families.is_none()) else { return Ok(()) };
        let names: Vec<_> = families.iter().map(|family| family.name()).collect();
        tracing::debug!("the jail is narrowed to drivers of {}", names.join(", "));
        self.families = Some(families);
        for (layer, known) in &mut self.layers {
            if *layer == Layer::Seccomp && known.is_ok() {
                check(self.mode, *layer, &state)?;
                known.clone_from(&state);
            }
        }
        Ok(())
    }

    /// The jail's strictness.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The result of every layer.
    pub fn layers(&self) -> &[(Layer, Result<(), String>)] {
        &self.layers
    }

    /// The folder of the shader cache, where the plan had one and its self-test passed.
    pub fn cache_folder(&self) -> Option<&Path> {
        self.cache.as_ref()?.as_deref().ok()
    }

    /// State of the folder of the shader cache, with the reason where it is missing; `None` where the plan had none.
    pub fn cache(&self) -> Option<Result<(), &String>> {
        self.cache.as_ref().map(|cache| cache.as_ref().map(drop))
    }

    /// The families that the jail was narrowed to.
    pub fn families(&self) -> impl Iterator<Item = Family> + '_ {
        self.families.iter().flatten().copied()
    }
}

/// Handles a layer's result: a failure is an error in strict mode, and a warning in others.
fn check(mode: Mode, layer: Layer, state: &Result<(), String>) -> Result<(), JailError> {
    match state {
        Ok(()) => Ok(()),
        Err(why) if mode == Mode::Strict => Err(JailError::Missing { layer: layer.name(), why: why.clone() }),
        Err(why) => {
            tracing::warn!("the jail lacks {layer}: {why}");
            Ok(())
        }
    }
}
