//! Tenants of shader caches, and the caches' keys.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
    sync::Arc,
};

use rustix::{
    fs::{FileType, Mode, OFlags, fstat, open},
    process::geteuid,
};

use super::drivers;

/// Maximum length of a guest's file in bytes.
const MAX_GUEST: u64 = 1 << 30;

/// Owner of a cache, determined without a client's data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tenant {
    /// One component or script of this process's user, by the digest of its file.
    Guest([u8; 32]),
    /// A user, by the connection's peer credentials.
    User(u32),
    /// A claim of `serve`, by the socket that the client connected to.
    Claim(Arc<str>),
}

/// Name of a tenant's cache with the installed drivers: hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key(String);

impl Tenant {
    /// The tenant of a guest's file, with its current contents.
    #[allow(clippy::disallowed_methods)] // It only reads.
    pub fn of_file(path: &Path) -> io::Result<Self> {
        // Does not block on a pipe.
        let file = open(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())?;
        let stat = fstat(&file)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(io::Error::other("it is no regular file"));
        }
        let mut hasher = blake3::Hasher::new();
        let read = io::copy(&mut File::from(file).take(MAX_GUEST.saturating_add(1)), &mut hasher)?;
        if read > MAX_GUEST {
            Err(io::ErrorKind::FileTooLarge.into())
        } else {
            Ok(Self::Guest(*hasher.finalize().as_bytes()))
        }
    }
}

impl Key {
    /// The key of a tenant of this user, with the drivers installed now.
    pub fn of(tenant: &Tenant) -> Self {
        Self::with(tenant, geteuid().as_raw(), &drivers::fingerprint())
    }

    fn with(tenant: &Tenant, user: u32, drivers: &[u8; 32]) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("airlock shader cache, key of a tenant, 1");
        hasher.update(env!("CARGO_PKG_VERSION").as_bytes()).update(b"\0").update(&user.to_le_bytes()).update(drivers);
        match tenant {
            Tenant::Guest(digest) => hasher.update(b"guest").update(digest),
            Tenant::User(uid) => hasher.update(b"user").update(&uid.to_le_bytes()),
            Tenant::Claim(name) => hasher.update(b"claim").update(name.as_bytes()),
        };
        Self(hasher.finalize().to_hex().to_string())
    }

    /// Name of the cache's file.
    pub fn name(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_differs_makes_another_key() {
        let guest = |byte| Tenant::Guest([byte; 32]);
        let keys = [
            Key::with(&guest(1), 0, &[0; 32]),
            Key::with(&guest(2), 0, &[0; 32]),
            Key::with(&guest(1), 1, &[0; 32]),
            Key::with(&guest(1), 0, &[1; 32]),
            Key::with(&Tenant::User(1), 0, &[0; 32]),
            Key::with(&Tenant::User(2), 0, &[0; 32]),
            Key::with(&Tenant::Claim("a".into()), 0, &[0; 32]),
            Key::with(&Tenant::Claim("b".into()), 0, &[0; 32]),
        ];
        for (index, key) in keys.iter().enumerate() {
            assert_eq!(key.name().len(), 64);
            assert!(!keys[..index].contains(key), "{index}");
        }
        assert_eq!(Key::with(&guest(1), 0, &[0; 32]), keys[0]);
    }

    #[test]
    fn a_guest_is_what_its_file_holds() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("a"), "one").unwrap();
        std::fs::write(path("b"), "one").unwrap();
        std::fs::write(path("c"), "two").unwrap();
        let of = |name: &str| Tenant::of_file(&path(name));
        assert_eq!(of("a").unwrap(), of("b").unwrap());
        assert_ne!(of("a").unwrap(), of("c").unwrap());
        rustix::fs::mknodat(rustix::fs::CWD, path("pipe"), FileType::Fifo, Mode::RWXU, 0).unwrap();
        assert!(of("pipe").is_err() && of("absent").is_err() && Tenant::of_file(folder.path()).is_err());
    }
}
