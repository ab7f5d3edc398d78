//! Shader caches of tenants: what a tenant's drivers have compiled is there when its next worker starts.
//!
//! A tenant is known by what the kernel and the guest's own file say, never by what a client says ([`key`]). Its cache is one
//! file on the disk ([`store`]) whose contents this process copies and never reads into. A worker gets a copy of it in memory
//! when it starts; what it leaves there when its client is gone takes the file's place. So a worker reaches no file of any tenant,
//! its own included, and its memory for this is bounded by the length of what it is given.

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

/// The folder below a user's caches, and below what a service manager gives `serve`.
const BELOW_USERS: &str = "airlock/shaders";
const BELOW_SERVICES: &str = "shaders";

/// The worker's option that names its descriptor.
pub const OPTION: &str = "shader-cache-fd";

/// The caches of all tenants of this process.
#[derive(Debug)]
pub struct ShaderCaches {
    store: Store,
    /// Bytes of one.
    capacity: u64,
}

/// The cache of one worker.
#[derive(Debug)]
pub struct Lent {
    shared: Shared,
    key: Option<Key>,
}

impl ShaderCaches {
    /// The caches in the place of this process's user, or of its service manager; `None` where there are none: they are not
    /// wanted, or there is no place for them. A worker without a jail has no folder for one.
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

    /// A file for a worker's cache, with its tenant's in it; without a tenant, for one that comes later ([`Self::fill`]).
    pub fn lend(&self, tenant: Option<&Tenant>) -> Option<Lent> {
        let mut lent = Lent { shared: self.file().ok()?, key: None };
        if let Some(tenant) = tenant {
            self.fill(&mut lent, tenant);
        }
        Some(lent)
    }

    /// Puts a tenant's cache into a file that has none yet.
    pub fn fill(&self, lent: &mut Lent, tenant: &Tenant) {
        let key = Key::of(tenant);
        // Nothing is lost by a file that cannot be read: there is another after this session.
        match self.store.read(&key, self.capacity, |archive| lent.shared.hand(archive)) {
            Ok(Some(length)) => tracing::debug!("the shader cache has {length} bytes"),
            Ok(None) => {}
            Err(error) => tracing::debug!("the shader cache is not used: {error}"),
        }
        lent.key = Some(key);
    }

    /// Keeps what a worker has left. It must have ended.
    pub fn keep(&self, lent: &Lent) {
        if let (Some(key), Some(mut left)) = (&lent.key, lent.shared.left())
            && let Err(error) = self.store.write(key, &mut left)
        {
            tracing::debug!("the shader cache is not kept: {error}");
        }
    }

    /// A file in memory whose length is sealed.
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

/// Has a worker inherit these descriptors, and no others, each named by its option.
pub fn give_to(command: &mut Command, descriptors: Vec<(&str, OwnedFd)>) {
    for (option, descriptor) in &descriptors {
        command.arg(format!("--{option}={}", descriptor.as_raw_fd()));
    }
    command.preserved_fds(descriptors.into_iter().map(|(_, descriptor)| descriptor).collect());
}

/// Where caches are.
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
