//! How the two sides meet.
//!
//! A worker writes one line to its standard output, which is a pipe to the host that spawned it or the connection that
//! `gpu-daemon serve` accepted:
//!
//! ```text
//! AIRLOCK <protocol version> <schema hash> <name of an ipc-channel one-shot server>
//! REFUSED <reason>
//! ```
//!
//! The line lies outside the codec, so that any two builds can tell why they do not fit. The client checks it, connects
//! to the server and sends one [`Bootstrap`](crate::transport::Bootstrap). The first event is then `Welcome`.

use thiserror::Error;

/// The version of this exchange and of the stream's framing. It changes when an older side could not go on.
pub const PROTOCOL_VERSION: u32 = 1;

/// A hash over the definitions of commands and events, comments and layout excluded. Two builds with the same hash read
/// each other's streams.
pub const SCHEMA_HASH: &str = env!("AIRLOCK_SCHEMA_HASH");

/// A worker's first line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hello {
    /// A worker is ready for a client.
    Ready {
        /// Its [`PROTOCOL_VERSION`].
        version: u32,
        /// Its [`SCHEMA_HASH`].
        schema: String,
        /// The name of its one-shot server.
        server: String,
    },
    /// There is no worker to be had.
    Refused {
        /// Why.
        reason: String,
    },
}

/// Why two sides do not fit.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum HelloError {
    /// The line is none of ours.
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
    /// The daemon takes no session.
    #[error("it refuses the session: {0}")]
    Refused(String),
}

impl Hello {
    /// This build's line for a server's name.
    pub fn ready(server: String) -> Self {
        Hello::Ready { version: PROTOCOL_VERSION, schema: SCHEMA_HASH.to_owned(), server }
    }

    /// The line, newline included.
    pub fn to_line(&self) -> String {
        match self {
            Hello::Ready { version, schema, server } => format!("AIRLOCK {version} {schema} {server}\n"),
            Hello::Refused { reason } => format!("REFUSED {}\n", reason.replace('\n', " ")),
        }
    }

    /// Reads a line and checks that its sender fits this build. Gives the server's name.
    pub fn check(line: &str) -> Result<String, HelloError> {
        let foreign = || HelloError::Foreign { found: crate::limits::cut(line, 80).to_owned() };
        if let Some(reason) = line.strip_prefix("REFUSED ") {
            return Err(HelloError::Refused(reason.trim().to_owned()));
        }
        let mut words = line.trim_end().splitn(4, ' ');
        let (Some("AIRLOCK"), Some(version)) = (words.next(), words.next()) else {
            return Err(foreign());
        };
        let version = version.parse::<u32>().map_err(|_| foreign())?;
        if version != PROTOCOL_VERSION {
            return Err(HelloError::Version { expected: PROTOCOL_VERSION, found: version });
        }
        let (Some(schema), Some(server)) = (words.next(), words.next()) else {
            return Err(foreign());
        };
        if schema != SCHEMA_HASH {
            return Err(HelloError::Schema { expected: SCHEMA_HASH.to_owned(), found: schema.to_owned() });
        }
        Ok(server.to_owned())
    }
}
