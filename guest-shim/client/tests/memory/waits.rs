//! One wait in all its forms, and which of them block.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
};

use airlock_protocol::{Event, events::Report};

use crate::daemon::Daemon;
#[cfg(target_os = "linux")]
use crate::threads::{this_thread, until_it_sleeps};

/// Wakes a thread, and counts.
struct Unpark(Thread, AtomicUsize);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.1.fetch_add(1, Ordering::SeqCst);
        self.0.unpark();
    }
}

/// Runs a future on this thread.
fn block_on<F: Future + Unpin>(mut future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current(), AtomicUsize::new(0))));
    loop {
        match Pin::new(&mut future).poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

/// A wait for a report, and what answers it.
fn asked(client: &mut airlock_client::Client, daemon: &mut Daemon) -> (airlock_client::Wait<Report>, Event<'static>) {
    let wait = client.report().unwrap();
    let report = Report { commands: 7, ..Report::default() };
    (wait, Event::Report { request: daemon.request(), report })
}

#[test]
fn a_wait_is_asked_again_and_taken_once() {
    let (mut client, mut daemon, _device) = Daemon::with_device();
    let before = client.stats().blocked.count;
    let (mut wait, event) = asked(&mut client, &mut daemon);
    assert!(!wait.is_ready());
    assert_eq!(wait.try_take(), None);
    daemon.send(&event);
    while !wait.is_ready() {
        // The thread that receives brings it; looking is only quicker.
        wait.look();
        thread::yield_now();
    }
    assert!(wait.is_ready(), "as often as one likes");
    assert_eq!(wait.try_take().unwrap().unwrap().commands, 7);
    assert!(wait.try_take().unwrap().is_err());
    assert_eq!(client.stats().blocked.count, before, "nothing has blocked");
}

#[test]
fn a_wait_is_awaited_with_and_without_spinning() {
    let (mut client, mut daemon, _device) = Daemon::with_device();
    let before = client.stats().blocked.count;
    for spins in [false, true] {
        let (wait, event) = asked(&mut client, &mut daemon);
        daemon.send(&event);
        let report = if spins { block_on(wait.spinning()) } else { block_on(wait) };
        assert_eq!(report.unwrap().commands, 7);
        // And one whose reply comes while it sleeps, or before it does.
        let (wait, event) = asked(&mut client, &mut daemon);
        thread::scope(|scope| {
            let waiter = scope.spawn(move || if spins { block_on(wait.spinning()) } else { block_on(wait) });
            daemon.send(&event);
            assert_eq!(waiter.join().unwrap().unwrap().commands, 7);
        });
    }
    assert_eq!(client.stats().blocked.count, before, "a future does not block");
}

#[test]
fn a_spinning_wait_sees_itself_pending_first() {
    let (mut client, mut daemon, _device) = Daemon::with_device();
    let (wait, event) = asked(&mut client, &mut daemon);
    daemon.send(&event);
    while !wait.is_ready() {
        thread::yield_now();
    }
    let mut wait = wait.spinning();
    let waker = Waker::noop();
    assert!(Pin::new(&mut wait).poll(&mut Context::from_waker(waker)).is_pending());
    block_on(wait).unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn a_wait_that_blocks_is_counted_and_one_that_need_not_is_not() {
    let (mut client, mut daemon, _device) = Daemon::with_device();
    let (wait, event) = asked(&mut client, &mut daemon);
    let before = client.stats().blocked;
    // The daemon's side gives the reply once the waiter sleeps, which the system says.
    let (tell, told) = std::sync::mpsc::channel();
    thread::scope(|scope| {
        let waiter = scope.spawn(move || {
            tell.send(this_thread()).unwrap();
            wait.wait()
        });
        let waiting = told.recv().unwrap();
        until_it_sleeps(&waiting);
        daemon.send(&event);
        assert_eq!(waiter.join().unwrap().unwrap().commands, 7);
    });
    let after = client.stats().blocked;
    assert_eq!(after.count, before.count + 1);
    assert!(after.time > before.time);
    let (wait, event) = asked(&mut client, &mut daemon);
    daemon.send(&event);
    while !wait.is_ready() {
        thread::yield_now();
    }
    wait.wait().unwrap();
    assert_eq!(client.stats().blocked, after);
}

#[test]
fn waits_are_over_in_any_order_and_may_be_given_up() {
    let (mut client, mut daemon, _device) = Daemon::with_device();
    let (first, first_event) = asked(&mut client, &mut daemon);
    let (given_up, lost_event) = asked(&mut client, &mut daemon);
    let (last, last_event) = asked(&mut client, &mut daemon);
    drop(given_up);
    for event in [last_event, lost_event, first_event] {
        daemon.send(&event);
    }
    assert!(last.wait().is_ok());
    assert!(first.wait().is_ok());
}
