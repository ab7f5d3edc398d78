//! `airlock run --view`: the page shows the guest's frames, and its input reaches the guest. The browser is Debian's Chromium; without one, its test says so and passes.
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::Path,
    time::{Duration, Instant},
};

use airlock_tests::{
    pictures::Picture,
    processes::{descendants, wait_for, wait_until},
    programs::{LIMIT, Running, airlock, guest, root, run, signal},
    scratch,
    viewer::Browser,
};
use rustix::process::Signal;

/// A run with a view.
struct Viewed {
    run: Running,
    /// `http://127.0.0.1:PORT/TOKEN/`.
    address: String,
}

impl Viewed {
    fn start(options: &[&str], arguments: &[&str]) -> Viewed {
        Viewed::of(&guest("spin"), options, arguments)
    }

    fn of(component: &Path, options: &[&str], arguments: &[&str]) -> Viewed {
        let mut command = airlock(["run", "--view"]);
        command.args(options).arg(component).args(arguments);
        let run = Running::start(command);
        let line = run.complains("live view at ");
        let address = line.split(' ').next_back().expect("an address").to_owned();
        Viewed { run, address }
    }

    /// Host and port.
    fn host(&self) -> &str {
        self.address.split('/').nth(2).expect("a host")
    }

    fn token(&self) -> &str {
        self.address.split('/').nth(3).expect("a token")
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.host()).expect("the view listens");
        stream.set_read_timeout(Some(LIMIT)).expect("a time limit");
        stream
    }

    /// Sends bytes, and returns the whole response. The other side may close before it has read all of them.
    fn ask(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect();
        let _ = stream.write_all(bytes);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    fn post(&self, page: &str, body: &str) -> String {
        let (token, length) = (self.token(), body.len());
        self.ask(format!("POST /{token}/{page} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}").as_bytes())
    }

    /// Opens the stream of pictures.
    fn stream(&self) -> Pictures {
        let mut stream = self.connect();
        let request = format!("GET /{}/stream HTTP/1.1\r\nHost: x\r\n\r\n", self.token());
        stream.write_all(request.as_bytes()).expect("the view reads");
        Pictures(BufReader::new(stream))
    }
}

/// A stream of pictures.
struct Pictures(BufReader<TcpStream>);

impl Pictures {
    /// The next header of this name; `None` at the end.
    fn header(&mut self, name: &str) -> Option<String> {
        let mut line = Vec::new();
        loop {
            line.clear();
            match self.0.read_until(b'\n', &mut line) {
                Ok(length) if length > 0 => {}
                _ => return None,
            }
            let text = String::from_utf8_lossy(&line);
            if let Some(value) = text.strip_prefix(&format!("{name}: ")) {
                return Some(value.trim().to_owned());
            }
        }
    }

    /// Reads the next picture: its length in bytes, and the number of its frame.
    fn next(&mut self) -> Option<(usize, u64)> {
        let mut number = |name| self.header(name)?.parse::<u64>().ok();
        let (length, frame) = (usize::try_from(number("Content-Length")?).ok()?, number("X-Frame")?);
        self.header("X-Size")?;
        let mut rest = vec![0; 2 + length];
        self.0.read_exact(&mut rest).ok()?;
        // The end of the headers, then a file of JPEG.
        assert_eq!(rest[..4], [b'\r', b'\n', 0xff, 0xd8]);
        Some((length, frame))
    }
}

/// A line of `spin --state`: the number of a frame, and the colour of the square in its upper left corner.
#[derive(Clone, Copy, Debug)]
struct Told {
    frame: u64,
    corner: [u8; 3],
}

/// Every line of `spin --state` so far.
fn told(output: &str) -> Vec<Told> {
    let (lines, _) = output.rsplit_once('\n').unwrap_or_default();
    let states = lines.lines().filter_map(|line| line.strip_prefix("frame "));
    states
        .map(|line| {
            let words = line.split(|c: char| !c.is_ascii_digit());
            let numbers: Vec<u64> = words.filter_map(|word| word.parse().ok()).collect();
            let corner = numbers.last_chunk::<3>().expect("a colour");
            Told { frame: numbers[0], corner: corner.map(|channel| u8::try_from(channel).expect("a channel")) }
        })
        .collect()
}

/// The number of the last frame that the guest has drawn.
fn drawn(viewed: &Viewed) -> u64 {
    told(&viewed.run.output()).last().map_or(0, |told| told.frame)
}

/// JPEG keeps the colour of a flat square nearly, and its neighbours disturb it.
const JPEG: u8 = 12;

/// Whether the square in a screenshot's corner is the one that the guest drew in this frame.
fn shows(picture: &Picture, told: Told) -> bool {
    let at = 4 * (6 * picture.width as usize + 6);
    picture.rgba[at..at + 3].iter().zip(told.corner).all(|(&found, expected)| found.abs_diff(expected) <= JPEG)
}

/// The pixels around the middle of a screenshot: the cube, without the square that counts frames.
fn middle(picture: &Picture) -> Vec<&[u8]> {
    let (width, height) = (picture.width as usize, picture.height as usize);
    let rows = picture.rgba.chunks_exact(4 * width).skip(height / 2 - 50).take(100);
    rows.map(|row| &row[4 * (width / 2 - 50)..4 * (width / 2 + 50)]).collect()
}

/// How many of 10,000 pixels around the middle differ by more than JPEG makes of equal ones.
fn changed(before: &Picture, after: &Picture) -> usize {
    let pairs = middle(before).concat().into_iter().zip(middle(after).concat()).collect::<Vec<_>>();
    pairs.chunks_exact(4).filter(|pixel| pixel.iter().any(|(a, b)| a.abs_diff(*b) > JPEG)).count()
}

/// The number on the page. Before the page is loaded there is none.
const FRAME: &str = "Number(document.getElementById('frame')?.textContent)";

/// After so long a frame that was drawn is taken for one that the view left out, since no place was free for it.
const LEFT_OUT: Duration = Duration::from_secs(2);

/// The page, with the actions of a viewer.
struct Page<'a> {
    browser: Browser,
    viewed: &'a Viewed,
    steps: u64,
}

impl Page<'_> {
    fn text(&mut self, id: &str, is: impl Fn(&str) -> bool) -> String {
        // Before the page is loaded there is no such element.
        let text = format!("document.getElementById('{id}')?.textContent");
        let found = self.browser.wait(&text, |text| text.as_str().is_some_and(&is));
        found.as_str().expect("a text").to_owned()
    }

    fn click(&mut self, id: &str) {
        self.browser.value(&format!("document.getElementById('{id}').click()"));
    }

    /// Holds the guest; returns a frame that it drew afterwards, as the page shows it.
    fn pause(&mut self) -> (Told, Picture) {
        self.click("pause");
        self.text("pause", |text| text == "Resume");
        self.step()
    }

    fn resume(&mut self) {
        self.click("pause");
        self.text("pause", |text| text == "Pause");
    }

    /// Has the held guest draw frames, one at a time, until the page shows the last one.
    fn step(&mut self) -> (Told, Picture) {
        let shown = wait_for("frame of a step", LIMIT, || {
            let before = drawn(self.viewed);
            self.click("step");
            self.steps += 1;
            wait_until("frame of a step", LIMIT, || drawn(self.viewed) > before);
            let since = Instant::now();
            while since.elapsed() < LEFT_OUT {
                let last = drawn(self.viewed);
                if self.browser.value(FRAME) == last {
                    return Some(last);
                }
            }
            None
        });
        let told = told(&self.viewed.run.output()).into_iter().find(|told| told.frame == shown).expect("the frame");
        // The number and the canvas change together; the browser paints them a moment later.
        let picture = wait_for(&format!("picture of {told:?}"), LIMIT, || {
            let picture = self.browser.screenshot("picture");
            assert_eq!((picture.width, picture.height), (640, 360));
            shows(&picture, told).then_some(picture)
        });
        (told, picture)
    }

    /// Steps until a frame and the one before it pass `is`: input is on its way to the guest beside the beats. The first
    /// frame is compared with `before`, which was drawn before the input was sent. Returns the last picture.
    fn step_until(
        &mut self,
        what: &str,
        mut before: Picture,
        is: impl Fn(Told, &Picture, &Picture) -> bool,
    ) -> Picture {
        wait_until(what, LIMIT, || {
            let (told, after) = self.step();
            let passes = is(told, &before, &after);
            before = after;
            passes
        });
        before
    }
}

/// The scene moves as the frame numbers say, a drag turns it, a key changes its colour; the guest can be held and stepped, and
/// its trace be written.
#[test]
fn a_browser_shows_the_scene_and_moves_it() {
    let folder = scratch();
    let traces = folder.path().display().to_string();
    let options = ["--surface", "640x360@30", "--flight-recorder", &traces];
    let viewed = Viewed::start(&options, &["--state"]);
    let Some(browser) = Browser::open(&viewed.address) else { return };
    let mut page = Page { browser, viewed: &viewed, steps: 0 };
    page.text("frame", |frame| frame != "-");
    page.text("size", |size| size == "640x360");

    // Two pictures differ as the frame numbers say: each has the square of its frame in the corner.
    let (first, before) = page.pause();
    page.resume();
    page.browser.wait(FRAME, |frame| frame.as_u64().is_some_and(|frame| frame > first.frame + 40));
    page.steps = 0;
    page.click("pause");
    page.text("pause", |text| text == "Resume");
    let held = drawn(&viewed);
    let (later, after) = page.step();
    assert!(later.corner[0].abs_diff(first.corner[0]) > 2 * JPEG, "{first:?}, {later:?}");
    assert!(changed(&before, &after) > 500, "{} pixels have changed", changed(&before, &after));

    // A drag turns it. While its button is down it does not turn by itself, so that a change after that is the drag's.
    let place = page.browser.value(
        "(() => { const b = document.getElementById('picture').getBoundingClientRect(); \
         return [b.x + b.width / 2, b.y + b.height / 2]; })()",
    );
    let (x, y) = (place[0].as_f64().expect("a place"), place[1].as_f64().expect("a place"));
    page.browser.mouse("mousePressed", (x, y));
    let mut last = after;
    for _ in 0..2 {
        last = page.step_until("cube that stands still", last, |_, before, after| changed(before, after) == 0);
    }
    page.browser.mouse("mouseMoved", (x + 90.0, y + 45.0));
    last = page.step_until("cube that was turned", last, |_, before, after| changed(before, after) > 500);
    last = page.step_until("cube that stands still", last, |_, before, after| changed(before, after) == 0);
    page.browser.mouse("mouseReleased", (x + 90.0, y + 45.0));

    // A key changes the colour, which the blue of the corner's square tells.
    page.browser.key("KeyC", "c");
    page.step_until("another colour", last, |told, _, _| told.corner[2] == 40);
    // One frame for each step, and perhaps one whose beat had come before the guest was held.
    let frames = drawn(&viewed) - held;
    assert!((page.steps..=page.steps + 1).contains(&frames), "{frames} frames in {} steps", page.steps);
    page.resume();
    page.text("latency", |latency| latency != "-");

    page.click("trace");
    let traces = || std::fs::read_dir(&traces).expect("the folder").filter_map(Result::ok).map(|entry| entry.path());
    wait_until("trace", LIMIT, || traces().any(|path| path.extension().is_some_and(|end| end == "airtrace")));

    // A browser that leaves changes nothing; escape ends the guest, and the view with it.
    drop(page);
    let answer = viewed.post("input", r#"[{"type":"keydown","code":"Escape"}]"#);
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    let outcome = viewed.run.finish().succeeded();
    assert!(outcome.stdout.ends_with("ok\n"), "{outcome}");
}

/// A request with a wrong token or with garbage gets one line, and the run goes on.
#[test]
fn bad_requests_change_nothing() {
    let viewed = Viewed::start(&["--surface", "64x64@30"], &["--state"]);
    let (token, wrong) = (viewed.token().to_owned(), "0".repeat(32));
    let starts = |answer: String, status: &str, line: &str| {
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
        assert!(answer.ends_with(line) && line.lines().count() == 1, "{answer}");
    };
    let get =
        |path: &str| viewed.ask(format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes());
    starts(get(&format!("/{wrong}/")), "403", "wrong token: open the address that airlock has printed\n");
    starts(get("/"), "403", "open the address that airlock has printed, with its last slash\n");
    starts(get(&format!("/{token}")), "403", "open the address that airlock has printed, with its last slash\n");
    starts(get(&format!("/{token}/other")), "404", "there is no such page\n");
    starts(viewed.ask(b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03"), "400", "this is no request of HTTP/1.1\n");
    starts(viewed.ask(&vec![b'a'; 10 << 20]), "4", "\n");
    for garbage in ["", "garbage", "{}", r#"[{"type":"move","x":1e999,"y":0}]"#, r#"[{"type":"keydown","code":1}]"#] {
        starts(viewed.post("input", garbage), "400", "this is no list of events\n");
    }
    let many = format!("[{}]", vec![r#"{"type":"up","x":1,"y":1}"#; 200].join(","));
    starts(viewed.post("input", &many), "400", "this is no list of events\n");
    let long = format!("POST /{token}/input HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", 10 << 20);
    let long = [long.as_bytes(), &vec![b'['; 10 << 20]].concat();
    starts(viewed.ask(&long), "413", "input of one moment has at most 16 KiB\n");
    let pieces = format!("POST /{token}/input HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffff\r\n");
    starts(viewed.ask(pieces.as_bytes()), "411", "a request says how long its body is\n");
    starts(viewed.post("trace", ""), "409", "no flight recorder: run with --flight-recorder DIR");

    // A viewer in the middle of a picture leaves; another one gets pictures all the same.
    let mut leaves = viewed.stream();
    leaves.header("X-Frame").expect("a picture");
    drop(leaves);
    let mut stays = viewed.stream();
    let (_, first) = stays.next().expect("a picture");
    let (_, later) = stays.next().expect("a picture");
    assert!(later > first, "{later} after {first}");
    assert_eq!(stays.header("X-Size").as_deref(), Some("64x64"));
    starts(viewed.post("input", r#"[{"type":"keydown","code":"Escape","text":null}]"#), "200", "1");
    let outcome = viewed.run.finish().succeeded();
    // The address is all that is said.
    assert_eq!(outcome.stderr.lines().count(), 1, "{outcome}");
}

/// A program written on `wgpu` draws to a window: the host decides its size, the viewer's input reaches it, and it decides its end.
#[test]
fn a_program_on_wgpu_has_a_window() {
    let component = root().join("tests/guests/wgpu/prebuilt/window.wasm");
    let folder = scratch();
    let frames = folder.path().display().to_string();
    let viewed = Viewed::of(&component, &["--surface", "64x48@30", "--save-frames", &frames], &["100", "100"]);
    viewed.run.prints("a window of 64 x 48, Bgra8UnormSrgb");
    // The stream counts as a viewer, whose leaving resumes a paused guest.
    let mut pictures = viewed.stream();
    let input = r#"[{"type":"move","x":16,"y":12},{"type":"keydown","code":"KeyC","text":"c"}]"#;
    assert!(viewed.post("input", input).starts_with("HTTP/1.1 200 OK"));
    viewed.run.prints("PointerMoved { x: 16.0, y: 12.0 }");
    viewed.run.prints("KeyPressed(KeyEvent { key: Some(Key::KeyC)");
    let (_, seen) = pictures.next().expect("a picture");
    // Two more frames: the first may have been drawn before the input.
    while pictures.next().expect("a picture").1 < seen + 2 {}
    viewed.post("input", r#"[{"type":"keydown","code":"Escape"}]"#);
    viewed.run.finish().succeeded();

    let names = std::fs::read_dir(folder.path()).expect("the folder").map(|entry| entry.expect("an entry").path());
    let mut names: Vec<_> = names.collect();
    names.sort();
    let texel = |path: &Path, x: usize, y: usize| {
        let picture = Picture::decode(&std::fs::read(path).expect("a picture"));
        assert_eq!((picture.width, picture.height), (64, 48));
        let at = 4 * (64 * y + x);
        [picture.rgba[at], picture.rgba[at + 1], picture.rgba[at + 2]]
    };
    let (first, last) = (names.first().expect("a frame"), names.last().expect("a frame"));
    // The middle is inside of both triangles; sRGB of 0.9, 0.6, 0.1 and of 0.1, 0.4, 0.9.
    assert_eq!(texel(first, 32, 30), [243, 203, 89], "{names:?}");
    assert_eq!(texel(last, 32, 30), [89, 170, 243], "{names:?}");
    // The tip is where the pointer was.
    assert_eq!([texel(first, 17, 15), texel(last, 17, 15)], [[0, 0, 0], [89, 170, 243]], "{names:?}");
}

/// More bytes than the socket buffers between the view and a viewer hold.
const SOCKETS: usize = 16 << 20;

/// A viewer that reads nothing holds up neither the guest nor other viewers, and has missed pictures when it reads again.
#[test]
fn a_slow_viewer_slows_no_other() {
    let viewed = Viewed::start(&["--surface", "640x360@max"], &["--state"]);
    let mut slow = viewed.stream();
    let mut fast = viewed.stream();
    let (mut bytes, mut frames) = (0, Vec::new());
    while bytes < SOCKETS {
        let (length, frame) = fast.next().expect("a picture");
        bytes += length;
        frames.push(frame);
    }
    assert!(frames.is_sorted_by(|before, after| before < after), "a picture came twice, or late: {frames:?}");
    assert!(drawn(&viewed) >= *frames.last().expect("a frame"));
    viewed.post("input", r#"[{"type":"keydown","code":"Escape"}]"#);
    let kept = std::iter::from_fn(|| slow.next()).count();
    assert!(kept < frames.len(), "{kept} pictures were kept for a viewer that does not read");
    viewed.run.finish().succeeded();
}

/// The process that talks to browsers is confined, and its death is one line; the run goes on.
#[test]
fn the_front_process_is_confined_and_may_die() {
    let viewed = Viewed::start(&["--surface", "64x64@max"], &["--state", "200000"]);
    let front = descendants(viewed.run.id()).into_iter().find(|&id| {
        std::fs::read(format!("/proc/{id}/cmdline"))
            .is_ok_and(|line| line.windows(10).any(|part| part == b"view-front"))
    });
    let front = front.expect("the front process");
    let status = std::fs::read_to_string(format!("/proc/{front}/status")).expect("its status");
    assert!(status.contains("\nSeccomp:\t2\n") && status.contains("\nNoNewPrivs:\t1\n"), "{status}");
    assert!(status.contains("\nCapEff:\t0000000000000000\n"), "{status}");
    // The guest's process has no socket of the Internet's.
    let sockets = std::fs::read_to_string(format!("/proc/{}/net/tcp", viewed.run.id())).expect("its sockets");
    let own: Vec<_> = std::fs::read_dir(format!("/proc/{}/fd", viewed.run.id()))
        .expect("its descriptors")
        .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
        .filter_map(|link| Some(link.to_str()?.strip_prefix("socket:[")?.trim_end_matches(']').to_owned()))
        .collect();
    assert!(!sockets.lines().any(|line| own.iter().any(|inode| line.contains(inode.as_str()))), "{own:?}");
    viewed.run.prints("frame ");
    let before = drawn(&viewed);
    signal(front, Signal::KILL);
    viewed.run.complains("the live view is over: its process has ended; the run goes on");
    wait_until("frame after that", LIMIT, || drawn(&viewed) > before);
}

#[test]
fn a_port_in_use_is_one_line() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its address").to_string();
    let mut command = airlock(["run", &format!("--view={address}")]);
    command.arg(guest("spin"));
    run(command).refused(&[&format!("--view={address}"), "address already in use"]);
    let mut command = airlock(["run", "--view"]);
    command.arg(guest("collatz"));
    run(command).refused(&["imports no wasi-gfx:surface", "--view"]);
    // No process is left behind, and a run that ends at once ends its view.
    let viewed = Viewed::start(&["--surface", "16x16", "--frames", "1"], &[]);
    let host = viewed.host().to_owned();
    viewed.run.finish().succeeded();
    wait_until("end of the view", LIMIT, || TcpStream::connect(&host).is_err());
}
