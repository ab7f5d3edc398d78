//! Services that use the GPU.

use std::{
    io::Cursor,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use airlock_tests::{
    http::Server,
    load::{Load, run},
    processes::{arguments, descendants, name, wait_until},
    programs::{LIMIT, Serve, guest, root},
};
use rustix::process::Signal;

/// The picture of the README, 8-bit RGB.
fn scene() -> PathBuf {
    root().join("docs/scene.png")
}

/// Width, height and pixels of a PNG.
fn decode(bytes: &[u8]) -> (u32, u32, Vec<u8>) {
    let mut reader = png::Decoder::new(Cursor::new(bytes)).read_info().expect("a PNG");
    let mut pixels = vec![0; reader.output_buffer_size().expect("its size")];
    let frame = reader.next_frame(&mut pixels).expect("its pixels");
    (frame.width, frame.height, pixels)
}

/// The GPU processes below a server.
fn workers(server: &Server) -> Vec<u32> {
    let is_worker = |id: &u32| name(*id) == "gpu-daemon" && arguments(*id).get(1).is_some_and(|word| word == "worker");
    descendants(server.id()).into_iter().filter(is_worker).collect()
}

#[test]
fn thumbnails_are_made_and_checked() {
    let server = Server::start(&guest("thumbnails"), &["--instances", "1", "--reuse", "10"]);
    let picture = std::fs::read(scene()).expect("the picture");
    let (width, height, _) = decode(&picture);
    let answer = server.ask("POST", "/?width=64&height=64&check=1", &picture);
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("image/png")), "{}", answer.text());
    let (small_width, small_height, pixels) = decode(&answer.body);
    assert_eq!((small_width.max(small_height), small_width * height / width), (64, small_height));
    let (least, most) = (pixels.iter().min().expect("pixels"), pixels.iter().max().expect("pixels"));
    assert!(most - least > 50, "a picture of one colour");
    let edges = server.ask("POST", "/?width=50&height=70&filter=edges&check=1", &picture);
    assert_eq!(edges.status, 200, "{}", edges.text());
    for (path, body, status) in [
        ("/?width=0", &*picture, 400),
        ("/?width=a", &*picture, 400),
        ("/?filter=blur", &*picture, 400),
        ("/", b"no picture", 415),
        ("/other", b"", 404),
    ] {
        assert_eq!(server.ask("POST", path, body).status, status, "{path}");
    }
    assert_eq!(server.ask("PUT", "/", b"").status, 405);
    assert_eq!(server.metric("airlock_gpu_sessions_total"), 1.0);
    wait_until("GPU time", LIMIT, || server.metric("airlock_gpu_busy_seconds_total") > 0.0);
}

#[test]
fn digits_are_classified() {
    let server = Server::start(&guest("classify"), &["--instances", "1", "--gpu-session", "shared"]);
    let test = server.ask("GET", "/self-test", b"");
    assert!(test.status == 200 && test.text().ends_with("are right\n"), "{test:?}");
    // A vertical stroke.
    let mut one = [0; 64];
    for row in 0..8 {
        one[row * 8 + 3] = 14;
        one[row * 8 + 4] = 16;
    }
    let answer = server.ask("POST", "/", &one.repeat(3));
    let digits: serde_json::Value = serde_json::from_slice(&answer.body).expect("an object");
    assert_eq!(digits["digits"].as_array().map(Vec::len), Some(3));
    assert_eq!(digits["digits"][2]["digit"], 1, "{digits}");
    assert_eq!(server.ask("POST", "/", &[17; 64]).status, 400);
    assert_eq!(server.ask("POST", "/", &[0; 63]).status, 400);
}

/// With sessions per instance, each instance has a process of its own; a shared session stays.
#[test]
fn gpu_sessions_belong_to_whom_they_are_said_to() {
    let picture = std::fs::read(scene()).expect("the picture");
    let session_after_one = |server: &Server| {
        let instances = server.metric("airlock_instances_total");
        assert_eq!(server.ask("POST", "/?width=8", &picture).status, 200);
        // The next instance has its session by then.
        wait_until("next instance", LIMIT, || server.metric("airlock_instances_total") > instances);
        workers(server)
    };
    let own = Server::start(&guest("thumbnails"), &["--instances", "1", "--adapter", "noop"]);
    let before = workers(&own);
    own.ask("GET", "/", b"");
    wait_until("another worker", LIMIT, || {
        let now = workers(&own);
        now.len() == 1 && now != before
    });
    drop(own);
    let shared = Server::start(&guest("thumbnails"), &["--instances", "1", "--gpu-session", "shared"]);
    let before = workers(&shared);
    assert_eq!(before.len(), 1);
    assert_eq!(session_after_one(&shared), before);
    assert_eq!(session_after_one(&shared), before);
    assert_eq!(shared.metric("airlock_gpu_sessions_total"), 1.0);
}

#[test]
fn a_daemon_gives_the_sessions() {
    let daemon = Serve::start(&[]);
    let socket = daemon.socket().to_str().expect("a printable path");
    let server = Server::start(&guest("classify"), &["--instances", "1", "--daemon", socket]);
    assert!(workers(&server).is_empty());
    assert_eq!(server.ask("GET", "/self-test", b"").status, 200);
}

/// GPU processes and guest processes are killed under load. No request hangs, failing ones get 502, and the service
/// recovers.
#[test]
fn a_storm_of_kills_costs_few_requests() {
    let server = Server::start(&guest("thumbnails"), &["--instances", "2", "--reuse", "50"]);
    let body = std::fs::read(scene()).expect("the picture");
    let load = Load {
        address: server.address(),
        method: "POST".to_owned(),
        path: "/?width=32&height=32".to_owned(),
        body: body.clone(),
        clients: 4,
        time: Duration::from_secs(8),
    };
    let (report, kills) = thread::scope(|scope| {
        let loading = scope.spawn(|| run(&load));
        let mut kills = 0;
        let start = Instant::now();
        while start.elapsed() < load.time {
            // The pace of the kills, not a wait for an event.
            thread::sleep(Duration::from_secs(1));
            let victims = if kills % 2 == 0 { workers(&server) } else { server.part("guest") };
            if let Some(&victim) = victims.first() {
                // It may end by itself at the same moment.
                let pid = i32::try_from(victim).ok().and_then(rustix::process::Pid::from_raw).expect("an id");
                kills += u64::from(rustix::process::kill_process(pid, Signal::KILL).is_ok());
            }
        }
        (loading.join().expect("the load"), kills)
    });
    println!("{kills} kills: {}", report.json());
    assert!(kills >= 3, "{kills} kills");
    assert_eq!((report.hung, report.broken), (0, 0), "{}", report.json());
    assert!(report.count(200) > 0, "{}", report.json());
    let other: Vec<_> = report.statuses.keys().filter(|status| ![200, 502].contains(*status)).collect();
    assert!(other.is_empty(), "{}", report.json());
    // Each kill affects one request of one process, or of one session.
    assert!(report.count(502) <= kills * 2, "{kills} kills: {}", report.json());
    wait_until("two guest processes", LIMIT, || server.metric("airlock_guest_processes") == 2.0);
    // The last kill may not have been noticed yet: its request is answered with 502, as the others were.
    wait_until("an answer", LIMIT, || match server.ask("POST", "/?check=1", &body).status {
        502 => false,
        status => {
            assert_eq!(status, 200);
            true
        }
    });
}
