//! Claims: one socket per tenant, with quotas of its own.
//!
//! On the common socket, admission depends on peer credentials. In user namespaces those say little: a tenant's uid differs from
//! pod to pod. A claim is a folder with a socket, and access to the folder is the capability: a container engine mounts it, and
//! no other path leads to it, because the parent folder is open to the server's user only.
//!
//! ```text
//! /run/airlock/claims/   0700
//!     team-a/        0755, mounted into the containers of team-a
//!         gpu.sock   0666
//! ```

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use airlock_protocol::limits::MAX_SOCKET_FOLDER;
use rustix::process::geteuid;

use super::{
    claim_argument::ClaimArgument,
    error::ServeError,
    listener::{Access, Listening},
};
use crate::options::WorkerOptions;

/// The socket in a claim's folder.
pub const SOCKET: &str = "gpu.sock";

/// Maximum number of claims; each is a descriptor to poll.
pub const MAX_CLAIMS: usize = 4096;

/// Modes of the parent folder and of a claim's folder.
const PARENT_MODE: u32 = 0o700;
const FOLDER_MODE: u32 = 0o755;

/// A claim being served.
#[derive(Debug)]
pub struct Claim {
    /// The claim's name.
    pub name: Arc<str>,
    /// The claim's folder.
    pub folder: PathBuf,
    /// Maximum number of concurrent sessions.
    pub max_sessions: usize,
    /// Options of its workers.
    pub worker: WorkerOptions,
}

impl Claim {
    /// Creates the folders and sockets of all claims. Existing folders are reused; for sockets, see [`Listening::make`].
    ///
    /// `base` are the options of the server's own workers, `sessions` is the default of `max-sessions`.
    pub fn serve_all(
        parent: &Path,
        claims: &[ClaimArgument],
        base: &WorkerOptions,
        sessions: usize,
    ) -> Result<Vec<(Listening, Arc<Self>)>, ServeError> {
        let wrong = |why: String| ServeError::Claim(why);
        if claims.len() > MAX_CLAIMS {
            return Err(wrong(format!("{} claims are more than {MAX_CLAIMS}", claims.len())));
        }
        let above = parent.parent().map_or(Ok(()), fs::create_dir_all);
        let made = above.and_then(|()| make(parent, PARENT_MODE));
        made.map_err(|error| wrong(format!("{}: {error}", parent.display())))?;
        let mut served: Vec<(Listening, Arc<Self>)> = Vec::new();
        for argument in claims {
            let claim = Self::new(argument, parent, base, sessions).map_err(wrong);
            let twice = served.iter().any(|(_, claim)| *claim.name == argument.name);
            let listening = claim.and_then(|claim| match twice {
                true => Err(wrong(format!("{} is there twice", argument.name))),
                false => Ok((claim.listen()?, Arc::new(claim))),
            });
            match listening {
                Ok(listening) => served.push(listening),
                Err(error) => {
                    served.into_iter().for_each(|(listening, _)| listening.close());
                    return Err(error);
                }
            }
        }
        Ok(served)
    }

    fn new(argument: &ClaimArgument, parent: &Path, base: &WorkerOptions, sessions: usize) -> Result<Self, String> {
        let named = |why: String| format!("{}: {why}", argument.name);
        let worker = argument.options(base).map_err(named)?;
        let (own, all) = (worker.quotas.max_memory, base.quotas.max_memory);
        if own.0 > all.0 {
            return Err(named(format!("max-memory={own} is more than the server's --max-memory {all}")));
        }
        let folder = parent.join(&argument.name);
        if !folder.is_absolute() || folder.as_os_str().len() > MAX_SOCKET_FOLDER {
            let path = folder.display();
            return Err(format!(
                "{path} is not absolute, or longer than the {MAX_SOCKET_FOLDER} bytes that sockets leave"
            ));
        }
        let max_sessions = argument.max_sessions.unwrap_or(sessions);
        Ok(Self { name: argument.name.as_str().into(), folder, max_sessions, worker })
    }

    fn listen(&self) -> Result<Listening, ServeError> {
        let failed = |error: io::Error| ServeError::Claim(format!("{}: {error}", self.folder.display()));
        make(&self.folder, FOLDER_MODE).map_err(failed)?;
        // Access to the folder is the permission.
        Listening::make(&self.folder.join(SOCKET), Access { mode: 0o666, group: None })
    }
}

/// Creates a folder with exactly this mode, or reuses one of the same owner.
fn make(folder: &Path, mode: u32) -> io::Result<()> {
    match fs::DirBuilder::new().mode(mode).create(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        other => other?,
    }
    let found = fs::symlink_metadata(folder)?;
    if !found.is_dir() || found.uid() != geteuid().as_raw() {
        return Err(io::Error::other("it is there, and not a folder of this user's"));
    }
    fs::set_permissions(folder, fs::Permissions::from_mode(mode))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        worker: WorkerOptions,
    }

    fn serve(parent: &Path, claims: &[&str]) -> Result<Vec<(Listening, Arc<Claim>)>, String> {
        let base = Line::try_parse_from(["serve", "--max-objects=77"]).unwrap().worker;
        let claims: Vec<_> = claims.iter().map(|claim| claim.parse().unwrap()).collect();
        Claim::serve_all(parent, &claims, &base, 5).map_err(|error| error.to_string())
    }

    #[test]
    fn quotas_of_a_claim_go_before_the_server_s() {
        let folder = tempfile::tempdir().unwrap();
        let parent = folder.path().join("claims");
        let served = serve(&parent, &["a,max-gpu-memory=1M,max-sessions=2", "b"]).unwrap();
        let [(listening, a), (_, b)] = served.as_slice() else { panic!("{served:?}") };
        assert_eq!((a.max_sessions, a.worker.quotas.max_gpu_memory.0, a.worker.quotas.max_objects), (2, 1 << 20, 77));
        assert_eq!((b.max_sessions, b.worker.quotas.max_gpu_memory.0), (5, 4 << 30));
        assert_eq!(listening.file.as_deref(), Some(&*parent.join("a/gpu.sock")));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&parent), 0o700);
        assert_eq!((mode(&parent.join("a")), mode(&parent.join("a/gpu.sock"))), (0o755, 0o666));
    }

    #[test]
    fn what_cannot_be_served_is_said_and_leaves_no_socket() {
        let folder = tempfile::tempdir().unwrap();
        let parent = folder.path().join("claims");
        assert!(serve(&parent, &["a", "a"]).unwrap_err().ends_with("a is there twice"));
        assert!(!parent.join("a/gpu.sock").exists());
        assert!(serve(&parent, &["a,max-memory=9G"]).unwrap_err().contains("more than the server's --max-memory"));
        let long = folder.path().join("x".repeat(64));
        assert!(serve(&long, &["a"]).unwrap_err().contains("longer than the 64 bytes"));
        fs::write(parent.join("file"), "").unwrap();
        assert!(serve(&parent, &["file"]).unwrap_err().contains("not a folder of this user's"));
        assert!(serve(Path::new("/proc/nowhere/claims"), &["a"]).is_err());
    }
}
