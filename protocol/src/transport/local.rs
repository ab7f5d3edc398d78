//! Channels between two threads of one process. They hold a bounded number of bytes, and their ends can be dropped, closed
//! and interrupted as a socket's can.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::received::{Awaited, Gone, ReceiveError};

#[derive(Debug)]
struct Pipe {
    state: Mutex<State>,
    changed: Condvar,
    /// Bytes that may wait.
    room: usize,
}

#[derive(Debug, Default)]
struct State {
    messages: VecDeque<Vec<u8>>,
    /// Of all messages.
    bytes: usize,
    /// One of the ends is gone.
    closed: bool,
    /// The next wait ends.
    interrupted: bool,
}

impl Pipe {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>, goes_on: impl Fn(&State) -> bool) -> MutexGuard<'a, State> {
        self.changed.wait_while(state, |state| goes_on(state)).unwrap_or_else(PoisonError::into_inner)
    }

    /// True when a message has to wait. One that exceeds the capacity is sent alone.
    fn is_full(&self, state: &State, len: usize) -> bool {
        !state.closed && state.bytes > 0 && state.bytes.saturating_add(len) > self.room
    }

    fn push(&self, state: &mut State, message: &[u8]) -> Result<(), Gone> {
        if state.closed {
            return Err(Gone);
        }
        state.bytes = state.bytes.saturating_add(message.len());
        state.messages.push_back(message.to_vec());
        self.changed.notify_all();
        Ok(())
    }

    /// The next message; `None` when there is none yet.
    fn pop(&self, state: &mut State, max: usize, begun: impl FnOnce()) -> Result<Option<Vec<u8>>, ReceiveError> {
        let Some(message) = state.messages.pop_front() else {
            return if state.closed { Err(Gone.into()) } else { Ok(None) };
        };
        begun();
        state.bytes = state.bytes.saturating_sub(message.len());
        self.changed.notify_all();
        if message.len() > max {
            return Err(ReceiveError::TooLong { found: message.len() as u64, max });
        }
        Ok(Some(message))
    }

    fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }
}

/// An end whose drop the other end sees.
#[derive(Debug)]
struct End(Arc<Pipe>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// The sending end; the last of its clones ends the channel.
#[derive(Clone, Debug)]
pub(super) struct Sender(Arc<End>);

/// The receiving end.
#[derive(Debug)]
pub(super) struct Receiver(End);

/// A channel in which `room` bytes may wait.
pub(super) fn channel(room: usize) -> (Sender, Receiver) {
    let pipe = Arc::new(Pipe { state: Mutex::default(), changed: Condvar::new(), room });
    (Sender(Arc::new(End(Arc::clone(&pipe)))), Receiver(End(pipe)))
}

impl Sender {
    fn pipe(&self) -> &Pipe {
        &self.0.0
    }

    pub(super) fn send(&self, message: &[u8]) -> Result<(), Gone> {
        let pipe = self.pipe();
        let mut state = pipe.wait(pipe.lock(), |state| pipe.is_full(state, message.len()));
        pipe.push(&mut state, message)
    }

    pub(super) fn try_send(&self, message: &[u8]) -> Result<bool, Gone> {
        let pipe = self.pipe();
        let mut state = pipe.lock();
        if pipe.is_full(&state, message.len()) {
            return Ok(false);
        }
        pipe.push(&mut state, message).map(|()| true)
    }

    pub(super) fn close(&self) {
        self.pipe().close();
    }
}

impl Receiver {
    pub(super) fn recv(&self, max: usize, begun: impl FnOnce()) -> Result<Vec<u8>, ReceiveError> {
        let pipe = &self.0.0;
        let mut state = pipe.wait(pipe.lock(), |state| state.messages.is_empty() && !state.closed);
        pipe.pop(&mut state, max, begun)?.ok_or_else(|| Gone.into())
    }

    pub(super) fn try_recv(&self, max: usize, begun: impl FnOnce()) -> Result<Option<Vec<u8>>, ReceiveError> {
        let pipe = &self.0.0;
        pipe.pop(&mut pipe.lock(), max, begun)
    }

    /// Waits for a message or the end of the channel, for at most a time.
    pub(super) fn nap(&self, time: Duration) {
        let pipe = &self.0.0;
        let quiet = |state: &mut State| state.messages.is_empty() && !state.closed;
        drop(pipe.changed.wait_timeout_while(pipe.lock(), time, quiet));
    }

    /// Waits for a message, the end of the channel, or an interruption.
    pub(super) fn wait(&self) -> Awaited {
        let pipe = &self.0.0;
        let quiet = |state: &State| state.messages.is_empty() && !state.closed && !state.interrupted;
        let mut state = pipe.wait(pipe.lock(), quiet);
        let interrupted = std::mem::take(&mut state.interrupted);
        if interrupted && state.messages.is_empty() && !state.closed { Awaited::Interrupted } else { Awaited::Event }
    }

    pub(super) fn interrupt(&self) {
        let pipe = &self.0.0;
        pipe.lock().interrupted = true;
        pipe.changed.notify_all();
    }

    pub(super) fn close(&self) {
        self.0.0.close();
    }
}

#[cfg(test)]
mod tests {
    use std::{thread, time::Instant};

    use super::*;

    #[test]
    fn messages_come_out_in_order_and_the_rest_after_the_sender_is_gone() {
        let (sender, receiver) = channel(1 << 10);
        assert!(receiver.try_recv(9, || panic!("nothing has begun")).unwrap().is_none());
        sender.send(b"one").unwrap();
        sender.clone().send(b"two").unwrap();
        drop(sender);
        let mut begun = false;
        assert_eq!(receiver.recv(9, || begun = true).unwrap(), b"one");
        assert!(begun);
        assert_eq!(receiver.try_recv(9, || {}).unwrap().unwrap(), b"two");
        assert!(matches!(receiver.recv(9, || {}), Err(ReceiveError::Gone(_))));
        assert_eq!(receiver.wait(), Awaited::Event, "the end is an event");
    }

    #[test]
    fn a_full_channel_takes_no_more_until_it_is_read_and_any_message_alone() {
        let (sender, receiver) = channel(4);
        assert!(sender.try_send(b"longer than the room").unwrap());
        assert!(!sender.try_send(b"").unwrap());
        let waiting = sender.clone();
        let waiter = thread::spawn(move || waiting.send(b"next"));
        assert_eq!(receiver.recv(99, || {}).unwrap(), b"longer than the room");
        assert_eq!(receiver.recv(99, || {}).unwrap(), b"next");
        waiter.join().unwrap().unwrap();
        sender.send(b"12345").unwrap();
        assert!(matches!(receiver.recv(4, || {}), Err(ReceiveError::TooLong { found: 5, max: 4 })));
    }

    #[test]
    fn a_wait_is_interrupted_once_and_a_message_comes_first() {
        let (sender, receiver) = channel(4);
        receiver.interrupt();
        assert_eq!(receiver.wait(), Awaited::Interrupted);
        receiver.interrupt();
        sender.send(b"x").unwrap();
        assert_eq!(receiver.wait(), Awaited::Event);
        let (there, come) = std::sync::mpsc::channel();
        thread::scope(|scope| {
            receiver.recv(4, || {}).unwrap();
            let receiver = &receiver;
            scope.spawn(move || there.send(receiver.wait()));
            sender.send(b"y").unwrap();
            assert_eq!(come.recv().unwrap(), Awaited::Event);
        });
    }

    #[test]
    fn a_nap_ends_with_its_time_or_a_message() {
        let (sender, receiver) = channel(4);
        let (short, start) = (Duration::from_millis(20), Instant::now());
        receiver.nap(short);
        assert!(start.elapsed() >= short);
        let sending = thread::spawn(move || sender.send(b"x"));
        receiver.nap(Duration::from_secs(3600));
        assert_eq!(receiver.try_recv(4, || {}).unwrap().unwrap(), b"x");
        sending.join().unwrap().unwrap();
        // The sender has gone.
        receiver.nap(Duration::from_secs(3600));
        assert!(matches!(receiver.try_recv(4, || {}), Err(ReceiveError::Gone(_))));
    }

    #[test]
    fn a_receiver_that_is_gone_ends_every_send() {
        let (sender, receiver) = channel(4);
        sender.send(b"full").unwrap();
        let waiting = sender.clone();
        let waiter = thread::spawn(move || waiting.send(b"more"));
        drop(receiver);
        assert!(waiter.join().unwrap().is_err());
        assert!(sender.try_send(b"").is_err());
    }
}
