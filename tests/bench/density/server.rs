//! The server of one round.

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
};

use tempfile::TempDir;

use crate::Error;

/// The line of the log with which a server accepts clients.
const SERVES: &str = "serving on";

/// A `gpu-daemon serve`, which ends with this value.
pub struct Server {
    child: Child,
    socket: PathBuf,
    _folder: TempDir,
}

impl Server {
    /// Starts a server for this many sessions of one user, and waits until it accepts clients.
    pub fn start(program: &Path, standby: u16, sessions: usize) -> Result<Self, Error> {
        let failed = |source| Error::Start { program: program.to_owned(), source };
        let folder = TempDir::new().map_err(failed)?;
        let socket = folder.path().join("gpu.sock");
        let mut command = Command::new(program);
        command.env("TMPDIR", folder.path()).env_remove("RUST_LOG").arg("serve").arg("--socket").arg(&socket);
        for limit in ["--max-sessions", "--max-sessions-per-user"] {
            command.arg(format!("{limit}={sessions}"));
        }
        command.arg(format!("--standby-workers={standby}"));
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().map_err(failed)?;
        let mut log = BufReader::new(child.stderr.take().ok_or_else(|| Error::Server("it has no log".to_owned()))?);
        let (mut line, mut text) = (String::new(), String::new());
        while !line.contains(SERVES) {
            line.clear();
            if log.read_line(&mut line).is_ok_and(|length| length > 0) {
                text.push_str(&line);
            } else {
                return Err(Error::Server(text));
            }
        }
        // The whole log is read: a server does not continue past a full pipe.
        thread::spawn(move || log.lines().map_while(Result::ok).for_each(drop));
        Ok(Self { child, socket, _folder: folder })
    }

    /// The path of its socket.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Its workers end with their connections.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
