//! Messages between the guest's process and the front process, each one packet of JSON. The guest's process checks every
//! message from the front process, which unknown clients talk to.

use std::{io, net::SocketAddr, os::fd::OwnedFd, sync::Arc};

use rustix::net::{RecvFlags, SendFlags};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// Frame slots: one being compressed, one in transit, one being written.
pub const SLOTS: u8 = 3;

/// Bytes of a slot: a frame of the largest size, 4 bytes a texel. The memory file is sparse.
pub const SLOT: u64 = 4 * (airlock::surface::MAX_SIZE as u64) * (airlock::surface::MAX_SIZE as u64);

/// Bytes of all slots.
pub const MEMORY: u64 = SLOT * SLOTS as u64;

/// Maximum bytes of a message.
const MAX_MESSAGE: usize = 4096;

/// Maximum bytes of a key's name, and of the text that it types.
pub const MAX_TEXT: usize = 64;

/// From the guest's process.
#[derive(Debug, Serialize, Deserialize)]
pub enum ToFront {
    /// A slot has a frame.
    Frame(Shown),
}

/// A frame in a slot.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Shown {
    /// The slot's index.
    pub slot: u8,
    /// The frame's number.
    pub number: u64,
    /// Width in texels.
    pub width: u32,
    /// Height in texels.
    pub height: u32,
    /// Number of the last input that the guest had read.
    pub input: u64,
}

/// From the front process.
#[derive(Debug, Serialize, Deserialize)]
pub enum FromFront {
    /// The server listens.
    Ready {
        /// Bound address.
        address: SocketAddr,
        /// First segment of every path.
        token: String,
    },
    /// The server could not be started.
    Failed {
        /// Reason.
        why: String,
    },
    /// A slot is free again.
    Free {
        /// Index of the slot.
        slot: u8,
    },
    /// The number of viewers has changed.
    Watchers {
        /// Number of viewers.
        count: u32,
    },
    /// Input of a viewer.
    Input {
        /// Number of the input.
        number: u64,
        /// Event.
        event: ViewerEvent,
    },
    /// Pauses or resumes the guest's frames.
    Pause {
        /// True to pause.
        paused: bool,
    },
    /// Lets one frame through while paused.
    Step,
    /// Has the flight recorder write its trace.
    Trace,
}

/// Input of a viewer, as the page sends it. Coordinates are in texels of the surface.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum ViewerEvent {
    /// A button was pressed.
    Down {
        /// Distance from the left.
        x: f64,
        /// Distance from the top.
        y: f64,
    },
    /// A button was released.
    Up {
        /// Distance from the left.
        x: f64,
        /// Distance from the top.
        y: f64,
    },
    /// The pointer has moved.
    Move {
        /// Distance from the left.
        x: f64,
        /// Distance from the top.
        y: f64,
    },
    /// A key was pressed.
    KeyDown(KeyPress),
    /// A key was released.
    KeyUp(KeyPress),
}

/// A `KeyboardEvent`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
#[serde(default)]
pub struct KeyPress {
    /// `code`.
    pub code: String,
    /// Text that the key types, if any.
    pub text: Option<String>,
    /// `altKey`.
    pub alt: bool,
    /// `ctrlKey`.
    pub ctrl: bool,
    /// `metaKey`.
    pub meta: bool,
    /// `shiftKey`.
    pub shift: bool,
}

impl ViewerEvent {
    /// True for finite coordinates, and for names and texts within [`MAX_TEXT`].
    pub fn is_valid(&self) -> bool {
        match self {
            ViewerEvent::Down { x, y } | ViewerEvent::Up { x, y } | ViewerEvent::Move { x, y } => {
                x.is_finite() && y.is_finite()
            }
            ViewerEvent::KeyDown(key) | ViewerEvent::KeyUp(key) => {
                key.code.len() <= MAX_TEXT && key.text.as_ref().is_none_or(|text| text.len() <= MAX_TEXT)
            }
        }
    }
}

/// One end of the socket.
#[derive(Clone, Debug)]
pub struct Link(Arc<OwnedFd>);

impl Link {
    /// Takes an end of a `SOCK_SEQPACKET` pair.
    pub fn new(socket: OwnedFd) -> Self {
        Self(Arc::new(socket))
    }

    /// Sends a message; blocks while the socket's buffer is full.
    pub fn send(&self, message: &impl Serialize) -> io::Result<()> {
        let text = serde_json::to_vec(message)?;
        // Without SIGPIPE when the peer has ended.
        rustix::net::send(&*self.0, &text, SendFlags::NOSIGNAL)?;
        Ok(())
    }

    /// Receives a message; `None` when the peer has ended.
    pub fn receive<M: DeserializeOwned>(&self) -> io::Result<Option<M>> {
        self.receive_with(RecvFlags::empty())
    }

    /// Receives a message without blocking; `None` if there is none.
    pub fn try_receive<M: DeserializeOwned>(&self) -> io::Result<Option<M>> {
        match self.receive_with(RecvFlags::DONTWAIT) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            received => received,
        }
    }

    fn receive_with<M: DeserializeOwned>(&self, flags: RecvFlags) -> io::Result<Option<M>> {
        let mut buffer = [0; MAX_MESSAGE];
        let received = loop {
            match rustix::net::recv(&*self.0, &mut buffer[..], flags) {
                Err(rustix::io::Errno::INTR) => {}
                received => break received?.0,
            }
        };
        match buffer.get(..received) {
            None | Some([]) => Ok(None),
            Some(message) => Ok(Some(serde_json::from_slice(message)?)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_events_are_refused() {
        let key = |code: &str| ViewerEvent::KeyDown(KeyPress { code: code.to_owned(), ..KeyPress::default() });
        assert!(key("KeyA").is_valid());
        assert!(!key(&"x".repeat(MAX_TEXT + 1)).is_valid());
        assert!(ViewerEvent::Move { x: -1.0, y: 1e9 }.is_valid());
        assert!(!ViewerEvent::Move { x: f64::INFINITY, y: 0.0 }.is_valid());
    }

    #[test]
    fn events_are_read_as_browsers_write_them() {
        let read = |text: &str| serde_json::from_str::<ViewerEvent>(text);
        assert_eq!(read(r#"{"type":"move","x":1,"y":2.5}"#).unwrap(), ViewerEvent::Move { x: 1.0, y: 2.5 });
        let key = read(r#"{"type":"keydown","code":"KeyC","text":"c","shift":true}"#).unwrap();
        let expected = KeyPress { code: "KeyC".into(), text: Some("c".into()), shift: true, ..KeyPress::default() };
        assert_eq!(key, ViewerEvent::KeyDown(expected));
        for wrong in
            ["", "[]", r#"{"type":"move"}"#, r#"{"type":"jump","x":1,"y":1}"#, r#"{"type":"move","x":"1","y":1}"#]
        {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_end_of_a_peer_is_none() {
        let pair = || {
            let (a, b) = rustix::net::socketpair(
                rustix::net::AddressFamily::UNIX,
                rustix::net::SocketType::SEQPACKET,
                rustix::net::SocketFlags::CLOEXEC,
                None,
            )
            .unwrap();
            (Link::new(a), Link::new(b))
        };
        let (a, b) = pair();
        a.send(&FromFront::Free { slot: 2 }).unwrap();
        assert!(matches!(b.receive(), Ok(Some(FromFront::Free { slot: 2 }))));
        assert!(matches!(b.try_receive::<FromFront>(), Ok(None)));
        drop(a);
        assert!(matches!(b.receive::<FromFront>(), Ok(None)));
        assert!(b.send(&FromFront::Step).is_err());
    }
}
