//! Surfaces without a screen: saved frames, their number and pace, and frames in recordings.
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::BufReader,
    path::Path,
};

use airlock_tests::{
    programs::{Outcome, airlock, guest, run},
    scratch,
};

/// Runs a guest with options before it and arguments behind it.
fn surface(options: &[&str], name: &str, arguments: &[&str]) -> Outcome {
    let mut command = airlock(["run"]);
    command.args(options).arg(guest(name)).args(arguments);
    run(command)
}

struct Picture {
    width: u32,
    height: u32,
    rgba: Vec<u8>,
}

impl Picture {
    fn read(path: &Path) -> Picture {
        let file = File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut decoder = png::Decoder::new(BufReader::new(file));
        decoder.set_transformations(png::Transformations::ALPHA | png::Transformations::STRIP_16);
        let mut reader = decoder.read_info().expect("a PNG");
        let mut rgba = vec![0; reader.output_buffer_size().expect("its size")];
        let info = reader.next_frame(&mut rgba).expect("its pixels");
        Picture { width: info.width, height: info.height, rgba }
    }

    fn texel(&self, x: u32, y: u32) -> [u8; 4] {
        let at = 4 * (y * self.width + x) as usize;
        self.rgba[at..at + 4].try_into().expect("four bytes")
    }
}

/// The pictures of a folder, by their names.
fn pictures(folder: &Path) -> BTreeMap<String, Picture> {
    let files = fs::read_dir(folder).expect("the folder").map(|entry| entry.expect("an entry").path());
    files.map(|path| (path.file_name().expect("a name").to_string_lossy().into_owned(), Picture::read(&path))).collect()
}

fn close(found: [u8; 4], expected: [u8; 3]) -> bool {
    found.iter().zip(expected).all(|(&found, expected)| found.abs_diff(expected) <= 2)
}

/// `surface-tour` checks results and events; its saved frames have the colours that its header lists.
#[test]
fn every_function_does_what_it_should() {
    let folder = scratch();
    let to = folder.path().to_str().expect("a printable path");
    surface(&["--save-frames", to], "surface-tour", &[]).succeeded();
    let pictures = pictures(folder.path());
    let found: Vec<_> = pictures
        .values()
        .map(|picture| ((picture.width, picture.height), picture.texel(0, 0), picture.texel(1, 0)))
        .collect();
    let [red, blue, bytes, changed] = [[255, 0, 0, 255], [0, 0, 255, 255], [30, 20, 10, 255], [30, 20, 99, 255]];
    assert_eq!(
        found,
        [((320, 200), red, red), ((320, 100), blue, blue), ((8, 4), bytes, bytes), ((8, 4), changed, bytes)],
        "{:?}",
        pictures.keys()
    );
    // Where the size is the person's, the guest cannot change it.
    surface(&["--surface", "100x50@max"], "surface-tour", &["fixed"]).succeeded();
}

/// The middle and a corner of each saved frame have the colours that the guest has computed on the CPU.
#[test]
fn saved_frames_are_what_the_guest_says() {
    let folder = scratch();
    let (frames, video) = (folder.path().join("frames"), folder.path().join("run.y4m"));
    let (frames_text, video_text) = (frames.display().to_string(), video.display().to_string());
    let options = ["--surface", "320x180@max", "--save-frames", &frames_text, "--save-video", &video_text];
    let outcome = surface(&options, "spin", &["--state", "40"]).succeeded();
    assert!(outcome.stderr.contains("saved 40 frames"), "{outcome}");
    let pictures = pictures(&frames);
    assert_eq!(pictures.len(), 40);
    let mut middles = 0;
    for line in outcome.stdout.lines().filter(|line| line.starts_with("frame ")) {
        let numbers: Vec<u32> =
            line.split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse().ok()).collect();
        let (frame, colors) = numbers.split_first().expect("a number");
        let picture = &pictures[&format!("frame-{frame:06}.png")];
        let bytes: Vec<u8> = colors.iter().map(|&color| u8::try_from(color).expect("a channel")).collect();
        let corner = bytes.last_chunk::<3>().expect("a colour");
        assert!(close(picture.texel(4, 4), *corner), "{line}: the corner is {:?}", picture.texel(4, 4));
        if let [middle @ .., _, _, _] = bytes.as_slice()
            && let Some(middle) = middle.first_chunk::<3>()
        {
            middles += 1;
            let (x, y) = (picture.width / 2, picture.height / 2);
            assert!(close(picture.texel(x, y), *middle), "{line}: the middle is {:?}", picture.texel(x, y));
        }
    }
    assert!(middles > 20, "{middles} frames have a middle of one colour: {outcome}");

    // The video has a line for itself, and a line and three planes for each frame.
    let video = fs::read(&video).expect("the video");
    let line = video.iter().position(|&byte| byte == b'\n').expect("a line");
    let head = String::from_utf8_lossy(&video[..line]).into_owned();
    assert!(head.starts_with("YUV4MPEG2 W320 H180 ") && head.contains(" C444 "), "{head}");
    assert_eq!(video.len() - line - 1, 40 * (6 + 3 * 320 * 180));
    // The corner of the second frame, 2 0 0, is nearly black: luma 16, and both differences 128.
    let second = &video[line + 1 + 6 + 3 * 320 * 180 + 6..];
    for (plane, expected) in [16_u8, 128, 128].into_iter().enumerate() {
        let value = second[plane * 320 * 180 + 4 * 320 + 4];
        assert!(value.abs_diff(expected) <= 1, "plane {plane} is {value}");
    }
}

/// Particles move on the GPU alone; the white one is where the CPU has it.
#[test]
fn a_simulation_is_where_the_guest_says() {
    let folder = scratch();
    let to = folder.path().to_str().expect("a printable path");
    let outcome =
        surface(&["--surface", "320x180@max", "--save-frames", to], "particles", &["--state", "30"]).succeeded();
    let pictures = pictures(folder.path());
    assert_eq!(pictures.len(), 30);
    let mut places = Vec::new();
    for line in outcome.stdout.lines().filter(|line| line.starts_with("frame ")) {
        let numbers: Vec<u32> =
            line.split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse().ok()).collect();
        let [frame, x, y] = numbers[..] else { panic!("{line}") };
        let texel = pictures[&format!("frame-{frame:06}.png")].texel(x, y);
        assert_eq!(texel, [255; 4], "{line}");
        places.push((x, y));
    }
    places.dedup();
    assert!(places.len() > 10, "it stands still: {places:?}");
}

/// N frames end the run, whether the guest would go on for ever or draws without listening for beats.
#[test]
fn so_many_frames_end_the_run() {
    for frames in ["1", "7"] {
        let folder = scratch();
        let to = folder.path().to_str().expect("a printable path");
        let outcome =
            surface(&["--frames", frames, "--surface", "64x64@max", "--save-frames", to], "spin", &["--state"]);
        let outcome = outcome.succeeded();
        assert_eq!(outcome.stdout.lines().filter(|line| line.starts_with("frame ")).count().to_string(), frames);
        assert_eq!(pictures(folder.path()).len().to_string(), frames);
    }
    // The second frame would be the third of four: the guest is in the middle of its work.
    let outcome = surface(&["--frames", "2"], "surface-tour", &[]).succeeded();
    assert!(!outcome.stdout.contains("ok"), "it drew on: {outcome}");
}

/// Beats come as often as was asked for: with a rate a run cannot be faster than its beats, without one it has no clock at all.
#[test]
fn beats_come_at_the_rate() {
    let time = |rate: &str| surface(&["--surface", "16x16", "--surface-rate", rate], "spin", &["11"]).succeeded().time;
    // Ten periods of a tenth of a second lie between eleven beats.
    assert!(time("10").as_secs_f64() >= 1.0);
    // No upper bound holds on a slow machine; a hundredth of that rate would take 100 seconds.
    let slow = surface(&["--surface", "16x16@0.1", "--timeout", "2"], "spin", &["11"]);
    assert_eq!(slow.code(), Some(124), "{slow}");
    time("max");
}

/// A recording shows frames by their names, with the same pictures.
#[test]
fn a_replay_has_the_frames() {
    let folder = scratch();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (trace, saved, replayed) = (path("run.airtrace"), path("saved"), path("replayed"));
    let options = ["--surface", "200x100@max", "--record", &trace, "--save-frames", &saved];
    surface(&options, "particles", &["5"]).succeeded();
    let outcome = run(airlock(["replay", "--save-images", &replayed, &trace])).succeeded();
    assert!(outcome.stdout.contains("as recorded"), "{outcome}");
    let (saved, replayed) = (pictures(Path::new(&saved)), pictures(Path::new(&replayed)));
    assert_eq!(saved.keys().collect::<Vec<_>>(), replayed.keys().collect::<Vec<_>>());
    assert_eq!(saved.len(), 5);
    for (name, picture) in &saved {
        assert!(picture.rgba == replayed[name].rgba, "{name} is another picture in the replay");
    }
    // Where frames go nowhere, nothing is read back, and the recording has them all the same.
    let trace = path("quiet.airtrace");
    surface(&["--surface", "200x100@max", "--record", &trace], "spin", &["3"]).succeeded();
    let dump = run(airlock(["trace", "dump", &trace])).succeeded().stdout;
    assert!(!dump.contains("CopyTextureToBuffer") && !dump.contains("MapBuffer"), "{dump}");
    assert!(dump.contains("frame 000003") && !dump.contains("frame 000004"), "{dump}");
    let images = path("quiet");
    run(airlock(["replay", "--save-images", &images, &trace])).succeeded();
    assert_eq!(pictures(Path::new(&images)).len(), 3);
}

#[test]
fn what_cannot_be_is_refused() {
    let refused = |options: &[&str], name: &str, parts: &[&str]| drop(surface(options, name, &[]).refused(parts));
    refused(&["--frames", "3"], "collatz", &["collatz.wasm", "imports no wasi-gfx:surface", "--frames"]);
    refused(&["--save-video", "run.mp4"], "spin", &["--save-video run.mp4", ".y4m"]);
    refused(&["--save-frames", "/proc/frames"], "spin", &["--save-frames /proc/frames"]);
    for options in [["--surface", "0x10"], ["--surface", "10"], ["--surface-rate", "0"], ["--frames", "0"]] {
        let outcome = surface(&options, "spin", &[]);
        assert_eq!(outcome.code(), Some(2), "{outcome}");
        assert!(outcome.stderr.contains(options[0]), "{outcome}");
    }
    // A surface that changes its size in the middle of a video: the run ends well, and one line says why the video does not.
    let folder = scratch();
    let video = folder.path().join("run.y4m").display().to_string();
    let outcome = surface(&["--save-video", &video], "surface-tour", &[]).succeeded();
    assert!(outcome.stderr.contains("saved 1 frame to"), "{outcome}");
    assert!(outcome.stderr.contains("a video cannot change from 320x200"), "{outcome}");
}
