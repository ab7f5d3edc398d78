//! Recordings of guests.
#![allow(clippy::expect_used)]

use std::path::Path;

use serde_json::Value;

use crate::programs::{airlock, run};

/// The commands of a recording in order, each as JSON.
#[track_caller]
pub fn commands(path: &Path) -> Vec<String> {
    let mut dump = airlock(["trace", "dump", "--json"]);
    dump.arg(path);
    let text = run(dump).succeeded().stdout;
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    lines.filter_map(|line| line.get("command").map(Value::to_string)).collect()
}
