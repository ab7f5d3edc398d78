//! The sockets that `serve` is reached on.

use std::{
    fs, io,
    os::unix::{
        fs::{FileTypeExt, PermissionsExt, chown},
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
};

use listenfd::ListenFd;
use rustix::{fs::Mode, process::umask};

use super::{ServeError, options::GroupId};

/// Who may write to a socket that is made.
#[derive(Clone, Copy, Debug)]
pub struct Access {
    /// Its mode.
    pub mode: u32,
    /// Its group, where that is not the server's.
    pub group: Option<GroupId>,
}

/// A socket that is listened on, and what is to be removed with it.
#[derive(Debug)]
pub struct Listening {
    /// The socket.
    pub socket: UnixListener,
    /// Its file, when it was made here. Another's is left to whoever made it.
    pub file: Option<PathBuf>,
}

impl Listening {
    /// Takes the socket that systemd hands over, if it does.
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

    /// Makes a socket. One that a dead process left behind is replaced; one that answers is not.
    ///
    /// It changes the process's umask for a moment and so comes before there are other threads: the file must be open to
    /// nobody else before its group and mode are set.
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
        match access.group.map_or(Ok(()), |group| chown(path, None, Some(group.0))) {
            Ok(()) => {}
            Err(cause) => {
                made.close();
                return Err(failed(cause));
            }
        }
        fs::set_permissions(path, fs::Permissions::from_mode(access.mode)).map_err(failed)?;
        Ok(made)
    }

    /// No further client. The file goes first: a successor that finds none makes its own, which must not be removed here.
    pub fn close(self) {
        if let Some(file) = self.file
            && let Err(error) = fs::remove_file(&file)
        {
            tracing::warn!("cannot remove {}: {error}", file.display());
        }
    }
}
