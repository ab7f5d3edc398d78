//! Queue of accepted clients whose worker has not started.
//!
//! Workers start one after the other, which takes a while on a loaded machine. A client gives up after
//! [`HELLO_TIMEOUT`](airlock_protocol::limits::HELLO_TIMEOUT) without a line, so a thread sends `WAIT` to queued clients.

use std::{
    collections::VecDeque,
    io,
    os::unix::net::UnixStream,
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread,
};

use airlock_protocol::{
    handshake::Hello,
    limits::{MAX_WAITS, WAIT_INTERVAL},
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    net::{SendFlags, send},
};

use crate::{lock::lock, supervisor::launch::refuse};

/// Maximum number of queued clients of all sockets. Further clients stay in the sockets' backlogs and receive no `WAIT`.
const MAX_WAITING: usize = 1 << 10;

/// Reason of the refusal when the server stops.
const STOPPED: &str = "the server stops";
/// Reason of the refusal after [`MAX_WAITS`] lines.
const TOO_LONG: &str = "no worker could be started in time; try again later";

/// The queued clients.
#[derive(Debug)]
pub struct Waiting {
    queues: Mutex<Queues>,
    added: Condvar,
    /// Maximum number of clients of one socket: the sockets have equal shares, so that many clients of one tenant do not keep
    /// another's from being accepted.
    share: usize,
}

/// A queue for each socket. The sockets take turns, so that many clients of one tenant do not delay another's.
#[derive(Debug)]
struct Queues {
    of_sockets: Vec<VecDeque<Client>>,
    /// The socket whose turn it is.
    turn: usize,
}

#[derive(Debug)]
struct Client {
    connection: UnixStream,
    /// Lines `WAIT` so far.
    waits: usize,
}

impl Waiting {
    /// Creates empty queues for this many sockets. `descriptors` is the process's limit, most of which is for sessions.
    pub fn new(sockets: usize, descriptors: u64) -> Arc<Self> {
        let of_sockets = (0..sockets).map(|_| VecDeque::new()).collect();
        let most = usize::try_from(descriptors / 4).unwrap_or(MAX_WAITING).min(MAX_WAITING);
        let share = (most / sockets.max(1)).max(1);
        Arc::new(Self { queues: Mutex::new(Queues { of_sockets, turn: 0 }), added: Condvar::new(), share })
    }

    /// Starts the thread that sends `WAIT`.
    pub fn start_thread(self: &Arc<Self>) -> io::Result<()> {
        let waiting = Arc::clone(self);
        let send_waits = move || {
            loop {
                let queued = waiting.added.wait_while(lock(&waiting.queues), |queues| queues.is_empty());
                drop(queued.unwrap_or_else(PoisonError::into_inner));
                thread::sleep(WAIT_INTERVAL);
                lock(&waiting.queues).send_waits();
            }
        };
        thread::Builder::new().name("waiting".to_owned()).spawn(send_waits).map(drop)
    }

    /// True when no further client of a socket may be added.
    pub fn is_full(&self, socket: usize) -> bool {
        lock(&self.queues).of_sockets.get(socket).is_none_or(|queue| queue.len() >= self.share)
    }

    /// True without clients.
    pub fn is_empty(&self) -> bool {
        lock(&self.queues).is_empty()
    }

    /// Adds a client of a socket.
    pub fn add(&self, socket: usize, connection: UnixStream) {
        if let Some(queue) = lock(&self.queues).of_sockets.get_mut(socket) {
            queue.push_back(Client { connection, waits: 0 });
        }
        self.added.notify_one();
    }

    /// Removes the next client; returns its socket's number, too.
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
    fn is_empty(&self) -> bool {
        self.of_sockets.iter().all(VecDeque::is_empty)
    }

    fn next(&mut self) -> Option<(usize, UnixStream)> {
        let sockets = self.of_sockets.len();
        for socket in (0..sockets).map(|after| (self.turn + after) % sockets) {
            if let Some(client) = self.of_sockets.get_mut(socket).and_then(VecDeque::pop_front) {
                self.turn = (socket + 1) % sockets;
                return Some((socket, client.connection));
            }
        }
        None
    }

    /// Sends `WAIT` to each client, and drops those that are closed, do not read, or have received [`MAX_WAITS`].
    fn send_waits(&mut self) {
        for queue in &mut self.of_sockets {
            queue.retain_mut(Client::send_wait);
        }
    }
}

impl Client {
    /// Returns false if the client leaves the queue.
    fn send_wait(&mut self) -> bool {
        if self.waits >= MAX_WAITS {
            let _ = self.say(Hello::Refused { reason: TOO_LONG.to_owned() });
            return false;
        }
        self.waits += 1;
        // Where the socket's buffer is full, a worker would block on its first line.
        !is_closed(&self.connection) && matches!(self.say(Hello::Wait), Ok(_) | Err(Errno::INTR))
    }

    fn say(&self, hello: Hello) -> rustix::io::Result<usize> {
        send(&self.connection, hello.to_line().as_bytes(), SendFlags::DONTWAIT | SendFlags::NOSIGNAL)
    }
}

/// True when the other end of a connection is closed.
fn is_closed(connection: &UnixStream) -> bool {
    let mut state = [PollFd::new(connection, PollFlags::RDHUP)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut state, Some(&now)).is_ok_and(|_| state.iter().any(|end| !end.revents().is_empty()))
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    /// Clients of these sockets, and their ends.
    fn clients(waiting: &Waiting, sockets: &[usize]) -> Vec<UnixStream> {
        let pair = |&socket: &usize| {
            let (client, end) = UnixStream::pair().unwrap();
            waiting.add(socket, client);
            end
        };
        sockets.iter().map(pair).collect()
    }

    fn said(end: &mut UnixStream) -> String {
        let mut text = String::new();
        end.read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn sockets_take_turns_and_each_keeps_its_order() {
        let waiting = Waiting::new(3, 1 << 20);
        let mut ends = clients(&waiting, &[0, 0, 0, 2, 2]);
        for (at, socket) in [(0, 0), (3, 2), (1, 0), (4, 2), (2, 0)] {
            let (of, client) = waiting.next().unwrap();
            refuse(client, at.to_string());
            assert_eq!((of, said(&mut ends[at])), (socket, format!("REFUSED {at}\n")));
        }
        assert!(waiting.is_empty() && waiting.next().is_none());
    }

    #[test]
    fn a_socket_with_many_clients_leaves_room_for_others() {
        let waiting = Waiting::new(2, 32);
        let _ends = clients(&waiting, &[0; 4]);
        assert!(waiting.is_full(0) && !waiting.is_full(1) && waiting.is_full(2));
        waiting.next();
        assert!(!waiting.is_full(0));
        assert!(!Waiting::new(200, 0).is_full(199));
    }

    #[test]
    fn waits_are_sent_and_closed_clients_dropped() {
        let waiting = Waiting::new(1, 1 << 20);
        let mut ends = clients(&waiting, &[0; 2]);
        drop(ends.remove(0));
        lock(&waiting.queues).send_waits();
        waiting.refuse();
        assert_eq!(said(&mut ends[0]), "WAIT\nREFUSED the server stops\n");
    }

    #[test]
    fn a_client_that_has_waited_too_long_is_refused_even_if_it_does_not_read() {
        let waiting = Waiting::new(1, 1 << 20);
        let mut ends = clients(&waiting, &[0]);
        (0..MAX_WAITS).for_each(|_| lock(&waiting.queues).send_waits());
        assert!(!waiting.is_empty());
        lock(&waiting.queues).send_waits();
        assert!(waiting.is_empty());
        assert_eq!(said(&mut ends[0]), "WAIT\n".repeat(MAX_WAITS) + &format!("REFUSED {TOO_LONG}\n"));
    }
}
