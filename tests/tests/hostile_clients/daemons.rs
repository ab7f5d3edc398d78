//! Hostile daemons: an untrusted process that listens on the socket, or a worker that its driver has compromised. The
//! host ends with a message and an exit code; it does not panic, hang, or end by a signal.

use std::{
    fs::File,
    io::Write,
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::{UnixListener, UnixStream},
    },
    sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    thread,
};

use airlock_protocol::{
    Event,
    codec::{decode_event, encode_event, encode_map_data},
    commands::{
        adapter::Capabilities,
        error::{ErrorFilter, GpuError},
    },
    connect::Link,
    descriptors,
    events::{DeviceLostReason, Report},
    handshake::{Hello, PROTOCOL_VERSION, SCHEMA_HASH},
    ids::{DeviceId, RequestId},
    limits::{EVENT_RING_SIZE, MAX_EVENT, MAX_WAITS, RING_SIZE},
    transport::{self, DaemonChannels, EventReceiver, HandedOver, Incoming, Listener},
};
use airlock_tests::{
    processes::{arguments, descriptors, open_files, parent, peak_memory, wait_until, wait_until_idle},
    programs::{LIMIT, Outcome, Running, airlock, guest, run, signal},
    scratch,
};
use rustix::{
    fs::fstat,
    io::{pread, pwrite},
    net::{RecvFlags, sockopt::socket_peercred},
    process::Signal,
};

use crate::{
    Case, World, case,
    wire::{PATIENCE, channel_pair, greeted, packet, send, whole},
};

pub const CASES: &[Case] = &[
    case("hello-of-another-version", "says another protocol version", "one line with both versions", other_version),
    case("hello-of-another-schema", "says another schema", "one line with both schemas", other_schema),
    case(
        "hello-without-end",
        "sends 5 KiB of its first line and waits, or goes on for ever",
        "one line, and at once",
        without_end,
    ),
    case("hello-that-waits", "asks to wait, again and again", "one line", waits),
    case("hello-of-noise", "sends noise, NULs, nothing, half a line, a last line first", "one line", noise),
    case("hello-with-a-name", "names a server to connect to", "one line; the host connects to none", with_a_name),
    case(
        "refusal-with-escapes",
        "refuses with a reason that would move a terminal's cursor",
        "one line without control characters",
        refusal,
    ),
    case(
        "closed-at-each-step",
        "closes at once, after the hello line, the ring, the channels, the first event",
        "a message",
        closes,
    ),
    case(
        "events-out-of-the-ring",
        "says that an event's data lies where it does not in the ring, or is longer than it, or belongs to no map",
        "a message",
        events_out_of_the_ring,
    ),
    case("events-of-noise", "sends events that are none: noise, nothing, too much", "a message", events_of_noise),
    case(
        "messages-of-noise",
        "sends packets without a header, of other lengths than they say, of 2^60 bytes, or without the socket for \
         their rest",
        "a message",
        messages_of_noise,
    ),
    case("event-too-long", "sends an event of 5 MiB", "a message", event_too_long),
    case("unfinished-event", "sends the start of an event, then goes", "a message", unfinished_event),
    case(
        "descriptors-with-events",
        "sends 60 descriptors with each of 200 events",
        "the host has no descriptor more",
        descriptors_with_events,
    ),
    case("events-late", "holds each event back until the next", "the result is right", events_late),
    case(
        "answers-nobody-asked-for",
        "sends answers to questions that nobody asked, losses and errors of devices that are not there",
        "the result is right",
        unasked,
    ),
    case("answers-twice", "sends each event twice", "the result is right", twice),
    case("answers-of-another-kind", "answers questions with what answers others", "a message", of_another_kind),
    case("map-data-beyond", "sends 1 MiB more than a map has asked for", "the result is right", beyond),
    case("map-data-missing", "sends less than a map has asked for, and says that it is done", "a message", missing),
    case(
        "capabilities-of-nonsense",
        "says that all limits are 0, or the largest numbers; sends names of 1 MiB",
        "a message, or the result",
        nonsense,
    ),
    case(
        "credits-of-nonsense",
        "gives credit from the future, and of the past, before each that is right",
        "the same exit code as without",
        credits,
    ),
    case("no-credits", "gives no credit, and goes when the host waits for some", "a message", no_credits),
    case("stops-reading", "reads no batch any more, and goes when the host waits", "a message", stops_reading),
    case(
        "reads-late",
        "reads no batch until the host waits, while the guest records far more than fits anywhere",
        "the result is right",
        reads_late,
    ),
    case("reads-late-and-goes", "the same, and goes then", "a message", reads_late_and_goes),
    case(
        "loses-the-device",
        "says that the device is lost, with a reason of 1 MiB and control characters",
        "the guest sees the loss",
        loses,
    ),
    case(
        "closing-words",
        "ends the session with a reason of 1 MiB and control characters, more than once",
        "a message that is short and has none of them",
        closing_words,
    ),
    case(
        "event-flood",
        "sends 20 000 errors of the device, and as many first events",
        "the result is right, within 256 MiB of memory",
        event_flood,
    ),
    case("ended-lines", "ends with last lines that are nonsense", "a message", ended_lines),
    case("silent", "says nothing", "a signal ends the host", silent),
];

/// The host's message when its daemon goes, or is cut off, before there is an adapter.
const ENDED: &str = "the GPU daemon ended while it looked for adapters";

/// Runs a guest against a daemon.
fn host(name: &str, arguments: &[&str], daemon: impl Fn(UnixStream) + Sync) -> Outcome {
    let folder = scratch();
    let socket = folder.path().join("gpu.sock");
    let listener = UnixListener::bind(&socket).expect("a socket");
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while let Ok((stream, _)) = listener.accept()
                && !over.load(Ordering::Relaxed)
            {
                daemon(stream);
            }
        });
        let mut command = airlock(["run", "--daemon"]);
        command.arg(&socket).args(arguments.iter().take_while(|argument| argument.starts_with("--")));
        command.arg(guest(name)).args(arguments.iter().skip_while(|argument| argument.starts_with("--")));
        let outcome = run(command);
        over.store(true, Ordering::Relaxed);
        // A connection that the listener waits for, and that no other case may prevent by taking all descriptors.
        wait_until("connection", LIMIT, || UnixStream::connect(&socket).is_ok());
        outcome
    })
}

/// The process at the other end of a connection.
fn host_of(stream: &UnixStream) -> u32 {
    let id = socket_peercred(stream).expect("the host").pid.as_raw_nonzero().get();
    let id = u32::try_from(id).expect("a process");
    // A confined host connects through a child.
    if arguments(id).get(1).is_some_and(|word| word == "connect") { parent(id).expect("the host") } else { id }
}

/// Checks the conditions that hold for every host, whatever its daemon sends.
#[track_caller]
fn survives(outcome: Outcome) -> Outcome {
    assert!(outcome.code().is_some_and(|code| code != 101), "{outcome}");
    assert!(!outcome.stderr.contains("panicked"), "{outcome}");
    let odd = |c: char| c.is_control() && c != '\n';
    assert!(!outcome.stderr.contains(odd), "control characters in {:?}", outcome.stderr);
    assert!(outcome.stderr.len() < 64 << 10, "{} bytes of messages", outcome.stderr.len());
    outcome
}

/// Expects that the host fails, with this message.
#[track_caller]
fn fails(outcome: Outcome, what: &str) {
    let outcome = survives(outcome);
    assert_ne!(outcome.code(), Some(0), "{outcome}");
    assert!(outcome.stderr.contains(what), "no {what:?} in: {outcome}");
}

/// Runs a host that is sent these bytes first.
#[track_caller]
fn told(first: &[u8]) -> Outcome {
    let outcome = host("collatz", &[], |mut stream| {
        let _ = stream.write_all(first);
        // The connection stays open until the host goes.
        let _ = std::io::Read::read(&mut stream, &mut [0]);
    });
    let outcome = survives(outcome);
    // The host did not wait for more until its timeout.
    assert!(!outcome.stderr.contains("no answer within"), "{outcome}");
    outcome
}

/// Expects that the host rejects the connection, with this message in one line.
#[track_caller]
fn refused(first: &[u8], what: &str) {
    told(first).refused(&[what]);
}

fn other_version(_: &World) {
    for version in [0, 1, PROTOCOL_VERSION + 1, u32::MAX] {
        refused(
            format!("AIRLOCK {version} {SCHEMA_HASH} /tmp/x\n").as_bytes(),
            &format!("speaks protocol version {version}"),
        );
    }
}

fn other_schema(_: &World) {
    refused(format!("AIRLOCK {PROTOCOL_VERSION} 0123456789abcdef /tmp/x\n").as_bytes(), "have schema 0123456789abcdef");
}

fn without_end(_: &World) {
    refused(&[b'A'; 5 << 10], "does not speak Airlock's protocol");
    let ready = format!("AIRLOCK {PROTOCOL_VERSION} {SCHEMA_HASH} {}", "x".repeat(5 << 10));
    refused(ready.as_bytes(), "does not speak Airlock's protocol");
    let outcome = host("collatz", &[], |mut stream| while stream.write_all(&[b'x'; 4096]).is_ok() {});
    survives(outcome).refused(&["does not speak Airlock's protocol"]);
}

fn waits(_: &World) {
    let outcome = told(&b"WAIT\n".repeat(MAX_WAITS + 1));
    assert_eq!(outcome.code(), Some(2), "{outcome}");
    // That it waits is said once.
    let [waits, ends] = outcome.stderr.lines().collect::<Vec<_>>()[..] else { panic!("not two lines: {outcome}") };
    assert!(waits.ends_with("waiting"), "{outcome}");
    assert!(ends.contains(&format!("asked to wait {MAX_WAITS} times")), "{outcome}");
}

fn noise(_: &World) {
    refused(b"\n", "says nothing");
    for noise in [
        &b"\0\0\0\0\n"[..],
        b"\xff\xfe\xfd\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"AIRLOCK\n",
        format!("AIRLOCK {PROTOCOL_VERSION}\n").as_bytes(),
        b"AIRLOCK x y z\n",
    ] {
        refused(noise, "does not speak Airlock's protocol");
    }
    refused(b"ENDED signal 11\n", "signal 11");
    refused(b"ENDED exit code 0\n", "exit code 0");
}

fn with_a_name(_: &World) {
    let ready = |server: &str| format!("AIRLOCK {PROTOCOL_VERSION} {SCHEMA_HASH} {server}\n");
    for server in ["/nowhere/at/all", "/", &"/x".repeat(200), "/tmp/\0hidden", "/tmp/\x1b[2J"] {
        refused(ready(server).as_bytes(), "does not speak Airlock's protocol");
    }
}

fn refusal(_: &World) {
    refused(b"REFUSED \x1b[2J\x1b]0;owned\x07 \x08\x08\x08 go away\r\n", "go away");
    refused(&[b"REFUSED ", &[b'x'; 4000][..], b"\n"].concat(), "refuses the session");
}

/// Sends the hello line and receives the ring and the channels.
fn hello(stream: &UnixStream) -> (Listener, HandedOver, OwnedFd) {
    let listener = Listener::new().expect("a server");
    let _ = (&*stream).write_all(Hello::ready(listener.told()).to_line().as_bytes());
    let [ring, commands, events] = handed_over(stream);
    let (here, there) = UnixStream::pair().expect("sockets");
    for descriptor in [&ring, &commands, &events] {
        descriptors::send(&here, descriptor.as_fd()).expect("it is handed on");
    }
    (listener, HandedOver::receive(&there).expect("a ring and channels as they should be"), ring)
}

/// The ring, the socket of commands and that of events, which a client sends one after the other.
fn handed_over(stream: &UnixStream) -> [OwnedFd; 3] {
    ["the ring", "the commands", "the events"].map(|which| descriptors::receive(stream, Some(PATIENCE)).expect(which))
}

fn meet(stream: &UnixStream) -> DaemonChannels {
    let (listener, ring, _) = hello(stream);
    listener.accept(ring).expect("the host's channels")
}

/// Channels as plain sockets: for batches, and for events.
fn meet_raw(stream: &UnixStream) -> (OwnedFd, OwnedFd) {
    (&*stream).write_all(Hello::ready(None).to_line().as_bytes()).expect("the hello line");
    let [_, commands, events] = handed_over(stream);
    (commands, events)
}

fn encoded(event: &Event<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_event(event, &mut bytes).expect("it has an encoding");
    bytes
}

fn closes(_: &World) {
    fails(host("collatz", &[], drop), "says nothing");
    // The host may send its descriptors before the end of the connection, or after it.
    let outcome = survives(host("collatz", &[], |mut stream| {
        let _ = stream.write_all(Hello::ready(None).to_line().as_bytes());
    }));
    let ends = ["cannot connect to the worker", "the GPU "];
    assert!(ends.iter().any(|end| outcome.stderr.contains(end)), "{outcome}");
    fails(host("collatz", &[], |stream| drop(hello(&stream))), ENDED);
    fails(host("collatz", &[], |stream| drop(meet(&stream))), ENDED);
    let welcome = |stream: UnixStream| {
        let _ = meet(&stream).events.send(&encoded(&Event::Welcome));
    };
    fails(host("collatz", &[], welcome), ENDED);
}

/// Sends these events, and waits for the host to go.
fn sends(events: &[Vec<u8>], what: &str) {
    let outcome = host("collatz", &[], |stream| {
        let channels = meet(&stream);
        for event in events {
            let _ = channels.events.send(event);
        }
        while channels.commands.recv().is_ok() {}
    });
    fails(outcome, what);
}

fn events_of_noise(_: &World) {
    let welcome = encoded(&Event::Welcome);
    let last = u8::try_from(Event::KINDS).expect("small");
    for noise in
        [vec![], vec![last], vec![0xff; 100], [&welcome[..], &[0]].concat(), vec![1, 253, 0, 0, 0, 0, 0, 32, 0, 0]]
    {
        sends(&[welcome.clone(), noise], ENDED);
    }
}

/// Events whose data lies outside the ring, is longer than any data, or belongs to no map.
fn events_out_of_the_ring(_: &World) {
    let welcome = encoded(&Event::Welcome);
    let refers = |position: u64, len: u32, start: &[u8]| {
        [&[0xff][..], &position.to_le_bytes(), &len.to_le_bytes(), start].concat()
    };
    let mut start = Vec::new();
    encode_map_data(RequestId(0), 4096, &mut start).expect("it has an encoding");
    for lie in [
        refers(1, 4096, &start),
        refers(u64::MAX, 4096, &start),
        refers(0, u32::MAX, &start),
        refers(0, 4095, &start),
        refers(0, 4096, &[]),
        refers(0, 4096, &welcome),
    ] {
        sends(&[welcome.clone(), lie], ENDED);
    }
}

/// Sends these packets, and waits for the host to go.
fn packets(all: &[(Vec<u8>, bool)]) {
    let outcome = host("collatz", &[], |stream| {
        let (batches, events) = meet_raw(&stream);
        let (rest, end) = channel_pair();
        for (bytes, with) in all {
            let _ = send(
                &events,
                bytes,
                if *with { std::slice::from_ref(&end) } else { &[] }
                    .iter()
                    .map(AsFd::as_fd)
                    .collect::<Vec<_>>()
                    .as_slice(),
            );
        }
        drop((end, events));
        let mut bytes = vec![0; 1 << 16];
        while rustix::net::recv(&batches, bytes.as_mut_slice(), RecvFlags::empty()).is_ok_and(|(_, length)| length > 0)
        {
        }
        drop(rest);
    });
    fails(outcome, ENDED);
}

fn messages_of_noise(_: &World) {
    for bytes in [
        vec![1],
        vec![0; 15],
        packet(0, 4, b"abcd"),
        packet(19, 4, b"abcd"),
        packet(u64::MAX, 4, b"abcd"),
        packet(20, 3, b"abcd"),
        packet(20, MAX_EVENT as u64 + 1, b"abcd"),
        packet(20, 1 << 60, b"abcd"),
        packet(20, u64::MAX, b"abcd"),
    ] {
        packets(&[(bytes, true)]);
    }
    packets(&[(packet(20, 5, b"abcd"), false)]);
}

fn event_too_long(_: &World) {
    let reason = "x".repeat(5 << 20);
    sends(&[encoded(&Event::Welcome), encoded(&Event::Closed { reason })], ENDED);
}

fn unfinished_event(_: &World) {
    let outcome = host("collatz", &[], |stream| {
        let (_batches, events) = meet_raw(&stream);
        let (rest, end) = channel_pair();
        send(&events, &packet(116, 100_000, &[0; 100]), &[end.as_fd()]).expect("a start");
        // The host has the start, and waits for the rest.
        let rests = format!("socket:[{}]", fstat(&end).expect("its inode").st_ino);
        wait_until("start in the host", LIMIT, || open_files(host_of(&stream)).contains(&rests));
        drop(rest);
    });
    fails(outcome, ENDED);
}

fn descriptors_with_events(_: &World) {
    let most = AtomicU32::new(0);
    let outcome = host("collatz", &[], |stream| {
        let (_batches, events) = meet_raw(&stream);
        let null = File::open("/dev/null").expect("/dev/null");
        for _ in 0..200 {
            send(&events, &whole(&encoded(&Event::Welcome)), &[null.as_fd(); 60]).expect("it is sent");
        }
        // The host has read them all when the last one's descriptor is closed, which ends the other end.
        let (mut ours, theirs) = UnixStream::pair().expect("a pair of sockets");
        send(&events, &whole(&encoded(&Event::Welcome)), &[theirs.as_fd()]).expect("it is sent");
        drop(theirs);
        ours.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        assert_eq!(std::io::Read::read(&mut ours, &mut [0]).expect("it is closed"), 0);
        most.fetch_max(u32::try_from(descriptors(host_of(&stream))).expect("few"), Ordering::Relaxed);
    });
    fails(outcome, ENDED);
    let most = most.load(Ordering::Relaxed);
    assert!(most < 64, "the host has {most} descriptors");
}

/// Relays between a host and a real worker, and changes events on the way.
fn between(world: &World, stream: &UnixStream, lie: impl FnMut(Vec<u8>) -> Vec<Vec<u8>>) {
    paced(world, stream, || true, lie);
}

/// As [`between`], while `pace` returns true before each batch.
fn paced(
    world: &World,
    stream: &UnixStream,
    mut pace: impl FnMut() -> bool + Send,
    mut lie: impl FnMut(Vec<u8>) -> Vec<Vec<u8>>,
) {
    let (listener, ring, memory) = hello(stream);
    let DaemonChannels { commands, events, .. } = listener.accept(ring).expect("the host's channels");
    let link = greeted(world.serve.socket());
    let (around, here) = UnixStream::pair().expect("sockets");
    let ours = transport::connect(None, &Link::from(around)).expect("a ring and channels");
    let [its_memory, to_worker, from_worker] = handed_over(&here);
    for descriptor in [&its_memory, &to_worker, &from_worker] {
        descriptors::send(&link, descriptor.as_fd()).expect("it is sent");
    }
    // Held here, they would keep the channels open after the worker's end.
    drop((to_worker, from_worker));
    thread::scope(|scope| {
        let (batches, link, its_memory) = (ours.commands, &link, &its_memory);
        scope.spawn(move || {
            let mut data = vec![0; RING_SIZE as usize];
            while pace()
                && let Ok(batch) = commands.recv()
            {
                // The queues in a memory are of two sides only, so that the worker has another, with the same data.
                assert_eq!(pread(&memory, &mut data, 0), Ok(data.len()));
                assert_eq!(pwrite(its_memory, &data, 0), Ok(data.len()));
                if batches.send(&batch).is_err() {
                    break;
                }
            }
            let _ = link.shutdown(std::net::Shutdown::Both);
        });
        while let Some(event) = event_in(&ours.events, its_memory) {
            for event in lie(event) {
                let _ = events.send(&event);
            }
        }
        drop(events);
        // The host goes now, if it has not gone before.
        let _ = stream.shutdown(std::net::Shutdown::Both);
    });
}

/// An event of a worker that puts data into this memory.
fn event_in(events: &EventReceiver, memory: &OwnedFd) -> Option<Vec<u8>> {
    let mut event = Vec::new();
    if let Incoming::Data(piece) = events.recv_into(&mut event).ok()? {
        let mut data = vec![0; piece.bytes()];
        let place = u64::from(RING_SIZE) + piece.position() % u64::from(EVENT_RING_SIZE);
        pread(memory, &mut data, place).expect("the ring can be read");
        event.extend(data);
    }
    Some(event)
}

/// Runs a host behind a relay that changes events.
fn lied_to<L: FnMut(Vec<u8>) -> Vec<Vec<u8>>>(
    world: &World,
    name: &str,
    arguments: &[&str],
    liar: impl Fn() -> L + Sync,
) -> Outcome {
    host(name, arguments, |stream| between(world, &stream, liar()))
}

/// Expects the right result in spite of the changes.
fn unharmed<L: FnMut(Vec<u8>) -> Vec<Vec<u8>>>(world: &World, liar: impl Fn() -> L + Sync) {
    let outcome = survives(lied_to(world, "collatz", &["5000"], liar)).succeeded();
    assert!(outcome.stdout.contains("ok: 5000 numbers agree"), "{outcome}");
}

fn events_late(world: &World) {
    unharmed(world, || {
        let mut held = None;
        move |event| match held.take() {
            None if decode_event(&event).is_ok_and(|event| event == Event::Welcome) => {
                held = Some(event);
                vec![]
            }
            None => vec![event],
            Some(before) => vec![event, before],
        }
    });
}

fn unasked(world: &World) {
    let nobody = |event: Vec<u8>| {
        let (request, device) = (RequestId(1 << 60), DeviceId(77));
        let error = GpuError { kind: ErrorFilter::Internal, message: "nobody's".to_owned() };
        let mut all: Vec<_> = [
            Event::Welcome,
            Event::AdapterReply { request, result: Ok(Box::default()) },
            Event::AdapterList { request, adapters: vec![Capabilities::default(); 200] },
            Event::DeviceReply { request, result: Ok(Box::default()) },
            Event::MapData { request, data: &[7; 1000] },
            Event::Mapped { request, result: Ok(()) },
            Event::WorkDone { request },
            Event::PipelineReply { request, result: Ok(()) },
            Event::CompilationInfo { request, messages: vec![] },
            Event::ScopePopped { request, result: Ok(Some(error.clone())) },
            Event::Uncaptured { device, error },
            Event::DeviceLost { device, reason: DeviceLostReason::Unknown, message: "nobody's".to_owned() },
            Event::Report { request, report: Report::default() },
        ]
        .iter()
        .map(encoded)
        .collect();
        all.push(event);
        all
    };
    unharmed(world, || nobody);
}

fn twice(world: &World) {
    unharmed(world, || |event: Vec<u8>| vec![event.clone(), event]);
}

fn of_another_kind(world: &World) {
    let other = |bytes: Vec<u8>| match decode_event(&bytes) {
        Ok(Event::AdapterReply { request, .. }) => vec![encoded(&Event::WorkDone { request })],
        _ => vec![bytes],
    };
    fails(lied_to(world, "collatz", &[], || other), "adapter");
    let other = |bytes: Vec<u8>| match decode_event(&bytes) {
        Ok(event) => match event.request() {
            Some(request) if event.name() != "AdapterReply" => {
                vec![encoded(&Event::AdapterReply { request, result: Ok(Box::default()) })]
            }
            _ => vec![bytes],
        },
        Err(_) => vec![bytes],
    };
    // The host or the guest detects it, whichever checks first.
    fails(lied_to(world, "collatz", &[], || other), ": ");
}

fn beyond(world: &World) {
    let more = |bytes: Vec<u8>| match decode_event(&bytes) {
        Ok(Event::Mapped { request, .. }) => {
            let data = vec![7; 128 << 10];
            let mut all = vec![encoded(&Event::MapData { request, data: &data }); 8];
            all.push(bytes);
            all
        }
        _ => vec![bytes],
    };
    unharmed(world, || more);
}

fn missing(world: &World) {
    let none = |bytes: Vec<u8>| match decode_event(&bytes) {
        Ok(Event::MapData { .. }) => vec![],
        _ => vec![bytes],
    };
    fails(lied_to(world, "collatz", &[], || none), "do not lie within the mapped range");
    let less = |bytes: Vec<u8>| match decode_event(&bytes) {
        Ok(Event::MapData { request, data }) => vec![encoded(&Event::MapData { request, data: &data[..7] })],
        _ => vec![bytes],
    };
    fails(lied_to(world, "collatz", &[], || less), "do not lie within the mapped range");
}

fn nonsense(world: &World) {
    let lie = |change: fn(&mut Capabilities)| {
        let liar = move |bytes: Vec<u8>| match decode_event(&bytes) {
            Ok(Event::AdapterReply { request, result: Ok(mut capabilities) }) => {
                change(&mut capabilities);
                vec![encoded(&Event::AdapterReply { request, result: Ok(capabilities) })]
            }
            Ok(Event::DeviceReply { request, result: Ok(mut capabilities) }) => {
                change(&mut capabilities);
                vec![encoded(&Event::DeviceReply { request, result: Ok(capabilities) })]
            }
            _ => vec![bytes],
        };
        for name in ["collatz", "triangle"] {
            survives(lied_to(world, name, &[], || liar));
        }
    };
    lie(|capabilities| capabilities.limits = limits(0));
    lie(|capabilities| capabilities.limits = limits(0xff));
    lie(|capabilities| {
        let features = capabilities.features.clone();
        capabilities.features = features.into_iter().cycle().take(60_000).collect();
        capabilities.info.description = "\x1b[2J".repeat(1 << 18);
        capabilities.info.vendor = "v".repeat(1 << 20);
    });
}

/// Limits with all bytes equal to this one, as far as the codec allows.
fn limits(byte: u8) -> airlock_protocol::commands::adapter::Limits {
    let mut limits = Capabilities::default().limits;
    for &name in airlock_protocol::commands::adapter::LimitName::ALL {
        limits.set(name, u64::from_ne_bytes([byte; 8]));
    }
    limits
}

/// More data than the ring holds, on the adapter that executes nothing: the test is whether the host completes.
const MUCH: &[&str] = &["--adapter=noop", "1088", "1024", "1088"];

fn credits(world: &World) {
    let mut command = airlock(["run", "--adapter=noop", "--daemon"]);
    command.arg(world.serve.socket()).arg(guest("matmul")).args(&MUCH[1..]);
    let expected = run(command).code();
    let outcome = lied_to(world, "matmul", MUCH, || {
        let mut before = 0;
        move |bytes: Vec<u8>| match decode_event(&bytes) {
            Ok(Event::Credit { consumed }) => {
                let lies =
                    [u64::MAX, consumed + 1, before, 0, 1 << 40].map(|consumed| encoded(&Event::Credit { consumed }));
                before = consumed;
                lies.into_iter().chain([bytes]).collect()
            }
            _ => vec![bytes],
        }
    });
    assert_eq!(survives(outcome).code(), expected);
}

/// Drops every credit, and ends when the host waits for one.
fn no_credits(world: &World) {
    let outcome = host("matmul", MUCH, |stream| {
        let host = host_of(&stream);
        let mut waits = false;
        between(world, &stream, move |bytes| {
            if matches!(decode_event(&bytes), Ok(Event::Credit { .. })) {
                if !waits {
                    waits = true;
                    wait_until_idle(&[host], LIMIT);
                    return vec![encoded(&Event::Closed { reason: "no more".to_owned() }), vec![0xff]];
                }
                return vec![];
            }
            vec![bytes]
        });
    });
    fails(outcome, "matmul: ");
}

fn stops_reading(_: &World) {
    let outcome = host("matmul", MUCH, |stream| {
        let channels = meet(&stream);
        let _ = channels.events.send(&encoded(&Event::Welcome));
        let _ = channels.commands.recv();
        wait_until_idle(&[host_of(&stream)], LIMIT);
    });
    fails(outcome, "no GPU adapter");
}

/// Megabytes of commands before the guest waits for anything.
const MANY: &[&str] = &["200", "2000"];

/// Runs a guest that is ahead of its daemon. In the middle, the daemon stops reading until the host blocks, then
/// continues only if `goes_on`.
fn late(world: &World, goes_on: bool) -> Outcome {
    host("draws", MANY, |stream| {
        let host = host_of(&stream);
        let mut batches = 0;
        let pace = || {
            batches += 1;
            if batches == 20 {
                wait_until_idle(&[host], LIMIT);
            }
            batches != 20 || goes_on
        };
        paced(world, &stream, pace, |bytes| vec![bytes]);
    })
}

fn reads_late(world: &World) {
    assert_eq!(survives(late(world, true)).code(), Some(0));
}

fn reads_late_and_goes(world: &World) {
    fails(late(world, false), "draws: ");
}

const ESCAPES: &str = "\x1b[2J\x1b]0;owned\x07\r\x08";

fn loses(world: &World) {
    let outcome = lied_to(world, "nbody", &["64", "100000"], || {
        let mut answers = 0;
        move |bytes: Vec<u8>| {
            answers += u32::from(matches!(decode_event(&bytes), Ok(Event::Mapped { .. })));
            if answers != 3 {
                return vec![bytes];
            }
            answers += 1;
            let message = ESCAPES.repeat(1 << 16);
            vec![bytes, encoded(&Event::DeviceLost { device: DeviceId(0), reason: DeviceLostReason::Unknown, message })]
        }
    });
    assert_eq!(outcome.code(), Some(3));
    assert!(!outcome.stderr.contains("panicked"));
}

fn closing_words(_: &World) {
    let reason = format!("bye {}", ESCAPES.repeat(1 << 16));
    let closed = encoded(&Event::Closed { reason });
    let outcome = host("collatz", &[], |stream| {
        let channels = meet(&stream);
        for event in [&closed, &encoded(&Event::Welcome), &closed, &closed] {
            let _ = channels.events.send(event);
        }
    });
    fails(outcome, ENDED);
}

fn event_flood(world: &World) {
    let peak = AtomicU64::new(0);
    let outcome = host("collatz", &["5000"], |stream| {
        let id = host_of(&stream);
        let error = GpuError { kind: ErrorFilter::Validation, message: "e".repeat(100) };
        let flood = [encoded(&Event::Uncaptured { device: DeviceId(0), error }), encoded(&Event::Welcome)];
        between(world, &stream, |bytes| {
            // Other events follow the one before which the flood is sent.
            peak.fetch_max(peak_memory(id).unwrap_or(0), Ordering::Relaxed);
            let mut all = vec![];
            if matches!(decode_event(&bytes), Ok(Event::Mapped { .. })) {
                all = flood.iter().cycle().take(40_000).cloned().collect();
            }
            all.push(bytes);
            all
        });
    });
    assert!(!outcome.stderr.contains("panicked"));
    let outcome = outcome.succeeded();
    assert!(outcome.stdout.contains("ok: 5000 numbers agree"), "{outcome}");
    let peak = peak.load(Ordering::Relaxed);
    assert!(peak < 256 << 20, "the host has used {peak} bytes");
}

fn ended_lines(_: &World) {
    let long = [&b"ENDED exit code 1"[..], &[b'x'; 20_000], b"\n"].concat();
    for line in [
        &b"ENDED signal 99999999999999\n"[..],
        b"ENDED exit code banana\n",
        b"ENDED \x1b[2J\n",
        b"ENDED signal 9 \xff\xff\n",
        b"ENDED signal 11",
        b"\0\0\0\0",
        &long,
    ] {
        let outcome = host("collatz", &[], |mut stream| {
            let channels = meet(&stream);
            drop(channels);
            let _ = stream.write_all(line);
        });
        fails(outcome, ENDED);
    }
}

fn silent(_: &World) {
    let folder = scratch();
    let socket = folder.path().join("gpu.sock");
    let listener = UnixListener::bind(&socket).expect("a socket");
    let mut command = airlock(["run", "--daemon"]);
    command.arg(&socket).arg(guest("collatz"));
    let host = Running::start(command);
    let (stream, _) = listener.accept().expect("the host");
    let channels = meet(&stream);
    let _ = channels.events.send(&encoded(&Event::Welcome));
    while channels.commands.recv().is_ok_and(|batch| batch.len() <= 16) {}
    signal(host.id(), Signal::TERM);
    let outcome = host.finish();
    assert_ne!(outcome.code(), Some(0), "{outcome}");
}
