//! What differs between operating systems. The only module with code for one of them.

#[cfg(unix)]
pub(crate) use unix::{DaemonSocket, explain_exit};

#[cfg(unix)]
mod unix {
    use std::{
        io,
        os::unix::{net::UnixStream, process::ExitStatusExt},
        path::Path,
        process::ExitStatus,
    };

    /// A connection to `gpu-daemon serve`.
    #[derive(Debug)]
    pub(crate) struct DaemonSocket(UnixStream);

    impl DaemonSocket {
        pub(crate) fn connect(path: &Path) -> io::Result<Self> {
            UnixStream::connect(path).map(Self)
        }

        pub(crate) fn reader(&self) -> io::Result<UnixStream> {
            self.0.try_clone()
        }
    }

    /// How a process ended, for a person.
    pub(crate) fn explain_exit(status: ExitStatus) -> String {
        match (status.code(), status.signal()) {
            (_, Some(9)) => "it was killed (signal 9, SIGKILL)".to_owned(),
            (_, Some(11)) => "it crashed (signal 11, SIGSEGV)".to_owned(),
            (_, Some(6)) => "it aborted (signal 6, SIGABRT)".to_owned(),
            (_, Some(signal)) => format!("it was ended by signal {signal}"),
            (Some(code), None) => format!("it ended with exit code {code}"),
            (None, None) => "it ended".to_owned(),
        }
    }
}

#[cfg(not(unix))]
pub(crate) use other::{DaemonSocket, explain_exit};

#[cfg(not(unix))]
mod other {
    use std::{io, path::Path, process::ExitStatus};

    /// `gpu-daemon serve` listens on a Unix socket, which this system has not.
    #[derive(Debug)]
    pub(crate) struct DaemonSocket;

    impl DaemonSocket {
        pub(crate) fn connect(_: &Path) -> io::Result<Self> {
            Err(io::Error::new(io::ErrorKind::Unsupported, "this system has no Unix sockets"))
        }

        pub(crate) fn reader(&self) -> io::Result<io::Empty> {
            Ok(io::empty())
        }
    }

    /// How a process ended, for a person.
    pub(crate) fn explain_exit(status: ExitStatus) -> String {
        match status.code() {
            Some(code) => format!("it ended with exit code {code}"),
            None => "it ended".to_owned(),
        }
    }
}
