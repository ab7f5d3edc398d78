//! Many sessions that begin and are killed at any moment, beside one that lasts.
#![cfg(target_os = "linux")]
#![allow(clippy::expect_used, clippy::panic, missing_docs)]

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use airlock_protocol::{
    Command, Event,
    codec::{BatchWriter, decode_event},
    commands::{
        adapter::RequestDevice,
        buffer::{BufferUsage, CreateBuffer},
        instance::{AdapterSelector, RequestAdapter},
        queue::WriteBuffer,
    },
    connect::{Connection, Daemon},
    ids::{AdapterId, BufferId, DeviceId, RequestId},
};
use airlock_tests::{
    processes::{descriptors, of_threads, served_by, wait_for, wait_until, workers_of},
    programs::{LIMIT, Running, Serve, airlock, guest, signal},
    scratch,
};
use rustix::process::Signal;

/// Sessions of clients that speak the wire themselves.
const SESSIONS: usize = 160;
/// Sessions of real guests.
const GUESTS: usize = 40;
/// Concurrent sessions of each kind.
const AT_A_TIME: usize = 4;

/// Pseudorandom numbers (xorshift): the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// Works until the time is over or the session breaks, then disappears in the middle of its work.
fn client(daemon: &Daemon, time: Duration) {
    let since = Instant::now();
    let Ok(Connection { mut channels, worker }) = daemon.connect() else { return };
    let mut writer = BatchWriter::default();
    let mut push = |command: Command<'_>| writer.push(&command).expect("it has an encoding");
    let adapter = AdapterId(0);
    let usage = BufferUsage::COPY_DST;
    push(
        RequestAdapter {
            request: RequestId(1),
            adapter,
            power_preference: None,
            force_fallback_adapter: false,
            selector: AdapterSelector::Noop,
        }
        .into(),
    );
    push(
        RequestDevice {
            request: RequestId(2),
            adapter,
            device: DeviceId(0),
            label: "storm",
            required_features: Vec::new(),
            required_limits: Vec::new(),
        }
        .into(),
    );
    let (device, buffer) = (DeviceId(0), BufferId(0));
    push(CreateBuffer { device, buffer, label: "storm", size: 1 << 20, usage, mapped_at_creation: false }.into());
    while since.elapsed() < time {
        while let Some(start) = channels.ring.write(&[7; 64 << 10]) {
            let data = airlock_protocol::Payload::Shared { start, len: 64 << 10 };
            writer.push(&WriteBuffer { device, buffer, offset: 0, data }.into()).expect("it has an encoding");
        }
        if writer.finish(|batch| channels.commands.send(batch)).is_err() {
            break;
        }
        while let Ok(bytes) = channels.events.recv() {
            if let Ok(Event::Credit { consumed }) = decode_event(&bytes) {
                channels.ring.credit(consumed);
                break;
            }
        }
    }
    drop((channels, worker));
}

/// A guest's output, without its speed.
fn results(output: &str) -> Vec<&str> {
    output.lines().filter(|line| !line.contains("steps/s")).collect()
}

#[test]
fn two_hundred_sessions_are_killed_and_nothing_is_lost_or_left() {
    let serve = Serve::start(&["--crash-limit=0"]);
    let daemon = Daemon::Socket(serve.socket().to_owned());
    let socket = serve.socket().to_str().expect("a printable path").to_owned();
    let runtime = scratch();

    let run_guest = |guest_name: &str, arguments: &[&str]| {
        let mut command = airlock(["run", "--daemon", &socket]);
        command.env("XDG_RUNTIME_DIR", runtime.path()).arg(guest(guest_name)).args(arguments);
        Running::start(command)
    };
    // Once without the storm: the bystander's expected output, and the idle server's holdings.
    let expected = run_guest("nbody", &["256", "100"]).finish().succeeded().stdout;
    wait_until("end of the worker", LIMIT, || served_by(serve.id()).is_empty());
    let (before, threads) = (descriptors(serve.id()), of_threads(serve.id(), "Pid").len());

    let bystander = run_guest("nbody", &["512", "2500"]);
    let own = wait_for("worker of the bystander", LIMIT, || workers_of(serve.id()).first().copied());
    let (next, storms) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for lane in 0..AT_A_TIME {
            let (next, storms, daemon) = (&next, &storms, &daemon);
            scope.spawn(move || {
                let mut random = Random(0x9E37_79B9 + lane as u64);
                while next.fetch_add(1, Ordering::Relaxed) < SESSIONS {
                    client(daemon, Duration::from_millis(random.below(60)));
                    storms.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        scope.spawn(|| {
            let mut random = Random(77);
            for round in 0..GUESTS {
                let running = run_guest("nbody", &["256", "100000"]);
                // Not a wait for an event: a session may be killed at any moment.
                thread::sleep(Duration::from_millis(50 + random.below(250)));
                // The client, or any worker but the bystander's.
                let victims: Vec<_> = workers_of(serve.id()).into_iter().filter(|&id| id != own).collect();
                match victims.get(usize::try_from(random.below(8)).expect("small")) {
                    Some(&worker) if round % 2 == 0 => {
                        // It may have ended meanwhile.
                        let _ = std::panic::catch_unwind(|| signal(worker, Signal::KILL));
                    }
                    _ => signal(running.id(), Signal::KILL),
                }
                drop(running);
            }
        });
    });
    assert_eq!(storms.load(Ordering::Relaxed), SESSIONS);
    let outcome = bystander.finish().succeeded();
    assert!(!outcome.stderr.contains("lost"), "{outcome}");
    let again = run_guest("nbody", &["256", "100"]).finish().succeeded();
    assert_eq!(results(&again.stdout), results(&expected));

    wait_until("end of all workers", LIMIT, || served_by(serve.id()).is_empty());
    wait_until("return of the server's descriptors", LIMIT, || {
        descriptors(serve.id()) <= before && of_threads(serve.id(), "Pid").len() <= threads
    });
    assert_eq!(serve.files(), [serve.socket()], "files are left behind");
    let left: Vec<_> = std::fs::read_dir(runtime.path()).expect("the folder").filter_map(Result::ok).collect();
    assert!(left.is_empty(), "{left:?}");
}
