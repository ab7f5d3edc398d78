//! Programs that do not depend on this crate behave as on wgpu's own drivers: the same lines and the same pictures. The expected
//! ones are in `tests/guests/wgpu/expected`, where `compare.sh` makes them with plain wgpu.
#![allow(clippy::unwrap_used, reason = "a test ends at the first failure")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Maximum difference of a channel from the stored picture: software adapters compile for the processor that they find, and round
/// differently. `compare.sh` requires equal bytes on one machine.
const TOLERANCE: u8 = 3;
/// Maximum number of channels in a thousand that differ by more.
const OUTLIERS: usize = 2;

fn expected(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/guests/wgpu/expected").join(file)
}

/// Runs a program that cargo has built beside this test, and returns its output.
fn run(program: &str, arguments: &[&Path]) -> String {
    let output = Command::new(common::example(program)).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn numbers_are_those_of_plain_wgpu() {
    assert_eq!(run("guest-compute", &[]), fs::read_to_string(expected("compute.txt")).unwrap());
}

/// Runs a program that draws, and compares its picture with the stored one.
fn draws(program: &str, size: &str) {
    let picture = common::folder(program).join("picture.png");
    let printed = run(&format!("guest-{program}"), &[&picture]);
    assert!(printed.starts_with(size), "{printed}");
    let (drawn, expected) = (pixels(&picture), pixels(&expected(&format!("{program}.png"))));
    assert_eq!(drawn.len(), expected.len());
    let further = drawn.iter().zip(&expected).filter(|(a, b)| a.abs_diff(**b) > TOLERANCE).count();
    assert!(further * 1000 <= drawn.len() * OUTLIERS, "{further} of {} channels differ", drawn.len());
}

#[test]
fn pictures_are_those_of_plain_wgpu() {
    draws("render", "192 x 192 texels");
}

/// `vello`, a published crate.
#[test]
fn vello_draws_as_on_plain_wgpu() {
    draws("vector", "320 x 320 texels");
}

/// Needs the shader languages: `--all-features`, or the three of them.
#[test]
#[cfg(all(feature = "spirv", feature = "glsl", feature = "naga-ir"))]
fn the_whole_api_answers_as_plain_wgpu_does() {
    assert_eq!(run("guest-api", &[]), fs::read_to_string(expected("api.txt")).unwrap());
}

fn pixels(picture: &Path) -> Vec<u8> {
    let file = std::io::BufReader::new(fs::File::open(picture).unwrap());
    let mut reader = png::Decoder::new(file).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut pixels).unwrap();
    pixels
}
