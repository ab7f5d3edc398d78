//! The handshake of client and worker.
//!
//! A worker's standard input and output are one connection (a Unix stream socket where there are any): to the host that
//! spawned it, or to the client of `gpu-daemon serve` or `gpu-daemon broker`. The worker writes one line to it:
//!
//! ```text
//! AIRLOCK <protocol version> <schema hash>
//! REFUSED <reason>
//! ```
//!
//! A server that starts workers for others first precedes it with up to [`MAX_WAITS`](crate::limits::MAX_WAITS) lines `WAIT`, one
//! every [`WAIT_INTERVAL`](crate::limits::WAIT_INTERVAL).
//!
//! The line lies outside the codec, so that any two builds can tell why they do not fit. The client checks it and sends,
//! on the same connection, three descriptors, each with one byte: the ring's memory, the socket of commands, the socket of
//! events. The worker takes exactly these and reads nothing else from it but its end. The first event is then `Welcome`.
//!
//! A client therefore creates no socket but pairs and connects to no address, so that a confined process can be one. Where
//! descriptors cannot be sent, the line has a fourth word, the name of an ipc-channel one-shot server: the client connects to
//! it and sends one [`Bootstrap`](crate::transport::Bootstrap) with the ring and the channels.
//!
//! When a worker ends that is not its client's own child, the process that started it writes a last line. A worker
//! writes the line itself after an orderly end of its client, unless a server counts its workers' ends and writes the
//! line then:
//!
//! ```text
//! ENDED exit code <code>
//! ENDED signal <number>
//! ENDED idle
//! ENDED memory
//! ```
//!
//! The last two are decisions of a server: the session was idle for too long, or memory was short.

use std::{fmt, process::ExitStatus};

use thiserror::Error;

use crate::{
    Command, Event, codec,
    visible::is_obeyed,
    wire::{Schema, Wire},
};

/// Start of the reason of a session that ended by a panic in the worker.
pub const PANICKED: &str = "the GPU process panicked";

/// The version of the handshake and of the stream's framing. It changes when older builds are incompatible.
pub const PROTOCOL_VERSION: u32 = 7;

/// The line of [`Hello::Wait`].
const WAIT: &str = "WAIT";

/// A hash over the definitions of commands and events, the descriptions of commands, and [`codec::VERSION`]. Two builds
/// with the same hash read each other's streams.
pub const SCHEMA_HASH: &str = match std::str::from_utf8(&DIGITS) {
    Ok(digits) => digits,
    Err(_) => unreachable!(),
};

const DIGITS: [u8; 16] = Schema::named("stream")
    .number(codec::VERSION)
    .field("commands", Command::SCHEMA)
    .field("events", Event::SCHEMA)
    .digits();

/// A worker's first line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hello {
    /// A worker is ready for a client.
    Ready {
        /// Its [`PROTOCOL_VERSION`].
        version: u32,
        /// Its [`SCHEMA_HASH`].
        schema: String,
        /// The name of its one-shot server, where it has one for clients.
        server: Option<String>,
    },
    /// No worker is available.
    Refused {
        /// Why.
        reason: String,
    },
    /// The server starts workers for other clients first. Another line follows.
    Wait,
}

/// A failed handshake.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum HelloError {
    /// Not a line of this protocol.
    #[error("it does not speak Airlock's protocol (its first line is {found:?})")]
    Foreign {
        /// The line, cut.
        found: String,
    },
    /// Another protocol version.
    #[error("it speaks protocol version {found}, this program speaks version {expected}: use the two from one release")]
    Version {
        /// Ours.
        expected: u32,
        /// Theirs.
        found: u32,
    },
    /// The same version with other commands.
    #[error(
        "its commands have schema {found}, this program's have {expected} (both say protocol version \
         {PROTOCOL_VERSION}): use the two from one release"
    )]
    Schema {
        /// Ours.
        expected: String,
        /// Theirs.
        found: String,
    },
    /// The daemon rejects the session.
    #[error("it refuses the session: {0}")]
    Refused(String),
}

impl Hello {
    /// This build's line, with a server's name where there is one.
    pub fn ready(server: Option<String>) -> Self {
        Hello::Ready { version: PROTOCOL_VERSION, schema: SCHEMA_HASH.to_owned(), server }
    }

    /// The line, newline included.
    pub fn to_line(&self) -> String {
        match self {
            Hello::Ready { version, schema, server: None } => format!("AIRLOCK {version} {schema}\n"),
            Hello::Ready { version, schema, server: Some(server) } => format!("AIRLOCK {version} {schema} {server}\n"),
            Hello::Refused { reason } => format!("REFUSED {}\n", reason.replace('\n', " ")),
            Hello::Wait => format!("{WAIT}\n"),
        }
    }

    /// True for the line of [`Hello::Wait`], with or without its newline.
    pub fn is_wait(line: &str) -> bool {
        line.strip_suffix('\n').unwrap_or(line) == WAIT
    }

    /// Reads a line and checks that its sender fits this build. Returns the server's name, if it has one.
    pub fn check(line: &str) -> Result<Option<String>, HelloError> {
        let foreign = || HelloError::Foreign { found: crate::limits::cut(line, 80).to_owned() };
        if let Some(reason) = line.strip_prefix("REFUSED ") {
            // The text is shown on a terminal.
            return Err(HelloError::Refused(reason.trim().replace(is_obeyed, "?")));
        }
        let mut words = line.trim_end().splitn(4, ' ');
        let (Some("AIRLOCK"), Some(version)) = (words.next(), words.next()) else {
            return Err(foreign());
        };
        let version = version.parse::<u32>().map_err(|_| foreign())?;
        if version != PROTOCOL_VERSION {
            return Err(HelloError::Version { expected: PROTOCOL_VERSION, found: version });
        }
        let (Some(schema), server) = (words.next(), words.next()) else {
            return Err(foreign());
        };
        if schema != SCHEMA_HASH {
            return Err(HelloError::Schema { expected: SCHEMA_HASH.to_owned(), found: schema.to_owned() });
        }
        let is_name = |server: &str| {
            // The name is the path of a socket: ipc-channel accepts no other, and panics on a NUL.
            cfg!(not(target_os = "linux")) && !server.is_empty() && !server.chars().any(char::is_control)
        };
        if server.is_some_and(|server| !is_name(server)) {
            return Err(foreign());
        }
        Ok(server.map(str::to_owned))
    }
}

/// The end of a worker: the last line on its connection, from the process that started it or from the worker itself. It has
/// numbers and fixed words only, so that a worker can forge no other content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// An exit code.
    Code(i32),
    /// A signal.
    Signal(i32),
    /// Ended by the server: the session was idle for too long.
    Idle,
    /// Ended by the server: it used the most memory when memory was short.
    Memory,
}

impl Ended {
    /// The end of a process.
    pub fn of(status: ExitStatus) -> Self {
        #[cfg(unix)]
        if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
            return Ended::Signal(signal);
        }
        // Without a signal there is a code.
        Ended::Code(status.code().unwrap_or(-1))
    }

    /// True for an orderly end.
    pub fn is_success(self) -> bool {
        self == Ended::Code(0)
    }

    /// The line, newline included.
    pub fn to_line(self) -> String {
        match self {
            Ended::Code(code) => format!("ENDED exit code {code}\n"),
            Ended::Signal(signal) => format!("ENDED signal {signal}\n"),
            Ended::Idle => "ENDED idle\n".to_owned(),
            Ended::Memory => "ENDED memory\n".to_owned(),
        }
    }

    /// Parses a line, with or without its newline; `None` for any other.
    pub fn parse(line: &str) -> Option<Self> {
        let rest = line.strip_suffix('\n').unwrap_or(line).strip_prefix("ENDED ")?;
        let ended = match (rest, rest.strip_prefix("exit code ")) {
            ("idle", _) => Ended::Idle,
            ("memory", _) => Ended::Memory,
            (_, Some(code)) => Ended::Code(code.parse().ok()?),
            (_, None) => Ended::Signal(rest.strip_prefix("signal ")?.parse().ok()?),
        };
        // A number has one spelling.
        (ended.to_line().trim_end() == line.strip_suffix('\n').unwrap_or(line)).then_some(ended)
    }
}

impl fmt::Display for Ended {
    /// The text of messages: `it was killed (signal 9, SIGKILL)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ended::Signal(9) => f.write_str("it was killed (signal 9, SIGKILL)"),
            Ended::Signal(11) => f.write_str("it crashed (signal 11, SIGSEGV)"),
            Ended::Signal(6) => f.write_str("it aborted (signal 6, SIGABRT)"),
            Ended::Signal(31) => f.write_str("it made a system call that its jail forbids (signal 31, SIGSYS)"),
            Ended::Signal(signal) => write!(f, "it was ended by signal {signal}"),
            Ended::Code(code) => write!(f, "it ended with exit code {code}"),
            Ended::Idle => f.write_str("the server ended it, because it was idle for too long"),
            Ended::Memory => {
                f.write_str("the server ended it, because it had the most memory when there was too little")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_comes_back_and_others_do_not() {
        for ended in
            [Ended::Code(0), Ended::Code(-1), Ended::Code(i32::MAX), Ended::Signal(9), Ended::Idle, Ended::Memory]
        {
            assert_eq!(Ended::parse(&ended.to_line()), Some(ended));
            assert_eq!(Ended::parse(ended.to_line().trim_end()), Some(ended));
        }
        for line in [
            "",
            "ENDED",
            "ENDED ",
            "ENDED signal",
            "ENDED signal x",
            "ENDED signal 09",
            "ENDED signal +9",
            "ENDED 9",
            "ENDED idle now",
        ] {
            assert_eq!(Ended::parse(line), None, "{line:?}");
        }
        assert_eq!(Ended::parse("ENDED exit code 99999999999"), None);
        assert_eq!(Ended::parse("ENDED signal 9\n\n"), None);
        assert_eq!(Ended::parse("ENDED signal 9 now"), None);
    }
}
