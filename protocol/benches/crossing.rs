//! Transfer time of a map's contents from one process to another, without other work: the lower bound of every readback. A
//! thread stands for the daemon; both sides spin. For comparison, two copies on one thread, as without another process.
//!
//! In a virtual machine the time varies during a run, because its processors are moved; the benchmark beside an in-process
//! runner reports their distance.
//!
//!     cargo bench -p airlock-protocol --bench crossing
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[cfg(target_os = "linux")]
mod linux {
    use std::{
        hint::{black_box, spin_loop},
        os::unix::net::UnixStream,
        sync::{
            Arc,
            atomic::{AtomicU64, Ordering},
        },
        thread,
    };

    use airlock_protocol::{
        connect::Link,
        events::map_pieces,
        transport::{self, ClientChannels, DaemonChannels, EventSender, HandedOver, Incoming, Listener},
    };
    use criterion::{Criterion, Throughput};

    /// The bytes of an event before its data.
    const START: &[u8] = &[0; 8];

    /// Bytes transferred per round. They fit in the ring, so that the sender does not wait for room.
    const SIZE: usize = 1 << 20;

    pub fn crossing(criterion: &mut Criterion) {
        let (client, daemon) = channels();
        let rounds = Arc::new(AtomicU64::new(0));
        let mut group = criterion.benchmark_group("1 MiB");
        group.throughput(Throughput::Bytes(SIZE as u64));
        let (wanted, events) = (Arc::clone(&rounds), daemon.events.clone());
        let sender = thread::spawn(move || send(&events, &wanted));
        let (mut event, mut data) = (Vec::new(), Vec::with_capacity(SIZE));
        group.bench_function("to another process", |bencher| {
            bencher.iter(|| {
                rounds.fetch_add(1, Ordering::Release);
                data.clear();
                while data.len() < SIZE {
                    match client.events.try_recv_into(&mut event).unwrap() {
                        Incoming::Data(piece) => client.events.fetch(&piece, &mut data).unwrap(),
                        Incoming::Nothing => spin_loop(),
                        Incoming::Event => assert!(data.len() > SIZE, "the data is not in the ring"),
                    }
                }
                assert_eq!((data[0], data[SIZE - 1]), (7, 7));
            });
        });
        rounds.store(STOP, Ordering::Release);
        sender.join().unwrap();
        let from = vec![7; SIZE];
        let (mut middle, mut to) = (vec![0; SIZE], vec![0; SIZE]);
        group.bench_function("copied twice on one thread", |bencher| {
            bencher.iter(|| {
                middle.copy_from_slice(black_box(&from));
                to.copy_from_slice(black_box(&middle));
                black_box(&to);
            });
        });
    }

    /// Count of rounds that stops the sender.
    const STOP: u64 = u64::MAX;

    /// Sends [`SIZE`] bytes for each requested round.
    fn send(events: &EventSender, wanted: &AtomicU64) {
        let data = vec![7; SIZE];
        let mut done = 0;
        loop {
            match wanted.load(Ordering::Acquire) {
                STOP => return,
                rounds if rounds == done => spin_loop(),
                _ => {
                    done += 1;
                    for piece in map_pieces(&data) {
                        events.send_with_data(START, piece).unwrap();
                    }
                }
            }
        }
    }

    /// Both ends of a session.
    fn channels() -> (ClientChannels, DaemonChannels) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let listener = Listener::new().unwrap();
        let server = listener.told();
        let daemon = thread::spawn(move || listener.accept(HandedOver::receive(theirs).unwrap()).unwrap());
        let client = transport::connect(server, &Link::from(ours)).unwrap();
        (client, daemon.join().unwrap())
    }
}

#[cfg(target_os = "linux")]
criterion::criterion_group!(benches, linux::crossing);
#[cfg(target_os = "linux")]
criterion::criterion_main!(benches);

#[cfg(not(target_os = "linux"))]
fn main() {}
