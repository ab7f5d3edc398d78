//! Merging of the reports of several shards.

use std::{
    collections::{BTreeMap, HashSet},
    path::PathBuf,
    time::Duration,
};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use super::{Shard, Status, Verdict};

/// Report of one shard. A run without `--shard` reports the bare list of verdicts.
#[derive(Clone, Debug, Serialize)]
pub struct Part<'a> {
    /// The part.
    pub shard: Shard,
    /// Its verdicts.
    pub verdicts: &'a [Verdict],
}

/// The common part of a reported verdict.
#[derive(Clone, Debug, Deserialize)]
struct Entry {
    file: PathBuf,
    status: Status,
    lines: Vec<String>,
    time: Duration,
}

/// A parsed report.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Reported {
    Part { shard: Shard, verdicts: Vec<Value> },
    Whole(Vec<Value>),
}

/// Merged reports.
#[derive(Clone, Debug, Default)]
pub struct Merged {
    /// The verdicts as reported, sorted by trace.
    pub full: Vec<Value>,
    /// The same, without the replays' own reports.
    pub verdicts: Vec<Verdict>,
    /// Shards without a report.
    pub missing: Vec<Shard>,
}

/// Errors of a merge.
#[derive(Debug, Error)]
pub enum MergeError {
    /// Not a report.
    #[error("{file} is no report of `airlock verify`: {cause}")]
    NoReport {
        /// The file.
        file: String,
        /// The cause.
        cause: serde_json::Error,
    },
    /// Two reports of the same shard.
    #[error("{file} is of part {shard}, and so is another one")]
    Twice {
        /// The later file.
        file: String,
        /// The part.
        shard: Shard,
    },
    /// Reports of runs with different numbers of shards.
    #[error("{file} is of part {shard}, and another one of {of} parts")]
    Parts {
        /// The later file.
        file: String,
        /// Its part.
        shard: Shard,
        /// The number of parts of the others.
        of: u32,
    },
    /// A trace with two verdicts.
    #[error("{file} has a verdict of {trace}, and so has another one")]
    Trace {
        /// The later file.
        file: String,
        /// The trace.
        trace: String,
    },
}

/// Merges reports, given as file names and contents.
pub fn merge(reports: &[(String, Vec<u8>)]) -> Result<Merged, MergeError> {
    let mut shards = HashSet::new();
    let mut of = None;
    let mut entries = BTreeMap::new();
    for (file, json) in reports {
        let file = || file.clone();
        let no_report = |cause| MergeError::NoReport { file: file(), cause };
        let (shard, verdicts) = match serde_json::from_slice(json).map_err(no_report)? {
            Reported::Part { shard, verdicts } => (Some(shard), verdicts),
            Reported::Whole(verdicts) => (None, verdicts),
        };
        if let Some(shard) = shard {
            let of = *of.get_or_insert(shard.of);
            if of != shard.of {
                return Err(MergeError::Parts { file: file(), shard, of });
            }
            if !shards.insert(shard.number) {
                return Err(MergeError::Twice { file: file(), shard });
            }
        }
        for full in verdicts {
            let entry = Entry::deserialize(&full).map_err(no_report)?;
            let name = entry.file.clone();
            if entries.insert(name.clone(), (entry, full)).is_some() {
                return Err(MergeError::Trace { file: file(), trace: name.display().to_string() });
            }
        }
    }
    let of = of.unwrap_or_default();
    let missing = (1..=of).filter(|number| !shards.contains(number)).map(|number| Shard { number, of }).collect();
    let mut merged = Merged { missing, ..Merged::default() };
    for (Entry { file, status, lines, time }, full) in entries.into_values() {
        merged.full.push(full);
        merged.verdicts.push(Verdict { file, status, lines, report: None, time });
    }
    Ok(merged)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(file: &str, status: Status) -> Verdict {
        Verdict { file: file.into(), status, lines: vec!["a line".to_owned()], report: None, time: Duration::ZERO }
    }

    fn part(number: u32, of: u32, files: &[&str]) -> (String, Vec<u8>) {
        let verdicts: Vec<_> = files.iter().map(|file| verdict(file, Status::Passed)).collect();
        let part = Part { shard: Shard { number, of }, verdicts: &verdicts };
        (format!("part-{number}.json"), serde_json::to_vec(&part).unwrap())
    }

    #[test]
    fn parts_become_a_whole_in_the_order_of_the_traces() {
        let merged = merge(&[part(2, 2, &["b", "d"]), part(1, 2, &["a", "c"])]).unwrap();
        let names: Vec<_> = merged.verdicts.iter().map(|verdict| verdict.file.to_str().unwrap()).collect();
        assert_eq!(names, ["a", "b", "c", "d"]);
        assert_eq!(merged.full[1]["lines"][0], "a line");
        assert!(merged.missing.is_empty());
    }

    #[test]
    fn what_is_missing_or_twice_is_told() {
        let merged = merge(&[part(1, 3, &["a"])]).unwrap();
        assert_eq!(merged.missing, [Shard { number: 2, of: 3 }, Shard { number: 3, of: 3 }]);
        assert!(matches!(merge(&[part(1, 2, &[]), part(1, 2, &[])]), Err(MergeError::Twice { .. })));
        assert!(matches!(merge(&[part(1, 2, &[]), part(2, 3, &[])]), Err(MergeError::Parts { .. })));
        assert!(matches!(merge(&[part(1, 2, &["a"]), part(2, 2, &["a"])]), Err(MergeError::Trace { .. })));
        let nonsense = ("x.json".to_owned(), b"{\"shard\":".to_vec());
        assert!(merge(&[nonsense]).unwrap_err().to_string().starts_with("x.json is no report of `airlock verify`"));
        // A run without parts is a whole of its own.
        let whole = ("w.json".to_owned(), serde_json::to_vec(&[verdict("a", Status::Failed)]).unwrap());
        assert_eq!(merge(&[whole]).unwrap().verdicts[0].status, Status::Failed);
    }
}
