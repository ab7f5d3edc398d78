//! Hashes the definitions of the stream into `AIRLOCK_SCHEMA_HASH`, so that a host and a daemon of different builds find
//! out before they misread each other. Comments, white space and the bounds of lists do not count.

use std::{fs, io, path::PathBuf};

/// FNV-1a, 64 bits: the hash tells builds apart, it is no defence.
fn fnv(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Attributes that change no byte of the stream: how a list is bounded while it is read, and whether bytes are written at
/// once.
const NO_BYTES: [&str; 2] = ["#[serde(deserialize_with", "#[serde(serialize_with"];

fn main() -> io::Result<()> {
    let mut files: Vec<PathBuf> = ["src/ids.rs", "src/payload.rs", "src/events.rs"].map(PathBuf::from).into();
    for entry in fs::read_dir("src/commands")? {
        files.push(entry?.path());
    }
    files.sort();
    let mut text = String::new();
    for file in &files {
        println!("cargo::rerun-if-changed={}", file.display());
        for line in fs::read_to_string(file)?.lines() {
            let code = line.split("//").next().unwrap_or_default();
            if NO_BYTES.iter().any(|attribute| code.trim_start().starts_with(attribute)) {
                continue;
            }
            text.extend(code.chars().filter(|c| !c.is_whitespace()));
        }
    }
    println!("cargo::rerun-if-changed=src/commands");
    println!("cargo::rustc-env=AIRLOCK_SCHEMA_HASH={:016x}", fnv(text.bytes()));
    Ok(())
}
