//! Systems without Unix sockets: a connection is two pipes, and there is no `serve`.

use std::{
    io::{self, Read},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{Mutex, PoisonError, mpsc},
    thread,
    time::Duration,
};

use crate::{handshake::Ended, limits::MAX_HELLO};

/// The client's end of a connection. The other end is the worker's standard input and output, and its end is the end of
/// the worker.
#[derive(Debug)]
pub struct Link {
    _input: Option<ChildStdin>,
    output: Mutex<Option<ChildStdout>>,
}

impl Link {
    pub(crate) fn connect(_: &Path) -> io::Result<Self> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "this system has no Unix sockets"))
    }

    /// Reads to the end of a line, at most [`MAX_HELLO`] bytes and for at most `wait`. The line is empty when the other
    /// end is closed.
    pub(crate) fn line(&self, wait: Duration) -> io::Result<String> {
        let output = self.output.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut output = output.ok_or(io::ErrorKind::UnexpectedEof)?;
        let (send, receive) = mpsc::channel();
        thread::spawn(move || {
            let mut line = Vec::new();
            let mut byte = [0];
            let mut result = Ok(());
            while line.len() < MAX_HELLO {
                match output.read(&mut byte) {
                    Ok(1) if byte != *b"\n" => line.extend(byte),
                    Ok(_) => break,
                    Err(error) => {
                        result = Err(error);
                        break;
                    }
                }
            }
            // The receiver is gone when the time ran out.
            let _ = send.send(result.map(|()| String::from_utf8_lossy(&line).into_owned()));
        });
        receive.recv_timeout(wait).unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    /// Only `serve` reports how a worker ended, and it needs Unix sockets.
    pub(crate) fn ended(&self, _: Duration) -> Option<Ended> {
        None
    }
}

/// Starts a program with pipes as its standard input and output.
pub(crate) fn start(mut command: Command) -> io::Result<(Child, Link)> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let link = Link { _input: child.stdin.take(), output: Mutex::new(child.stdout.take()) };
    Ok((child, link))
}
