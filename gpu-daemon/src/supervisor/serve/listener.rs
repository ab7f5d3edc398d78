//! Listening sockets of `serve`.

use std::{
    fs, io,
    os::{
        fd::AsRawFd,
        unix::{
            fs::{FileTypeExt, PermissionsExt},
            net::{UnixListener, UnixStream},
        },
    },
    path::{Path, PathBuf},
    time::Duration,
};

use listenfd::ListenFd;
use rustix::{
    fs::{AtFlags, FileType, Gid, Mode, OFlags, chownat, fstat},
    process::{geteuid, umask},
};

use super::{error::ServeError, options::GroupId};

/// Pause after a failed accept, for example because the process is out of descriptors.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Permissions of a created socket.
#[derive(Clone, Copy, Debug)]
pub struct Access {
    pub mode: u32,
    /// Group, if not the server's.
    pub group: Option<GroupId>,
}

/// A listening socket, with the file to remove when it closes.
#[derive(Debug)]
pub struct Listening {
    pub socket: UnixListener,
    /// The socket's file, if created here; a passed socket's file belongs to its creator.
    pub file: Option<PathBuf>,
}

/// Sets the group and the mode of the socket at a path, through a descriptor that is a socket and not a link: a process that
/// may write to the folder could have replaced the socket, and the group and mode of another file would change.
fn open_to(path: &Path, access: Access) -> io::Result<()> {
    let file = rustix::fs::open(path, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
    let stat = fstat(&file)?;
    if !FileType::from_raw_mode(stat.st_mode).is_socket() || stat.st_uid != geteuid().as_raw() {
        return Err(io::Error::other("the created socket was replaced by another file"));
    }
    if let Some(group) = access.group {
        chownat(&file, "", None, Some(Gid::from_raw(group.0)), AtFlags::EMPTY_PATH)?;
    }
    // The descriptor's name in /proc leads to the file itself, whatever the path names now.
    fs::set_permissions(format!("/proc/self/fd/{}", file.as_raw_fd()), fs::Permissions::from_mode(access.mode))
}

impl Listening {
    /// Takes the socket that systemd passes, if any.
    pub fn handed_over() -> Result<Option<Self>, ServeError> {
        let mut handed = ListenFd::from_env();
        if handed.len() > 1 {
            return Err(ServeError::Handed("there is more than one".to_owned()));
        }
        match handed.take_unix_listener(0) {
            Ok(socket) => Ok(socket.map(|socket| Self { socket, file: None })),
            Err(error) => Err(ServeError::Handed(error.to_string())),
        }
    }

    /// Creates a socket. Replaces one that a dead process left behind, but not one that answers.
    ///
    /// Call it before other threads start, because it changes the process's umask for a moment: the file must be open
    /// to no other user before its group and mode are set.
    pub fn make(path: &Path, access: Access) -> Result<Self, ServeError> {
        let failed = |cause| ServeError::Socket { path: path.to_owned(), cause };
        match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
            Ok(metadata) if !metadata.file_type().is_socket() => return Err(ServeError::NotASocket(path.to_owned())),
            Ok(_) => match UnixStream::connect(path) {
                Ok(_) => return Err(ServeError::Served(path.to_owned())),
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                    fs::remove_file(path).map_err(failed)?;
                }
                Err(error) => return Err(failed(error)),
            },
        }
        let before = umask(Mode::RWXG | Mode::RWXO);
        let socket = UnixListener::bind(path);
        umask(before);
        let made = Self { socket: socket.map_err(failed)?, file: Some(path.to_owned()) };
        match open_to(path, access) {
            Ok(()) => Ok(made),
            Err(cause) => {
                made.close();
                Err(failed(cause))
            }
        }
    }

    /// Closes the socket, after it has removed the file: a successor that finds none creates its own, which must not be removed
    /// here.
    pub fn close(self) {
        if let Some(file) = self.file
            && let Err(error) = fs::remove_file(&file)
        {
            tracing::warn!("cannot remove {}: {error}", file.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn only_the_socket_itself_is_opened_to_others() {
        let folder = tempfile::tempdir().unwrap();
        let (path, victim) = (folder.path().join("socket"), folder.path().join("victim"));
        fs::write(&victim, "").unwrap();
        fs::set_permissions(&victim, fs::Permissions::from_mode(0o600)).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let access = Access { mode: 0o666, group: None };
        // An attacker who may write to the folder wins the race.
        symlink(&victim, &path).unwrap();
        assert!(open_to(&path, access).is_err());
        fs::remove_file(&path).unwrap();
        fs::hard_link(&victim, &path).unwrap();
        assert!(open_to(&path, access).is_err());
        assert_eq!(mode(&victim), 0o600);
        fs::remove_file(&path).unwrap();
        let made = Listening::make(&path, access).unwrap();
        assert_eq!(mode(&path), 0o666);
        made.close();
        assert!(!path.exists());
    }
}
