//! The jail of a worker: what the process gives up before it reads the first byte of a client, and what it gives up when
//! the drivers have started.
//!
//! A GPU driver is millions of lines that parse what a stranger wrote. The jail assumes that it is taken over one day, and
//! asks what is in reach then: the files that drivers read, the GPU, and its own client. Each layer stands by itself, and
//! each is tried when it is up, by doing what it forbids.
//!
//! | layer | what it takes away |
//! |---|---|
//! | `descriptors` | what the parent left open by mistake |
//! | `standard-streams` | terminals and files that could be read or written through what is left open |
//! | `no-new-privileges` | set-user-id programs and file capabilities |
//! | `user-namespace` | privileges over anything outside, even for root |
//! | `network-namespace` | every network interface |
//! | `minimal-root` | the names, lengths and owners of all files but those that drivers read; other processes' folders in /proc |
//! | `capabilities` | all of them, also of root within the namespace |
//! | `limits` | core dumps (which would hold a client's data), descriptors without number, files in memory without bound; and the worker is the first to go where memory is short |
//! | `landlock-files` | all files but those that drivers read, and all writing |
//! | `landlock-tcp` | TCP |
//! | `landlock-scope` | signals to others, and abstract sockets of others |
//! | `seccomp` | system calls that neither a driver's start nor the worker needs; then those that only the start needed |
//!
//! Nearly all of it is up before the drivers start, which is earlier than it need be: layers other than seccomp bind the
//! thread that asks for them and its later children, and drivers make threads while they start. What they read at their
//! start is therefore readable ever after, and is nothing secret. seccomp binds all threads at once; its second, narrower
//! filter goes up when the drivers run, by their families.
//!
//! One thing may be let in: a folder in memory for the drivers' shader cache (`cache`), of a size that the kernel bounds,
//! which is the only place where files are made.

#[cfg(target_os = "linux")]
mod cache;
#[cfg(target_os = "linux")]
mod capabilities;
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
#[cfg(target_os = "linux")]
mod trial;

mod layer;
pub mod report;

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

pub use layer::{Family, Layer};

use crate::options::JailMode;

/// Why a worker does not start, or does not go on.
#[derive(Debug, Error)]
pub enum JailError {
    /// Strict mode, and a layer does not hold.
    #[error("the jail lacks a layer: {layer}: {why} (--jail=best-effort goes on without it)")]
    Missing {
        /// The layer.
        layer: &'static str,
        /// Why it does not hold.
        why: String,
    },
}

/// What a jail needs to know of its worker.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// What [`prepare`] gave.
    pub prepared: Prepared,
    /// The folder with the socket on which the client is awaited. What is in it may be removed, and nothing else anywhere.
    pub folder: Option<PathBuf>,
    /// Bytes of GPU memory that a session may have.
    pub memory: u64,
    /// Bytes of the folder in memory for a shader cache; `None` for no such folder.
    pub cache: Option<u64>,
}

/// What [`Jail::enter`] has put up.
#[derive(Debug)]
struct Entered {
    layers: Vec<(Layer, Result<(), String>)>,
    cache: Option<Result<PathBuf, String>>,
}

/// The layers that go up before a worker opens anything of its own.
#[derive(Clone, Debug, Default)]
pub struct Prepared(Vec<(Layer, Result<(), String>)>);

/// Closes what the parent left open, but for the standard streams and these descriptors, which could not be told from the
/// worker's own later; and enters the namespaces, so that the socket on which the client is awaited is listed nowhere else.
pub fn prepare(mode: JailMode, keep: &[i32]) -> Prepared {
    Prepared(if mode == JailMode::Off { Vec::new() } else { system::prepare(keep) })
}

/// Bytes of the folder for a shader cache that is kept in so many: drivers have files there that are not kept. Whole pages.
pub fn cache_space(capacity: u64) -> u64 {
    const NOT_KEPT: u64 = 2 << 20;
    const LARGEST_PAGE: u64 = 64 << 10;
    capacity.div_ceil(LARGEST_PAGE).saturating_mul(LARGEST_PAGE).saturating_add(NOT_KEPT)
}

/// Whether this machine has a GPU's node that a driver might open, as far as can be seen from outside the jail.
pub fn has_gpu() -> bool {
    system::has_gpu()
}

/// The jail that this process is in.
#[derive(Debug)]
pub struct Jail {
    mode: JailMode,
    memory: u64,
    layers: Vec<(Layer, Result<(), String>)>,
    families: Option<BTreeSet<Family>>,
    cache: Option<Result<PathBuf, String>>,
}

impl Jail {
    /// Puts all layers up. The process must have no second thread yet.
    pub fn enter(mode: JailMode, plan: Plan) -> Result<Self, JailError> {
        let Entered { layers, cache } = match mode {
            JailMode::Off => {
                let why = "the jail is off".to_owned();
                let layers = Layer::ALL.map(|layer| (layer, Err(why.clone()))).to_vec();
                Entered { layers, cache: plan.cache.map(|_| Err(why)) }
            }
            JailMode::Strict | JailMode::BestEffort => system::enter(&plan),
        };
        let memory = plan.memory;
        if mode != JailMode::Off {
            for (layer, state) in &layers {
                check(mode, *layer, state)?;
            }
        }
        if let Some(Err(why)) = &cache {
            tracing::debug!("there is no shader cache: {why}");
        }
        Ok(Self { mode, memory, layers, families: None, cache })
    }

    /// Narrows the jail to what drivers of these families need while they run. Only the first time counts: a filter cannot be
    /// widened.
    pub fn drivers_started(&mut self, families: BTreeSet<Family>) -> Result<(), JailError> {
        if self.mode == JailMode::Off || families.is_empty() || self.families.is_some() {
            return Ok(());
        }
        let narrowed = system::narrow(&families, self.memory, self.cache_folder().is_some());
        let names: Vec<_> = families.iter().map(|family| family.name()).collect();
        tracing::debug!("the jail is narrowed to drivers of {}", names.join(", "));
        self.families = Some(families);
        for (layer, state) in &mut self.layers {
            if *layer == Layer::Seccomp && state.is_ok() {
                check(self.mode, *layer, &narrowed)?;
                state.clone_from(&narrowed);
            }
        }
        Ok(())
    }

    /// Every layer: `Ok`, or why it does not hold.
    pub fn layers(&self) -> &[(Layer, Result<(), String>)] {
        &self.layers
    }

    /// The folder for a shader cache, where the plan had one and it holds what it should.
    pub fn cache_folder(&self) -> Option<&Path> {
        self.cache.as_ref()?.as_deref().ok()
    }

    /// Whether there is a folder for a shader cache, or why not; `None` where the plan had none.
    pub fn cache(&self) -> Option<Result<(), &String>> {
        self.cache.as_ref().map(|cache| cache.as_ref().map(drop))
    }

    /// The families that it was narrowed to.
    pub fn families(&self) -> impl Iterator<Item = Family> + '_ {
        self.families.iter().flatten().copied()
    }
}

/// A layer that does not hold is an error in strict mode, and a warning in any other.
fn check(mode: JailMode, layer: Layer, state: &Result<(), String>) -> Result<(), JailError> {
    match state {
        Ok(()) => Ok(()),
        Err(why) if mode == JailMode::Strict => Err(JailError::Missing { layer: layer.name(), why: why.clone() }),
        Err(why) => {
            tracing::warn!("the jail lacks {layer}: {why}");
            Ok(())
        }
    }
}
