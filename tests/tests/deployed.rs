//! Components as they are deployed: `wasi:webgpu@0.0.1`, and `wasi:surface@0.0.1` with its companions, on WASI 0.2. The guest is
//! `deployed`, which checks its own results.
#![allow(clippy::disallowed_methods, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::Path,
};

use airlock_tests::{
    components::dummy_of,
    http::Server,
    interface::{DEPLOYED, packages},
    pictures::Picture,
    processes::wait_until,
    programs::{LIMIT, Outcome, Running, airlock, guest, run},
    scratch,
};
use serde_json::Value;

fn deployed(options: &[&str], arguments: &[&str]) -> Outcome {
    let mut command = airlock(["run"]);
    command.args(options).arg(guest("deployed")).args(arguments);
    run(command)
}

/// A component that imports every function of the four packages finds all of them, with their types.
#[test]
fn every_function_links() {
    const WIT: &str = "
        package test:app;
        world app {
            import wasi:webgpu/webgpu@0.0.1;
            import wasi:graphics-context/graphics-context@0.0.1;
            import wasi:frame-buffer/frame-buffer@0.0.1;
            import wasi:surface/surface@0.0.1;
            export wasi:cli/run@0.2.0;
        }
        package wasi:cli@0.2.0 {
            interface run { run: func() -> result; }
        }
    ";
    let folders =
        ["io", "graphics-context", "frame-buffer", "surface", "webgpu"].map(|name| format!("wit/v0_0_1/{name}"));
    let component = dummy_of(packages(&folders.each_ref().map(String::as_str)), WIT, "app");
    let folder = scratch();
    let path = folder.path().join("all.wasm");
    fs::write(&path, component).expect("a file");
    let mut command = airlock(["run", "--adapter", "noop"]);
    command.arg(&path);
    let outcome = run(command);
    // It got as far as its entry point, which is a trap.
    assert!(outcome.code() == Some(134) && outcome.stderr.contains("unreachable"), "{outcome}");
}

/// A service may import it, too.
#[test]
fn a_service_links() {
    const WIT: &str = "
        package test:app;
        world app {
            import wasi:webgpu/webgpu@0.0.1;
            export wasi:http/incoming-handler@0.2.0;
        }
        package wasi:webgpu@0.0.1 {
            interface webgpu {
                resource gpu { request-adapter: func() -> bool; }
                resource gpu-map-mode { READ: static func() -> u32; }
                get-gpu: func() -> gpu;
            }
        }
    ";
    // The wrong type is named, so that the right function was found.
    let folders = ["tests/guests/wit/deps/io-0.2", "tests/guests/wit/deps/http-0.2"];
    let write = |wit: &str, path: &Path| fs::write(path, dummy_of(packages(&folders), wit, "app")).expect("a file");
    let folder = scratch();
    let path = folder.path().join("service.wasm");
    write(WIT, &path);
    let mut command = airlock(["serve", "--listen", "127.0.0.1:0"]);
    command.arg(&path);
    run(command).refused(&["the method `gpu.request-adapter` from wasi:webgpu/webgpu@0.0.1 with another type"]);
    write(&WIT.replace("request-adapter: func() -> bool;", ""), &path);
    let server = Server::start(&path, &["--adapter", "noop", "--instances", "1"]);
    assert_eq!(server.ask("GET", "/", b"").text(), "The guest trapped.\n");
}

/// 247 functions of WebGPU, and 27 of the packages beside it.
#[test]
fn the_packages_have_all_functions() {
    let count = |(name, folders): &(&str, &[&str])| {
        let resolve = packages(folders);
        let (_, package) = resolve.packages.iter().find(|(_, package)| package.name.to_string() == *name).expect("it");
        package.interfaces.values().map(|&id| resolve.interfaces[id].functions.len()).sum::<usize>()
    };
    assert_eq!(DEPLOYED.each_ref().map(count), [3, 5, 19, 247]);
}

/// The numbers of a computation, every mask with an unknown bit, the reason of a loss, contexts that are connected with nothing.
#[test]
fn the_guest_finds_what_it_expects() {
    let outcome = deployed(&["--stats=json"], &[]).succeeded();
    assert!(outcome.stdout.contains("1000 numbers, 59542 steps\n") && outcome.stdout.ends_with("ok\n"), "{outcome}");
    let json = outcome.stderr.lines().find(|line| line.starts_with('{')).expect("the statistics");
    let stats: Value = serde_json::from_str(json).expect("JSON");
    assert_eq!(stats["blocking_waits"], 0, "{stats}");
    let waits = stats["waits"].as_array().expect("a list").len();
    assert_eq!(waits, 8, "every function that may wait has waited: {stats}");
}

/// Commands that no submit sends are sent by the wait for their error, which is logged, as no function returns it.
#[test]
fn a_wait_sends_what_it_waits_for() {
    let outcome = deployed(&[], &["watch"]).succeeded();
    let errors = outcome.stderr.lines().filter(|line| line.contains("uncaptured error: ")).count();
    assert_eq!(errors, 2, "{outcome}");
}

/// A line of the guest: the number of a frame, the colours in its middle and in its corner, and an angle if there is one.
fn told(output: &str) -> Vec<Vec<i64>> {
    let (lines, _) = output.rsplit_once('\n').unwrap_or_default();
    let numbers = |line: &str| line.split([' ', ':']).filter_map(|word| word.parse().ok()).collect();
    lines.lines().filter(|line| line.starts_with("frame ")).map(numbers).collect()
}

#[track_caller]
fn are_as_told(folder: &Path, lines: &[Vec<i64>], size: (u32, u32)) {
    for line in lines {
        let picture = Picture::read(&folder.join(format!("frame-{:06}.png", line[0])));
        assert_eq!((picture.width, picture.height), size);
        let (middle, corner) = ((size.1 / 2) * size.0 + size.0 / 2, 4 * size.0 + 4);
        for (texel, expected) in [(middle, &line[1..4]), (corner, &line[4..7])] {
            let found = &picture.rgba[4 * texel as usize..4 * texel as usize + 4];
            let close = found.iter().zip(expected).all(|(&found, &color)| i64::from(found).abs_diff(color) <= 2);
            assert!(close && found[3] == 255, "{line:?}: {found:?}");
        }
    }
    let saved = fs::read_dir(folder).expect("the folder").count();
    assert_eq!(saved, lines.len());
}

/// Frames that are drawn with WebGPU, and frame buffers, are saved as the guest says.
#[test]
fn saved_frames_are_what_the_guest_says() {
    for (section, size) in [("spin", (160, 90)), ("bytes", (32, 16))] {
        let folder = scratch();
        let to = folder.path().to_str().expect("a printable path");
        let surface = format!("{}x{}@max", size.0, size.1);
        let outcome = deployed(&["--surface", &surface, "--save-frames", to], &[section, "12"]).succeeded();
        let lines = told(&outcome.stdout);
        assert_eq!(lines.len(), 12, "{outcome}");
        are_as_told(folder.path(), &lines, size);
    }
}

/// N frames end a guest that would go on for ever: one that waits for many pollables, and one that blocks on one.
#[test]
fn so_many_frames_end_the_run() {
    for section in ["spin", "bytes"] {
        let outcome = deployed(&["--frames", "3", "--surface", "32x16@max"], &[section]).succeeded();
        // The last line may be missing: the guest is ended where it looks for events.
        assert!((2..=3).contains(&told(&outcome.stdout).len()), "{outcome}");
    }
}

/// Beats come as often as was asked for, also to `bytes`, which calls `get-frame` for every second one only.
#[test]
fn beats_come_at_the_rate() {
    for section in ["spin", "bytes"] {
        // Ten periods of a tenth of a second lie between eleven beats.
        let outcome = deployed(&["--surface", "16x16@10"], &[section, "11"]).succeeded();
        assert!(outcome.time.as_secs_f64() >= 1.0, "{outcome}");
    }
    let slow = deployed(&["--surface", "16x16@0.1", "--timeout", "2"], &["bytes", "11"]);
    assert_eq!(slow.code(), Some(124), "{slow}");
}

/// A recording has the same frames and results.
#[test]
fn a_recording_replays() {
    let folder = scratch();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (trace, saved, replayed) = (path("spin.airtrace"), path("saved"), path("replayed"));
    let options = ["--surface", "64x32@max", "--record", &trace, "--save-frames", &saved];
    deployed(&options, &["spin", "4"]).succeeded();
    let outcome = run(airlock(["replay", "--save-images", &replayed, &trace])).succeeded();
    assert!(outcome.stdout.contains("as recorded"), "{outcome}");
    for frame in 1..=4 {
        // A frame has no alpha, and its texture has that of the background, which is none.
        let picture = |folder: &str| {
            let Picture { width, height, rgba } =
                Picture::read(&Path::new(folder).join(format!("frame-{frame:06}.png")));
            let colors: Vec<_> = rgba.as_chunks::<4>().0.iter().map(|&[r, g, b, _]| [r, g, b]).collect();
            (width, height, colors)
        };
        assert!(picture(&saved) == picture(&replayed), "frame {frame} is another picture in the replay");
    }
    let trace = path("checks.airtrace");
    deployed(&["--record", &trace], &[]).succeeded();
    let outcome = run(airlock(["replay", &trace])).succeeded();
    assert!(outcome.stdout.contains("as recorded"), "{outcome}");
    let outcome = run(airlock(["trace", "info", &trace])).succeeded();
    assert!(outcome.stdout.contains("wasi:webgpu 0.0.1\n"), "{outcome}");
}

/// `airlock doctor` names the versions that a guest may import.
#[test]
fn the_doctor_names_the_versions() {
    // Without an adapter it fails, and prints the same versions.
    let text = run(airlock(["doctor"])).stdout;
    assert!(text.contains("wasi:webgpu 0.3.0-rc.2, 0.2.0-rc.2 and 0.0.1\n"), "{text}");
    let report: Value = serde_json::from_str(&run(airlock(["doctor", "--json"])).stdout).expect("JSON");
    assert_eq!(report["versions"]["wasi_webgpu"], "0.3.0-rc.2");
    assert_eq!(report["versions"]["wasi_webgpu_versions"], serde_json::json!(["0.3.0-rc.2", "0.2.0-rc.2", "0.0.1"]));
}

/// A run with a view.
struct Viewed {
    run: Running,
    host: String,
    token: String,
}

impl Viewed {
    fn start(arguments: &[&str]) -> Viewed {
        let mut command = airlock(["run", "--view", "--surface", "64x48@30"]);
        command.arg(guest("deployed")).args(arguments);
        let run = Running::start(command);
        let line = run.complains("live view at ");
        let mut parts = line.split('/').skip(2).map(str::to_owned);
        let (host, token) = (parts.next().expect("a host"), parts.next().expect("a token"));
        Viewed { run, host, token }
    }

    fn connect(&self, request: &str) -> BufReader<TcpStream> {
        let mut stream = TcpStream::connect(&self.host).expect("the view listens");
        stream.set_read_timeout(Some(LIMIT)).expect("a time limit");
        stream.write_all(request.as_bytes()).expect("the view reads");
        BufReader::new(stream)
    }

    fn post(&self, page: &str, body: &str) {
        let (token, length) = (&self.token, body.len());
        let mut answer = String::new();
        let head = format!("POST /{token}/{page} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n");
        let mut stream = self.connect(&format!("{head}Connection: close\r\n\r\n{body}"));
        stream.read_to_string(&mut answer).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{page}: {answer}");
    }

    /// The number of the frame of the next picture.
    fn frame(pictures: &mut BufReader<TcpStream>) -> i64 {
        loop {
            let mut line = Vec::new();
            assert!(pictures.read_until(b'\n', &mut line).expect("a stream") > 0, "the stream has ended");
            if let Some(number) = line.strip_prefix(b"X-Frame: ") {
                return String::from_utf8_lossy(number).trim().parse().expect("a number");
            }
        }
    }
}

/// A viewer's keys and pointer reach the guest, and its frames the viewer: also the last one, while the guest waits for the next
/// beat, which does not come.
#[test]
fn a_viewer_sees_frames_and_uses_the_guest() {
    let viewed = Viewed::start(&["spin"]);
    let mut pictures = viewed.connect(&format!("GET /{}/stream HTTP/1.1\r\nHost: x\r\n\r\n", viewed.token));
    Viewed::frame(&mut pictures);
    let drawn = || told(&viewed.run.output()).last().map_or(0, |line| line[0]);
    // The guest may draw some frames before it is held; nothing follows that of a step.
    for _ in 0..3 {
        let before = drawn();
        viewed.post("step", "");
        wait_until("frame of a step", LIMIT, || drawn() > before);
        while Viewed::frame(&mut pictures) < drawn() {}
    }
    viewed.post("input", r#"[{"type":"keydown","code":"KeyC","text":"c"},{"type":"down","x":10,"y":10}]"#);
    viewed.post("input", r#"[{"type":"move","x":60,"y":10}]"#);
    viewed.post("resume", "");
    viewed.run.prints("middle 50 200 100");
    viewed.post("input", r#"[{"type":"keydown","code":"Escape","text":null}]"#);
    let outcome = viewed.run.finish().succeeded();
    // While the button is down, the angle stands still; the move has turned it by half a radian more than a frame does.
    let angles: Vec<i64> = told(&outcome.stdout).iter().map(|line| line[7]).collect();
    assert!(angles.windows(2).any(|pair| pair[1] - pair[0] >= 500), "{angles:?}");
    assert!(outcome.stdout.ends_with("ok\n"), "{outcome}");
}

/// A component of yet another version is refused in one line.
#[test]
fn other_versions_are_refused() {
    let folder = scratch();
    let path = folder.path().join("other.wasm");
    let mut component = fs::read(guest("deployed")).expect("the guest");
    let name = b"wasi:webgpu/webgpu@0.0.1";
    let places: Vec<_> = (0..component.len()).filter(|&at| component[at..].starts_with(name)).collect();
    for at in places {
        component[at + name.len() - 1] = b'2';
    }
    fs::write(&path, component).expect("a file");
    let mut command = airlock(["run"]);
    command.arg(&path);
    run(command).refused(&["wasi:webgpu/webgpu@0.0.2", "0.3.0-rc.2, 0.2.0-rc.2 and 0.0.1 only"]);
}
