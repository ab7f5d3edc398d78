//! Every guest, with a worker of its own and through `serve`. The guests check their own results; the tests check their
//! output and files.
#![allow(clippy::disallowed_methods, clippy::expect_used, clippy::panic, missing_docs)]

use std::{
    fs::File,
    io::{BufReader, BufWriter},
    path::Path,
    process::Command,
};

use airlock_tests::{
    processes::{name, peak_memory, runs, wait_until, while_running, worker_of, workers_of},
    programs::{LIMIT, Outcome, Running, Serve, airlock, guest, root, run},
    scratch,
};

/// `airlock run` of a guest whose folder `/out` is `folder`.
fn airlock_run(options: &[&str], folder: &Path, name: &str, arguments: &[&str]) -> Command {
    let mut command = airlock(["run", "--dir"]);
    command.arg(format!("{}::/out", folder.display())).args(options).arg(guest(name)).args(arguments);
    command
}

/// Runs a guest with its own worker.
fn own(folder: &Path, name: &str, arguments: &[&str]) -> Outcome {
    run(airlock_run(&[], folder, name, arguments)).succeeded()
}

/// A decoded picture: width, height, channels, bytes.
fn picture(path: &Path) -> (u32, u32, usize, Vec<u8>) {
    let decoder = png::Decoder::new(BufReader::new(File::open(path).expect("the picture was written")));
    let mut reader = decoder.read_info().expect("the picture is a PNG");
    let mut bytes = vec![0; reader.output_buffer_size().expect("its size")];
    let info = reader.next_frame(&mut bytes).expect("its pixels");
    bytes.truncate(info.buffer_size());
    (info.width, info.height, info.color_type.samples(), bytes)
}

/// Number of different colours of a picture.
fn colours(path: &Path) -> usize {
    let (_, _, channels, bytes) = picture(path);
    bytes.chunks_exact(channels).collect::<std::collections::HashSet<_>>().len()
}

/// A test picture: gradients, a disc, stripes.
fn write_picture(path: &Path, width: u32, height: u32) {
    let file = BufWriter::new(File::create(path).expect("a file for the picture"));
    let mut encoder = png::Encoder::new(file, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_compression(png::Compression::Fast);
    let mut bytes = Vec::with_capacity(width as usize * height as usize * 3);
    for y in 0..height {
        for x in 0..width {
            let (dx, dy) = (i64::from(x) * 2 - i64::from(width), i64::from(y) * 2 - i64::from(height));
            let inside = dx * dx + dy * dy < i64::from(height.min(width)).pow(2) / 2;
            let stripe = (x / 37 + y / 23) % 2 == 0;
            bytes.extend([(x * 255 / width) as u8, if inside { 220 } else { 40 }, if stripe { 90 } else { 160 }]);
        }
    }
    let mut writer = encoder.write_header().expect("a header");
    writer.write_image_data(&bytes).expect("the pixels");
}

#[test]
fn collatz() {
    let outcome = own(scratch().path(), "collatz", &["27"]);
    assert!(outcome.stdout.contains("111"), "27 takes 111 steps: {outcome}");
}

#[test]
fn matmul() {
    let outcome = own(scratch().path(), "matmul", &["67", "129", "31"]);
    assert!(outcome.stdout.contains("67"), "{outcome}");
}

#[test]
fn mlp() {
    let outcome = own(scratch().path(), "mlp", &[]);
    assert!(outcome.stdout.to_lowercase().contains("accuracy") || outcome.stdout.contains('%'), "{outcome}");
}

#[test]
fn nbody() {
    let outcome = own(scratch().path(), "nbody", &["256", "120"]);
    assert!(outcome.stdout.contains("drift"), "{outcome}");
}

#[test]
fn triangle() {
    let folder = scratch();
    own(folder.path(), "triangle", &["/out/triangle.png"]);
    let (width, height, _, _) = picture(&folder.path().join("triangle.png"));
    assert_eq!((width, height), (256, 256));
    assert!(colours(&folder.path().join("triangle.png")) > 1000);
}

#[test]
fn scene() {
    let folder = scratch();
    own(folder.path(), "scene", &["/out/scene.png", "640", "360"]);
    let (width, height, _, _) = picture(&folder.path().join("scene.png"));
    assert_eq!((width, height), (640, 360));
    assert!(colours(&folder.path().join("scene.png")) > 5000);
}

#[test]
fn plot() {
    let folder = scratch();
    std::fs::copy(root().join("tests/guests/plot/sample.csv"), folder.path().join("data.csv")).expect("the sample");
    own(folder.path(), "plot", &["/out/data.csv", "/out/chart.png"]);
    assert!(colours(&folder.path().join("chart.png")) > 20);
}

#[test]
fn image_filter_takes_odd_sizes() {
    let folder = scratch();
    for (width, height) in [(1, 1), (333, 1), (65, 47)] {
        write_picture(&folder.path().join("in.png"), width, height);
        own(folder.path(), "image-filter", &["/out/in.png", "/out/out.png"]);
        let (w, h, _, _) = picture(&folder.path().join("out.png"));
        assert_eq!((w, h), (width, height));
    }
}

#[test]
fn image_filter_takes_a_photo_within_its_memory() {
    const LIMIT: u64 = 1536 << 20;
    let folder = scratch();
    write_picture(&folder.path().join("in.png"), 4000, 3000);
    let running = Running::start(airlock_run(&[], folder.path(), "image-filter", &["/out/in.png", "/out/out.png"]));
    let host = running.id();
    let (mut host_peak, mut worker_peak) = (0, 0);
    while_running(host, || {
        host_peak = host_peak.max(peak_memory(host).unwrap_or(0));
        for worker in workers_of(host) {
            worker_peak = worker_peak.max(peak_memory(worker).unwrap_or(0));
        }
    });
    running.finish().succeeded();
    println!("peak memory: host {} MiB, worker {} MiB", host_peak >> 20, worker_peak >> 20);
    assert!(host_peak > 0 && worker_peak > 0, "no figures: the processes were not seen");
    assert!(host_peak < LIMIT && worker_peak < LIMIT, "host {host_peak}, worker {worker_peak} bytes");
    let (width, height, _, _) = picture(&folder.path().join("out.png"));
    assert_eq!((width, height), (4000, 3000));
}

/// Each case once: the guest checks its results. The timings are not checked.
#[test]
fn bench_checks_its_results() {
    let outcome = own(scratch().path(), "bench", &["all", "1"]);
    assert!(outcome.stdout.lines().count() > 20, "{outcome}");
    assert!(!outcome.stdout.contains(r#""checked":false"#), "results were not looked at: {outcome}");
}

/// All guests through one daemon, with the same pictures as with a worker of their own.
#[test]
fn all_guests_through_serve() {
    let serve = Serve::start(&[]);
    let socket = serve.socket().to_str().expect("a printable path").to_owned();
    let folder = scratch();
    let own_folder = scratch();
    std::fs::copy(root().join("tests/guests/plot/sample.csv"), folder.path().join("data.csv")).expect("the sample");
    write_picture(&folder.path().join("in.png"), 101, 67);
    let through = |name: &str, arguments: &[&str]| {
        run(airlock_run(&["--daemon", &socket], folder.path(), name, arguments)).succeeded()
    };
    through("collatz", &[]);
    through("matmul", &["64", "64", "64"]);
    through("mlp", &[]);
    through("nbody", &["128", "40"]);
    through("plot", &["/out/data.csv", "/out/chart.png"]);
    through("image-filter", &["/out/in.png", "/out/edges.png"]);
    through("scene", &["/out/scene.png", "320", "200"]);
    through("triangle", &["/out/triangle.png"]);
    own(own_folder.path(), "triangle", &["/out/triangle.png"]);
    let bytes = |folder: &Path| picture(&folder.join("triangle.png")).3;
    assert_eq!(bytes(folder.path()), bytes(own_folder.path()));
}

#[test]
fn two_at_once_through_serve_do_not_see_each_other() {
    let serve = Serve::start(&[]);
    let socket = serve.socket().to_str().expect("a printable path").to_owned();
    let folder = scratch();
    let start = |name: &str, arguments: &[&str]| {
        Running::start(airlock_run(&["--daemon", &socket], folder.path(), name, arguments))
    };
    // Both use the same small object ids all along.
    let runs =
        [start("nbody", &["256", "200"]), start("nbody", &["256", "200"]), start("matmul", &["200", "100", "50"])];
    let outcomes = runs.map(|running| running.finish().succeeded().stdout);
    let [first, second, _] = &outcomes;
    let energies =
        |text: &str| text.lines().filter(|line| line.contains("energy")).map(str::to_owned).collect::<Vec<_>>();
    assert!(!energies(first).is_empty(), "{first}");
    assert_eq!(energies(first), energies(second), "the same bodies, the same steps, another result");
}

/// Nothing is left running when a guest has ended.
#[test]
fn no_worker_outlives_its_run() {
    let folder = scratch();
    let running = Running::start(airlock_run(&[], folder.path(), "nbody", &["256", "100"]));
    let worker = worker_of(running.id());
    assert_eq!(name(worker), "gpu-daemon");
    running.finish().succeeded();
    wait_until("end of the worker", LIMIT, || !runs(worker));
}
