//! Exercises all tools on arbitrary bytes. The fuzzer calls the same.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::{io, sync::Arc};

use airlock_traces::{
    Trace, TraceFile,
    format::Record,
    reader::Source,
    tools::{
        check::check,
        diff,
        dump::{self, Filter},
        info::Info,
        recover::recover,
        redact::{Keep, redact},
    },
};

/// Runs all tools. Returns the records up to the first invalid one; `None` where the bytes are not a trace at all.
/// Errors must be one line.
pub fn exercise(bytes: &[u8]) -> Option<Vec<Record>> {
    let source: Arc<dyn Source> = Arc::new(bytes.to_vec());
    let checked = check(&source, |_| {});
    let file = match TraceFile::from_bytes(bytes.to_vec()) {
        Ok(file) => Arc::new(file),
        Err(error) => {
            plain(&error.to_string());
            assert_eq!(checked.unwrap_err().to_string(), error.to_string());
            return None;
        }
    };
    let checked = checked.unwrap();
    checked.problems.iter().chain(&checked.warnings).for_each(|problem| plain(problem));

    let mut records = Vec::new();
    for record in file.records() {
        match record {
            Ok(record) => records.push(record),
            Err(error) => plain(&error.to_string()),
        }
    }
    for entry in file.entries() {
        told(entry);
    }
    for &digest in file.index().payloads.keys() {
        told(file.payload(digest));
    }
    told(Trace::load(&file).and_then(|trace| trace.write(Vec::new())));
    let _ = Info::of(&file);
    told(dump::text(&file, &Filter::default(), true, &mut io::sink()));
    told(dump::text(&file, &Filter { range: 3..9, ..Filter::default() }, false, &mut io::sink()));
    told(dump::json(&file, &Filter::default(), &mut io::sink()));
    told(dump::markers(&file, &Filter::default(), &mut io::sink()));
    told(redact(&file, Keep::default(), Vec::new()));
    // A trace compared with itself has no difference.
    if let Some(summary) = told(diff::diff(&file, &file, 1, true, &mut |_| Ok(()))) {
        assert!(summary.is_same(), "{summary:?}");
    }
    if let Some((saved, report)) = told(recover(&file, Vec::new())) {
        let saved = TraceFile::from_bytes(saved).unwrap();
        assert!(saved.is_closed());
        assert_eq!(saved.records().map(Result::unwrap).count() as u64, report.records);
    }
    Some(records)
}

fn told<T, E: ToString>(result: Result<T, E>) -> Option<T> {
    result.inspect_err(|error| plain(&error.to_string())).ok()
}

/// Checks that an error is short.
fn plain(error: &str) {
    assert!(!error.is_empty() && error.len() < 4096, "{error}");
}
