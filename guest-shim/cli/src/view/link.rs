//! Messages between the guest's process and the front process. Each is one packet of JSON; there are few of them. The guest's
//! process checks every message from the front process, which unknown clients talk to.

use std::{io, net::SocketAddr, os::fd::OwnedFd, sync::Arc};

use rustix::net::{RecvFlags, SendFlags};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// Places for frames: one that is compressed, one that is on its way, one that is written.
pub const SLOTS: u8 = 3;

/// Bytes of a place: a frame of the largest size, 4 bytes a texel. Memory is taken as it is used.
pub const SLOT: u64 = 4 * (airlock::surface::MAX_SIZE as u64) * (airlock::surface::MAX_SIZE as u64);

/// Bytes of all of them.
pub const MEMORY: u64 = SLOT * SLOTS as u64;

/// Bytes of a message at most.
const MAX_MESSAGE: usize = 4096;

/// Bytes of the text that a key types at most.
pub const MAX_TEXT: usize = 64;

/// From the guest's process.
#[derive(Debug, Serialize, Deserialize)]
pub enum ToFront {
    /// A place has a frame.
    Frame(Shown),
}

/// A frame in its place.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Shown {
    /// The place.
    pub slot: u8,
    /// Its number.
    pub number: u64,
    /// Its size in texels.
    pub width: u32,
    /// Its size in texels.
    pub height: u32,
    /// The last input that the guest had taken.
    pub input: u64,
}

/// From the front process.
#[derive(Debug, Serialize, Deserialize)]
pub enum FromFront {
    /// It listens.
    Ready {
        /// Where.
        address: SocketAddr,
        /// What an address begins with.
        token: String,
    },
    /// It does not.
    Failed {
        /// Why.
        why: String,
    },
    /// A place is free again.
    Free {
        /// Which.
        slot: u8,
    },
    /// So many look on.
    Watchers {
        /// How many.
        count: u32,
    },
    /// A viewer does something.
    Input {
        /// Its number.
        number: u64,
        /// What.
        event: ViewerEvent,
    },
    /// Frames are held back, or go on.
    Pause {
        /// Whether.
        paused: bool,
    },
    /// One more frame while they are held back.
    Step,
    /// The flight recorder is to write its trace.
    Trace,
}

/// Input of a viewer, as the page sends it. Coordinates are in texels of the surface.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum ViewerEvent {
    /// A button goes down.
    Down {
        /// From the left.
        x: f64,
        /// From the top.
        y: f64,
    },
    /// It goes up.
    Up {
        /// From the left.
        x: f64,
        /// From the top.
        y: f64,
    },
    /// The pointer moves.
    Move {
        /// From the left.
        x: f64,
        /// From the top.
        y: f64,
    },
    /// A key goes down.
    KeyDown(KeyPress),
    /// It goes up.
    KeyUp(KeyPress),
}

/// A `KeyboardEvent`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
#[serde(default)]
pub struct KeyPress {
    /// Its `code`.
    pub code: String,
    /// The character that it types, if any.
    pub text: Option<String>,
    /// Its modifiers.
    pub alt: bool,
    /// Its modifiers.
    pub ctrl: bool,
    /// Its modifiers.
    pub meta: bool,
    /// Its modifiers.
    pub shift: bool,
}

impl ViewerEvent {
    /// Whether a guest may hear of it: places that are numbers, names and texts of a length that keys have.
    pub fn is_sensible(&self) -> bool {
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
    /// Of a socket of packets.
    pub fn new(socket: OwnedFd) -> Self {
        Self(Arc::new(socket))
    }

    /// Sends a message, waiting for room.
    pub fn send(&self, message: &impl Serialize) -> io::Result<()> {
        let text = serde_json::to_vec(message)?;
        // The other side may be gone, which is no reason for a signal.
        rustix::net::send(&*self.0, &text, SendFlags::NOSIGNAL)?;
        Ok(())
    }

    /// The next message; `None` when the other side is gone.
    pub fn receive<M: DeserializeOwned>(&self) -> io::Result<Option<M>> {
        self.receive_with(RecvFlags::empty())
    }

    /// The next message, if it is there already.
    pub fn look<M: DeserializeOwned>(&self) -> io::Result<Option<M>> {
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
    fn what_makes_no_sense_is_refused() {
        let key = |code: &str| ViewerEvent::KeyDown(KeyPress { code: code.to_owned(), ..KeyPress::default() });
        assert!(key("KeyA").is_sensible());
        assert!(!key(&"x".repeat(MAX_TEXT + 1)).is_sensible());
        assert!(ViewerEvent::Move { x: -1.0, y: 1e9 }.is_sensible());
        assert!(!ViewerEvent::Move { x: f64::INFINITY, y: 0.0 }.is_sensible());
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
    fn an_end_that_is_gone_is_no_message() {
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
        assert!(matches!(b.look::<FromFront>(), Ok(None)));
        drop(a);
        assert!(matches!(b.receive::<FromFront>(), Ok(None)));
        assert!(b.send(&FromFront::Step).is_err());
    }
}
