//! The private folder for the socket of a worker's one-shot server.
//!
//! ipc-channel makes that socket in a folder below `TMPDIR` and removes both when the client's set-up is complete. A worker
//! that is killed before that removes nothing, and a jailed one may write nowhere else. So the process that starts a
//! worker creates a folder for it, sets it as `TMPDIR`, and removes it once the client is connected or the worker has
//! ended. A folder outlives its worker in one case: its maker is killed with SIGKILL in the milliseconds in which a
//! client connects, or while the worker is a standby worker, and a jail, or the same signal, keeps the worker from
//! removing it.

use std::{
    env,
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    process::Command,
    thread,
};

use tempfile::{Builder, TempDir};

use crate::limits::MAX_SOCKET_FOLDER;

/// Prefix of the folders' names.
pub const FOLDER_PREFIX: &str = "airlock-worker-";

/// A worker's private folder, removed on drop.
#[derive(Debug)]
pub struct Folder(TempDir);

/// Attempts at removing a folder. A worker whose client has connected removes its own files at the same moment, and a
/// removal fails at an entry that is gone since it was listed.
const REMOVALS: u32 = 100;

impl Folder {
    /// Creates one that only this user can enter, in `XDG_RUNTIME_DIR` where that is usable, else in the folder for
    /// temporary files.
    pub fn new() -> io::Result<Self> {
        Self::within(env::var_os("XDG_RUNTIME_DIR"), env::temp_dir())
    }

    fn within(runtime: Option<OsString>, temporary: PathBuf) -> io::Result<Self> {
        let usable = |folder: &PathBuf| folder.is_absolute() && folder.as_os_str().len() <= MAX_SOCKET_FOLDER;
        let mut builder = Builder::new();
        builder.prefix(FOLDER_PREFIX);
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
        if let Some(folder) = runtime.map(PathBuf::from).filter(usable)
            && let Ok(made) = builder.tempdir_in(folder)
        {
            return Ok(Self(made));
        }
        if !usable(&temporary) {
            let found = temporary.display();
            let why = format!("the path of {found} is not absolute or too long for a socket in it");
            return Err(io::Error::new(io::ErrorKind::InvalidFilename, why));
        }
        builder.tempdir_in(temporary).map(Self)
    }

    /// The path of the folder.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Sets the folder as a worker's `TMPDIR`.
    pub fn give_to(&self, worker: &mut Command) {
        worker.env("TMPDIR", self.path());
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        for _ in 0..REMOVALS {
            match fs::remove_dir_all(self.path()) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => thread::yield_now(),
                // A part of it is gone, or all of it.
                Err(_) if self.path().exists() => thread::yield_now(),
                _ => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_private_and_removed_with_what_is_in_it() {
        let base = tempfile::tempdir().unwrap();
        let folder = Folder::within(Some(base.path().into()), "/nowhere".into()).unwrap();
        assert!(folder.path().starts_with(base.path()));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs::metadata(folder.path()).unwrap().permissions().mode() & 0o777, 0o700);
        }
        fs::create_dir(folder.path().join("inner")).unwrap();
        fs::write(folder.path().join("inner/socket"), "").unwrap();
        drop(folder);
        assert_eq!(fs::read_dir(base.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_folder_goes_while_another_removes_what_is_in_it() {
        let base = tempfile::tempdir().unwrap();
        for _ in 0..200 {
            let folder = Folder::within(Some(base.path().into()), "/nowhere".into()).unwrap();
            let inner = folder.path().join("inner");
            fs::create_dir(&inner).unwrap();
            fs::write(inner.join("socket"), "").unwrap();
            let worker = thread::spawn(move || fs::remove_dir_all(inner));
            drop(folder);
            let _ = worker.join();
        }
        assert_eq!(fs::read_dir(base.path()).unwrap().count(), 0);
    }

    #[test]
    fn the_temporary_folder_serves_where_the_other_does_not() {
        let base = tempfile::tempdir().unwrap();
        let long = base.path().join("x".repeat(MAX_SOCKET_FOLDER));
        fs::create_dir(&long).unwrap();
        let relative = Some("relative".into());
        for runtime in [None, relative, Some("".into()), Some(base.path().join("absent").into()), Some(long.into())] {
            let folder = Folder::within(runtime, base.path().to_owned()).unwrap();
            assert_eq!(folder.path().parent(), Some(base.path()));
        }
        let refused = Folder::within(None, base.path().join("x".repeat(MAX_SOCKET_FOLDER))).unwrap_err();
        assert!(refused.to_string().contains("too long"), "{refused}");
    }
}
