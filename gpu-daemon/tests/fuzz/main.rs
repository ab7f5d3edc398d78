//! Regression run of the fuzzer's seeds and findings, and of variants with chunks changed, removed or doubled: a short
//! run of `fuzz/fuzz_targets/session.rs` without a fuzzer.
//!
//! `AIRLOCK_WRITE_SEEDS=1` regenerates the seeds from the golden traces first; findings stay.
#![cfg(target_os = "linux")]
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod exercise;
mod recorded;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Once,
};

use exercise::{chunks, generator::Random, session};

/// Variants per seed.
const VARIANTS: u64 = 3;

/// Folder of the seeds. They are regenerated once, before any is read.
fn folder() -> PathBuf {
    static WRITE: Once = Once::new();
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = here.join("fuzz/seeds/session");
    WRITE.call_once(|| {
        if std::env::var_os("AIRLOCK_WRITE_SEEDS").is_some() {
            fs::create_dir_all(&folder).unwrap();
            for (name, input) in recorded::seeds(&here.join("../traces/golden")) {
                fs::write(folder.join(name), input).unwrap();
            }
        }
    });
    folder
}

fn seeds() -> Vec<(String, Vec<u8>)> {
    let folder = folder();
    let files = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap());
    let mut seeds: Vec<_> =
        files.map(|file| (file.file_name().to_string_lossy().into_owned(), fs::read(file.path()).unwrap())).collect();
    seeds.sort();
    assert!(seeds.len() > 100, "{}", folder.display());
    seeds
}

/// Recorded commands have the same effect here.
#[test]
fn recorded_commands_are_executed() {
    let (mut commands, mut uncaptured) = (0, 0);
    for (name, input) in seeds().iter().filter(|(name, _)| name.starts_with("trace-")) {
        let outcome = session(input);
        let (_, chunks) = chunks::parse(input);
        assert_eq!(outcome.violation, None, "{name}");
        assert!(outcome.commands * 10 >= chunks.len() * 9, "{name}: {} of {}", outcome.commands, chunks.len());
        commands += chunks.len() as u64;
        uncaptured += outcome.answers.uncaptured;
    }
    // Some are recorded errors, and some lack objects that the seed omits.
    assert!(uncaptured * 4 < commands, "{uncaptured} errors in {commands} commands");
}

#[test]
fn variants_of_the_seeds_do_not_end_the_process() {
    for (number, (_, seed)) in seeds().iter().enumerate() {
        session(seed);
        let mut random = Random::new(number as u64 * 2 + 0x9e37_79b9);
        for _ in 0..VARIANTS {
            let (first, mut parts) = chunks::parse(seed);
            let fresh: Vec<[u8; 24]> = (0..8).map(|_| std::array::from_fn(|_| random.below(256) as u8)).collect();
            for body in &fresh {
                let place = random.below(parts.len() + 1);
                match random.below(4) {
                    0 if place < parts.len() => drop(parts.remove(place)),
                    1 if place < parts.len() => parts.insert(random.below(place + 1), parts[place]),
                    _ => {
                        let kind = random.below(256) as u8;
                        parts.insert(place, chunks::Chunk { poll: random.below(3) != 0, kind, body });
                    }
                }
            }
            let mut input = vec![first];
            parts.iter().for_each(|chunk| chunks::write(chunk, &mut input));
            session(&input);
        }
    }
}
