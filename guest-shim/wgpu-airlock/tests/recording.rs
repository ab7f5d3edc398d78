//! A native program is recorded like a guest: its trace replays, and the flight recorder writes one after an error. `AIRLOCK`
//! names the program `airlock`.
#![allow(clippy::unwrap_used, reason = "a test ends at the first failure")]

mod common;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use wgpu_airlock::Options;

/// The program; `None`, with a message, if `AIRLOCK` does not name it.
fn airlock() -> Option<PathBuf> {
    let airlock = std::env::var_os("AIRLOCK").map(PathBuf::from);
    if airlock.is_none() {
        eprintln!("skipped: AIRLOCK does not name the program `airlock`");
    }
    airlock
}

fn replay(airlock: &Path, trace: &Path) -> Output {
    Command::new(airlock).arg("replay").arg(trace).output().unwrap()
}

#[test]
fn a_recorded_program_replays() {
    let Some(airlock) = airlock() else { return };
    let trace = common::folder("recording").join("native.airtrace");
    {
        let (device, queue) = common::device_with(Options { record: Some(trace.clone()), ..Default::default() });
        assert_eq!(common::multiples(&device, &queue, 9), [0, 9, 18, 27, 36, 45, 54, 63]);
    }
    let output = replay(&airlock, &trace);
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    // The readback is compared, and nothing differs.
    assert!(text.contains("replays as recorded") && text.contains("1 readbacks compared"), "{text}");
}

#[test]
fn the_flight_recorder_keeps_what_led_to_an_error() {
    let Some(airlock) = airlock() else { return };
    let folder = common::folder("flight");
    {
        let (device, queue) =
            common::device_with(Options { flight_recorder: Some(folder.clone()), ..Default::default() });
        common::multiples(&device, &queue, 2);
        device.on_uncaptured_error(std::sync::Arc::new(|_: wgpu::Error| {}));
        // Invalid: no usage.
        let _ = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("mistaken"),
            size: 4,
            usage: wgpu::BufferUsages::empty(),
            mapped_at_creation: false,
        });
        device.poll(wgpu::PollType::wait_indefinitely()).unwrap();
    }
    let traces: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    let [trace] = &*traces else { panic!("one trace: {traces:?}") };
    let dump = Command::new(&airlock).args(["trace", "dump"]).arg(trace).output().unwrap();
    let text = String::from_utf8_lossy(&dump.stdout);
    assert!(dump.status.success() && text.contains("mistaken"), "{text}");
    assert!(replay(&airlock, trace).status.success());
}

#[test]
fn what_cannot_start_is_an_error_with_its_reason() {
    let daemon = wgpu_airlock::Daemon::Spawn { program: "/nonexistent/gpu-daemon".into(), arguments: Vec::new() };
    let error = wgpu_airlock::instance(Options { daemon: Some(daemon), ..Default::default() }).unwrap_err();
    assert!(error.to_string().contains("there is no such file"), "{error}");
    let worker = vec!["no-such-quota=1".to_owned()];
    assert!(wgpu_airlock::instance(Options { worker, ..Default::default() }).is_err());
}

#[test]
fn quotas_hold() {
    let worker = vec!["max-gpu-memory=1M".to_owned()];
    let (device, _queue) = common::device_with(Options { worker, ..Default::default() });
    let scope = device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
    let _ = device.create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size: 2 << 20,
        usage: wgpu::BufferUsages::STORAGE,
        mapped_at_creation: false,
    });
    let error = pollster::block_on(scope.pop());
    assert!(matches!(error, Some(wgpu::Error::OutOfMemory { .. })), "{error:?}");
}
