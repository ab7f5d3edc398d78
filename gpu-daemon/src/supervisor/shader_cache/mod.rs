//! Shader caches of tenants: compiled shaders that persist from one worker of a tenant to the next.
//!
//! The kernel and the guest's own file identify a tenant, never a client's data ([`key`]). A cache is one file on disk
//! ([`store`]), whose contents this process copies and never parses. A worker receives a copy in a memory file when it starts;
//! the archive that it leaves there when its client disconnects replaces the file. So a worker has no access to any tenant's
//! file, its own included, and the memory file's length bounds its memory for the cache.

mod drivers;
mod key;
mod store;

use std::{
    env, io,
    os::fd::{AsFd, AsRawFd, OwnedFd},
    path::{Path, PathBuf},
    process::Command,
};

use command_fds::CommandFdExt;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};

pub use key::{Key, Tenant};
use store::Store;

use crate::{
    options::{JailMode, ShaderCacheOptions},
    worker::shader_cache::shared::{Shared, length_for},
};

/// Folder below a user's caches, and below the cache folder from a service manager.
const BELOW_USERS: &str = "airlock/shaders";
const BELOW_SERVICES: &str = "shaders";

/// The worker's option that names its descriptor.
pub const OPTION: &str = "shader-cache-fd";

/// The caches of all tenants of this process.
#[derive(Debug)]
pub struct ShaderCaches {
    store: Store,
    /// Maximum length of one archive in bytes.
    capacity: u64,
}

/// The cache of one worker.
#[derive(Debug)]
pub struct Lent {
    shared: Shared,
    key: Option<Key>,
}

impl ShaderCaches {
    /// Opens the caches of this process's user, or of its service manager; `None` where they are disabled, have no folder, or
    /// cannot be opened. A worker without a jail has no folder for a cache.
    pub fn open(options: &ShaderCacheOptions, jail: JailMode) -> Option<Self> {
        let file = options.capacity().filter(|_| jail != JailMode::Off)?;
        let capacity = file.checked_sub(store::DIGEST)?;
        let place = place().or_else(|| {
            tracing::debug!("there is no shader cache: none of CACHE_DIRECTORY, XDG_CACHE_HOME, HOME names a folder");
            None
        })?;
        match Store::open(&place, options.shader_cache_size.0) {
            Ok(store) => Some(Self { store, capacity }),
            Err(error) => {
                tracing::debug!("there is no shader cache in {}: {error}", place.display());
                None
            }
        }
    }

    /// Creates a worker's memory file with its tenant's cache; without a tenant, an empty one for [`Self::fill`].
    pub fn lend(&self, tenant: Option<&Tenant>) -> Option<Lent> {
        let mut lent = Lent { shared: self.file().ok()?, key: None };
        if let Some(tenant) = tenant {
            self.fill(&mut lent, tenant);
        }
        Some(lent)
    }

    /// Copies a tenant's cache into an empty memory file.
    pub fn fill(&self, lent: &mut Lent, tenant: &Tenant) {
        let key = Key::of(tenant);
        // An unreadable file is replaced after this session.
        match self.store.read(&key, self.capacity, |archive| lent.shared.hand(archive)) {
            Ok(Some(length)) => tracing::debug!("the shader cache has {length} bytes"),
            Ok(None) => {}
            Err(error) => tracing::debug!("the shader cache is not used: {error}"),
        }
        lent.key = Some(key);
    }

    /// Stores the archive that a worker has left. The worker must have exited.
    pub fn keep(&self, lent: &Lent) {
        if let (Some(key), Some(mut left)) = (&lent.key, lent.shared.left())
            && let Err(error) = self.store.write(key, &mut left)
        {
            tracing::debug!("the shader cache is not kept: {error}");
        }
    }

    /// Creates a memory file of sealed length.
    fn file(&self) -> io::Result<Shared> {
        let file = memfd_create("airlock-shaders", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        ftruncate(&file, length_for(self.capacity))?;
        fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
        Ok(Shared::new(file))
    }
}

impl Lent {
    /// Another descriptor of the file, for [`give_to`].
    pub fn descriptor(&self) -> io::Result<OwnedFd> {
        self.shared.as_fd().try_clone_to_owned()
    }
}

/// Passes these descriptors, and no others, to a worker, each with its option.
pub fn give_to(command: &mut Command, descriptors: Vec<(&str, OwnedFd)>) {
    for (option, descriptor) in &descriptors {
        command.arg(format!("--{option}={}", descriptor.as_raw_fd()));
    }
    command.preserved_fds(descriptors.into_iter().map(|(_, descriptor)| descriptor).collect());
}

/// Folder of the caches.
fn place() -> Option<PathBuf> {
    // systemd's `CacheDirectory=`, which may name several.
    let given = env::var_os("CACHE_DIRECTORY").and_then(|folders| env::split_paths(&folders).next());
    let absolute = |path: &PathBuf| path.is_absolute();
    if let Some(folder) = given.filter(absolute) {
        return Some(folder.join(BELOW_SERVICES));
    }
    let home = || env::var_os("HOME").map(PathBuf::from).filter(absolute).map(|home| home.join(".cache"));
    let users = env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(absolute).or_else(home)?;
    Some(users.join(Path::new(BELOW_USERS)))
}
