//! `--view`: a live view in a browser.
//!
//! A front process, which is started before the guest and confined by itself, owns the socket, compresses frames and talks to
//! browsers. It never runs code of the guest's, and the guest's process has no network. Between the two are
//!
//! - frames, in a memory file that both have open ([`link::SLOTS`] slots of a fixed size). It is written and read by system
//!   calls and never mapped, so that neither process computes on bytes that the other changes meanwhile;
//! - a socket of short messages ([`link`]): filled slots, free slots, input of viewers.
//!
//! Frames are dropped, never queued: a frame is read back from the GPU only if a slot is free, the front process compresses the
//! latest one that it has, and each viewer gets the latest picture when its connection has room.
//!
//! Pictures are JPEG files in one `multipart/x-mixed-replace` response. A video codec would save bandwidth, which a loopback
//! connection has; WebCodecs, which would decode it, needs TLS anywhere else, and an encoder costs the processors on which
//! llvmpipe draws.

mod front;
mod http;
mod latest;
mod link;
mod serve;
mod sink;

use std::{
    fs::File,
    net::SocketAddr,
    process::{Command, Stdio},
};

use airlock::surface::{Display, FrameSink};
use airlock_protocol::printing;
use airlock_traces::cli::jail::JailMode;
use clap::Args;
use rustix::{
    fs::{MemfdFlags, SealFlags},
    net::{AddressFamily, SocketFlags, SocketType},
};

use crate::error::{CliError, plain};
use link::{FromFront, Link};

pub use front::{Arguments as FrontArguments, run as run_front};

/// The options of the view.
#[derive(Clone, Debug, Args)]
pub struct ViewOptions {
    /// Show the guest's frames live in a browser, which gets pointer and keys: on this address, or a free port of this machine
    #[arg(long, value_name = "ADDR", num_args = 0..=1, require_equals = true, default_missing_value = "127.0.0.1:0")]
    #[arg(value_parser = address)]
    view: Option<SocketAddr>,
}

/// A front process that waits for frames.
#[derive(Debug)]
pub struct View {
    link: Link,
    memory: File,
}

impl ViewOptions {
    /// True when a view is configured.
    pub fn is_given(&self) -> bool {
        self.view.is_some()
    }

    /// Starts the front process, and prints the address of the view. Must be called before this process confines itself.
    pub fn start(&self, jail: JailMode, records: bool) -> Result<Option<View>, CliError> {
        let Some(address) = self.view else { return Ok(None) };
        let failed = |why: String| CliError::View { address, why };
        let view = View::start(address, jail, records).map_err(|error| failed(plain(&error)))?;
        match view.link.receive() {
            Ok(Some(FromFront::Ready { address: bound, token })) => {
                if !bound.ip().is_loopback() {
                    tracing::warn!("the view is open to the network, and what crosses it is not encrypted");
                }
                printing::note(&format!("airlock: live view at http://{bound}/{token}/"));
                Ok(Some(view))
            }
            Ok(Some(FromFront::Failed { why })) => Err(failed(why)),
            Ok(_) => Err(failed("its process has ended".to_owned())),
            Err(error) => Err(failed(plain(&error))),
        }
    }
}

impl View {
    fn start(address: SocketAddr, jail: JailMode, records: bool) -> std::io::Result<Self> {
        let memory = rustix::fs::memfd_create("airlock-view", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        rustix::fs::ftruncate(&memory, link::MEMORY)?;
        rustix::fs::fcntl_add_seals(&memory, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
        let (ours, theirs) =
            rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("view-front").arg(format!("--jail={jail}")).arg(address.to_string());
        if records {
            command.arg("--records");
        }
        // The standard streams carry both ends: no other descriptor has to be inherited.
        command.stdin(Stdio::from(theirs)).stdout(Stdio::from(memory.try_clone()?)).spawn()?;
        Ok(Self { link: Link::new(ours), memory: File::from(memory) })
    }

    /// Starts to pass on frames and input. `snapshot` has the flight recorder write its trace.
    pub fn show(self, display: Display, snapshot: impl Fn() + Send + 'static) -> std::io::Result<Box<dyn FrameSink>> {
        sink::start(self.link, self.memory, display, snapshot)
    }
}

/// Parses an address with a port, or a port of this machine.
fn address(text: &str) -> Result<SocketAddr, String> {
    let port = |text: &str| text.parse().ok().map(|port: u16| SocketAddr::from(([127, 0, 0, 1], port)));
    let wrong = || "an address such as 127.0.0.1:8080, or a port".to_owned();
    text.parse().ok().or_else(|| port(text)).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        assert_eq!(address("8080"), Ok(SocketAddr::from(([127, 0, 0, 1], 8080))));
        assert_eq!(address("0.0.0.0:0"), Ok(SocketAddr::from(([0, 0, 0, 0], 0))));
        assert!(address("[::1]:80").is_ok_and(|address| address.ip().is_loopback()));
        for wrong in ["", "localhost:80", "127.0.0.1", "70000", "1.2.3.4:x"] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
    }
}
