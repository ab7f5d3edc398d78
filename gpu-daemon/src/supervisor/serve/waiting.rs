//! Clients that are accepted and whose worker is not started yet.
//!
//! Workers are started one after the other, which takes a while on a loaded machine. A client takes a server that says nothing for
//! [`HELLO_TIMEOUT`](airlock_protocol::limits::HELLO_TIMEOUT) for dead, so that those who wait are told to go on waiting.

use std::{
    collections::VecDeque,
    io,
    os::unix::net::UnixStream,
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread,
};

use airlock_protocol::{handshake::Hello, limits::WAIT_INTERVAL};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    net::{SendFlags, send},
};

use crate::{lock::lock, supervisor::launch::refuse};

/// Maximum number of waiting clients. Further ones wait in the sockets' backlogs, where nobody tells them anything.
const MAX_WAITING: usize = 1 << 10;

/// What a client is told that waits when the server stops.
const STOPPED: &str = "the server stops";

/// The waiting clients.
#[derive(Debug)]
pub struct Waiting {
    queues: Mutex<Queues>,
    came: Condvar,
}

/// A queue for each socket. The sockets take turns, so that many clients of one tenant do not delay another's.
#[derive(Debug)]
struct Queues {
    of_sockets: Vec<VecDeque<UnixStream>>,
    /// The socket whose turn it is.
    turn: usize,
}

impl Waiting {
    /// No clients, of this many sockets.
    pub fn new(sockets: usize) -> Arc<Self> {
        let of_sockets = (0..sockets).map(|_| VecDeque::new()).collect();
        Arc::new(Self { queues: Mutex::new(Queues { of_sockets, turn: 0 }), came: Condvar::new() })
    }

    /// Starts the thread that tells clients to wait.
    pub fn tell(self: &Arc<Self>) -> io::Result<()> {
        let waiting = Arc::clone(self);
        let tell = move || {
            loop {
                drop(
                    waiting
                        .came
                        .wait_while(lock(&waiting.queues), |queues| queues.is_empty())
                        .unwrap_or_else(PoisonError::into_inner),
                );
                thread::sleep(WAIT_INTERVAL);
                lock(&waiting.queues).tell();
            }
        };
        thread::Builder::new().name("waiting".to_owned()).spawn(tell).map(drop)
    }

    /// True when no further client may be added.
    pub fn is_full(&self) -> bool {
        lock(&self.queues).len() >= MAX_WAITING
    }

    /// True without clients.
    pub fn is_empty(&self) -> bool {
        lock(&self.queues).is_empty()
    }

    /// Adds a client of a socket.
    pub fn add(&self, socket: usize, client: UnixStream) {
        if let Some(queue) = lock(&self.queues).of_sockets.get_mut(socket) {
            queue.push_back(client);
        }
        self.came.notify_one();
    }

    /// Takes the next client, with its socket's number.
    pub fn next(&self) -> Option<(usize, UnixStream)> {
        lock(&self.queues).next()
    }

    /// Refuses all clients, because the server stops.
    pub fn refuse(&self) {
        while let Some((_, client)) = self.next() {
            refuse(client, STOPPED.to_owned());
        }
    }
}

impl Queues {
    fn len(&self) -> usize {
        self.of_sockets.iter().map(VecDeque::len).sum()
    }

    fn is_empty(&self) -> bool {
        self.of_sockets.iter().all(VecDeque::is_empty)
    }

    fn next(&mut self) -> Option<(usize, UnixStream)> {
        let sockets = self.of_sockets.len();
        for socket in (0..sockets).map(|after| (self.turn + after) % sockets) {
            if let Some(client) = self.of_sockets.get_mut(socket).and_then(VecDeque::pop_front) {
                self.turn = (socket + 1) % sockets;
                return Some((socket, client));
            }
        }
        None
    }

    /// Tells each client to wait, and drops those that have gone.
    fn tell(&mut self) {
        let line = Hello::Wait.to_line();
        for queue in &mut self.of_sockets {
            queue.retain(|client| {
                // A client that does not read misses only this.
                let told = send(client, line.as_bytes(), SendFlags::DONTWAIT | SendFlags::NOSIGNAL);
                !has_gone(client) && matches!(told, Ok(_) | Err(Errno::AGAIN | Errno::INTR))
            });
        }
    }
}

/// True when the other end of a connection is closed.
fn has_gone(client: &UnixStream) -> bool {
    let mut state = [PollFd::new(client, PollFlags::RDHUP)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut state, Some(&now)).is_ok_and(|_| state.iter().any(|client| !client.revents().is_empty()))
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn sockets_take_turns_and_each_keeps_its_order() {
        let waiting = Waiting::new(3);
        let mut ends = Vec::new();
        for (socket, number) in [(0, 1), (0, 2), (0, 3), (2, 4), (2, 5)] {
            let (client, end) = UnixStream::pair().unwrap();
            ends.push((number, end));
            waiting.add(socket, client);
        }
        let mut order = Vec::new();
        while let Some((socket, client)) = waiting.next() {
            refuse(client, String::new());
            let (at, _) = ends
                .iter_mut()
                .enumerate()
                .find_map(|(at, (_, end))| {
                    end.set_nonblocking(true).unwrap();
                    Some((at, end.read(&mut [0; 64]).ok()?))
                })
                .unwrap();
            order.push((socket, ends.remove(at).0));
        }
        assert_eq!(order, [(0, 1), (2, 4), (0, 2), (2, 5), (0, 3)]);
        assert!(waiting.is_empty());
    }

    #[test]
    fn those_that_wait_are_told_and_those_that_are_gone_leave() {
        let waiting = Waiting::new(1);
        let (client, mut stays) = UnixStream::pair().unwrap();
        waiting.add(0, client);
        let (client, goes) = UnixStream::pair().unwrap();
        waiting.add(0, client);
        drop(goes);
        lock(&waiting.queues).tell();
        assert_eq!(lock(&waiting.queues).len(), 1);
        let mut line = [0; 5];
        stays.read_exact(&mut line).unwrap();
        assert!(Hello::is_wait(str::from_utf8(&line).unwrap()));
        // Nobody reads, and nothing blocks.
        (0..100_000).for_each(|_| lock(&waiting.queues).tell());
        assert_eq!(lock(&waiting.queues).len(), 1);
        waiting.refuse();
        assert!(waiting.is_empty());
    }
}
