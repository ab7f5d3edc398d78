//! The tools that need no GPU, on a handmade trace: their results, and their errors.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::{fs, io::Cursor, path::Path, sync::Arc, time::Instant};

use airlock_protocol::{Command, Payload, codec, commands::session::DropObject, ids::*};
use airlock_traces::{
    Trace, TraceFile, TraceWriter,
    cli::trace,
    format::{Body, Digest, Piece, Record},
    node::Node,
    reader::Source,
    tools::{
        check::{Check, check},
        diff::{self, DEADLINE, Row, Summary},
        dump::{self, Filter},
        extract::{self, Wanted},
        info::Info,
        load::{LoadError, load},
        output::Budget,
        recover::recover,
        redact::{Keep, redact},
    },
    trace::{Entry, What},
};
use clap::Parser;

use common::*;

const NOTHING: [&str; 0] = [];

fn json(file: &TraceFile) -> String {
    let mut out = Vec::new();
    dump::json(file, &Filter::default(), &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn text(file: &TraceFile, filter: &Filter) -> String {
    let mut out = Vec::new();
    dump::text(file, filter, false, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn records(file: &TraceFile) -> Vec<Record> {
    file.records().collect::<Result<_, _>>().unwrap()
}

fn checked(bytes: &[u8]) -> Check {
    let source: Arc<dyn Source> = Arc::new(bytes.to_vec());
    check(&source, |_| {}).unwrap()
}

fn compared(a: &[u8], b: &[u8]) -> (Summary, Vec<Row>) {
    let mut rows = Vec::new();
    let (a, b) = (Arc::new(open(a)), Arc::new(open(b)));
    let summary = diff::diff(&a, &b, 0, false, &mut |row| {
        rows.push(row);
        Ok(())
    });
    rows.retain(|row| !matches!(row, Row::Place { .. }));
    (summary.unwrap(), rows)
}

/// The sample with changed entries.
fn changed(change: impl FnOnce(&mut Vec<Entry>)) -> Vec<u8> {
    let mut trace = Trace::load(&Arc::new(open(&sample()))).unwrap();
    change(&mut trace.entries);
    trace.write(Vec::new()).unwrap()
}

fn rewritten(entry: &mut Entry, change: impl FnOnce(&mut Command<'_>)) {
    let What::Command(bytes) = &entry.what else { panic!("no command") };
    let mut command = codec::decode_command(bytes).unwrap();
    change(&mut command);
    let mut encoded = Vec::new();
    codec::encode_command(&command, &mut encoded).unwrap();
    entry.what = What::Command(encoded.into());
}

/// Changes every number of a request, and every id of a buffer.
fn shift(node: &mut Node) {
    node.walk_mut("", &mut |_, node| {
        if let Node::Id("BufferId" | "RequestId", number) = node {
            *number += 1;
        }
    });
}

fn shifted(entry: &mut Entry) {
    match &mut entry.what {
        What::Command(bytes) => {
            let mut node = Node::of(&codec::decode_command(bytes).unwrap()).unwrap();
            shift(&mut node);
            let mut encoded = Vec::new();
            codec::encode_command(&node.decode().unwrap(), &mut encoded).unwrap();
            *bytes = encoded.into();
        }
        What::Event(bytes) => {
            let mut node = Node::of(&codec::decode_event(bytes).unwrap()).unwrap();
            shift(&mut node);
            let mut encoded = Vec::new();
            codec::encode_event(&node.decode().unwrap(), &mut encoded).unwrap();
            *bytes = encoded.into();
        }
        What::Readback(readback) => readback.request.0 += 1,
        _ => {}
    }
}

/// The place of the first command with a name.
fn place(entries: &[Entry], name: &str) -> usize {
    entries.iter().position(|entry| entry.command().is_some_and(|command| command.unwrap().name() == name)).unwrap()
}

fn without(name: &str) -> Vec<u8> {
    changed(|entries| drop(entries.remove(place(entries, name))))
}

#[test]
fn a_dump_is_loaded_as_the_same_trace() {
    let file = open(&sample());
    let (loaded, commands) = load(Cursor::new(json(&file)), Vec::new()).unwrap();
    let loaded = open(&loaded);
    assert_eq!(commands, file.index().totals.commands);
    assert_eq!(records(&loaded), records(&file));
    assert_eq!(loaded.header(), file.header());
    assert_eq!(loaded.devices(), file.devices());
    assert_eq!(loaded.index().totals, file.index().totals);
    assert_eq!(loaded.index().payloads.len(), file.index().payloads.len());
    for &digest in file.index().payloads.keys() {
        assert_eq!(loaded.payload(digest).unwrap(), file.payload(digest).unwrap());
    }
}

#[test]
fn a_load_refuses_every_dump_that_is_not_whole() {
    let dump = json(&open(&sample()));
    let lines: Vec<_> = dump.lines().collect();
    let refused = |lines: &[&str]| match load(Cursor::new(lines.join("\n")), Vec::new()) {
        Err(LoadError::Line { line, what }) => (line, what),
        other => panic!("{other:?}"),
    };
    for left_out in 0..lines.len() {
        let mut rest = lines.clone();
        rest.remove(left_out);
        refused(&rest);
        refused(&lines[..left_out]);
    }
    let with = |place: usize, line: &str| {
        let mut changed = lines.clone();
        changed[place] = line;
        refused(&changed)
    };
    let (line, what) = with(2, "{\"session\":1");
    assert_eq!((line, what.contains("EOF")), (3, true), "{what}");
    assert_eq!(with(0, "{\"trace\":2}").1, "the dump is of version 2, this program reads version 1");
    let command = lines.iter().position(|line| line.contains("CreateBuffer")).unwrap();
    let (line, what) = with(command, &lines[command].replace("CreateBuffer", "CreateBuffers"));
    assert_eq!((line as usize, what.contains("CreateBuffers")), (command + 1, true), "{what}");
    let payload = lines.iter().position(|line| line.contains("\"payload\":") && line.contains("\"bytes\"")).unwrap();
    assert!(with(payload, &lines[payload].replace("\"bytes\":\"", "\"bytes\":\"00")).1.contains("have the digest"));
    let mut more = lines.clone();
    more.push("{}");
    assert_eq!(refused(&more).1, "nothing may follow the last line");
}

#[test]
fn bytes_that_no_writer_makes_are_dumped_and_loaded_too() {
    let mut bytes = Vec::new();
    codec::encode_command(&DropObject { object: Object::Buffer(BufferId(3)) }.into(), &mut bytes).unwrap();
    // The same number in three bytes where one is enough.
    assert_eq!(bytes.pop(), Some(3));
    bytes.extend([251, 3, 0]);
    let mut writer = TraceWriter::new(Vec::new(), &header()).unwrap();
    writer.session(1, 0).unwrap();
    let mut batch = vec![0; 16];
    batch[8] = u8::try_from(bytes.len()).unwrap();
    batch[12] = 1;
    batch.extend(bytes);
    writer.record(Record { session: 1, time: 1, body: Body::Batch(batch) }).unwrap();
    let file = open(&writer.finish().unwrap());
    let (loaded, _) = load(Cursor::new(json(&file)), Vec::new()).unwrap();
    assert_eq!(records(&open(&loaded)), records(&file));
}

#[test]
fn a_dump_has_a_line_for_everything() {
    let file = open(&sample());
    let all = text(&file, &Filter::default());
    let lines: Vec<_> = all.lines().collect();
    assert_eq!(lines[0], "-- session 1 begins");
    let digest = Digest::of(&data()).to_string();
    for line in [
        "      <- AdapterReply request=0 result=Ok({info=",
        "2 CreateBuffer device=0 buffer=0 label=\"positions\" size=65536 usage=COPY_SRC|COPY_DST mapped_at_creation=false",
        &format!(
            "4 WriteBuffer device=0 buffer=0 offset=0 data=Shared{{start=0,len=20000}}  ; Buffer 0 \"positions\", 20000 \
             bytes {}",
            &digest[..16]
        ),
        "      <- Mapped request=2 result=Ok(())",
        "      <- Uncaptured device=0 error={kind=Validation,message=\"a wrong size\"}",
        "-- session 1 ends: \"closed\"",
    ] {
        assert!(lines.iter().any(|found| found.starts_with(line)), "{line} is not in\n{all}");
    }
    let part = text(&file, &Filter { range: 4..6, ..Filter::default() });
    assert!(all.contains(part.strip_prefix("-- session 1\n").unwrap()), "{part}");
    assert_eq!(part.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_digit())).count(), 2, "{part}");
    let only = text(&file, &Filter { only: vec!["Create*".to_owned(), "Mapped".to_owned()], ..Filter::default() });
    assert!(only.lines().all(|line| line.contains(" Create") || line.contains("Mapped") || line.starts_with("--")));
    assert!(only.contains("Mapped") && only.contains("CreateShaderModule"), "{only}");
    let quiet = text(&file, &Filter { events: false, ..Filter::default() });
    assert!(!quiet.contains("<-"), "{quiet}");
    assert_eq!(text(&file, &Filter { session: Some(2), ..Filter::default() }), "");
    let mut markers = Vec::new();
    dump::markers(&file, &Filter::default(), &mut markers).unwrap();
    let markers = String::from_utf8(markers).unwrap();
    assert!(markers.contains("2 Label Buffer 0 \"positions\"\n"), "{markers}");
    assert!(markers.contains(" Submit\n") && markers.contains(" Group \"frame\"\n"), "{markers}");
}

#[test]
fn a_range_far_into_a_trace_shows_its_data_and_labels() {
    let file = open(&long(20_000));
    assert!(file.index().chunks.iter().filter(|chunk| chunk.kind == 4).count() > 3);
    let all = text(&file, &Filter::default());
    let part = text(&file, &Filter { range: 19_000..19_500, ..Filter::default() });
    assert!(all.contains(part.strip_prefix("-- session 1\n").unwrap()), "{part}");
    assert_eq!(part.lines().count(), 501);
}

#[test]
fn traces_are_the_same_but_for_what_differs() {
    let sample = sample();
    assert!(compared(&sample, &sample).0.is_same());
    // One more buffer at the start shifts the ids and the requests of all later commands.
    let inserted = changed(|entries| {
        let at = place(entries, "CreateBuffer");
        let mut extra = entries[at].clone();
        rewritten(&mut extra, |command| {
            let Command::CreateBuffer(create) = command else { panic!() };
            create.label = "extra";
        });
        entries[at..].iter_mut().for_each(shifted);
        entries.insert(at, extra);
    });
    let (summary, rows) = compared(&sample, &inserted);
    let [Row::Added { b: Some(2), text }] = rows.as_slice() else { panic!("{summary:?} {rows:?}") };
    assert!(text.starts_with("CreateBuffer device=0 buffer=0 label=\"extra\""), "{text}");
    let [Row::Removed { a: Some(2), .. }] = compared(&inserted, &sample).1.as_slice() else { panic!() };
}

#[test]
fn a_changed_object_is_one_difference_and_a_wrong_one_too() {
    let sample = sample();
    let larger = changed(|entries| {
        let at = place(entries, "CreateBuffer");
        rewritten(&mut entries[at], |command| {
            let Command::CreateBuffer(create) = command else { panic!() };
            create.size += 4;
        });
    });
    let (_, rows) = compared(&sample, &larger);
    let [Row::Changed { a: Some(2), b: Some(2), fields, .. }] = rows.as_slice() else { panic!("{rows:?}") };
    let [change] = fields.as_slice() else { panic!("{fields:?}") };
    let told = (change.field.as_str(), change.old.as_deref(), change.new.as_deref());
    assert_eq!(told, ("size", Some("65536"), Some("65540")));
    // Two equal buffers, and a command that names the other one.
    let other = changed(|entries| {
        let at = place(entries, "ClearBuffer");
        rewritten(&mut entries[at], |command| {
            let Command::ClearBuffer(clear) = command else { panic!() };
            clear.buffer = BufferId(2);
        });
    });
    let (_, rows) = compared(&sample, &other);
    let [Row::Changed { text, fields, .. }] = rows.as_slice() else { panic!("{rows:?}") };
    assert!(text.starts_with("ClearBuffer") && fields.len() == 1 && fields[0].field == "buffer", "{rows:?}");
}

#[test]
fn data_answers_and_errors_are_compared() {
    let sample = sample();
    let bytes = changed(|entries| {
        let at = place(entries, "WriteBuffer");
        let mut other = data();
        other[7] ^= 1;
        rewritten(&mut entries[at], |command| *command.payload_mut().unwrap() = Payload::Inline(Vec::leak(other)));
    });
    let (_, rows) = compared(&sample, &bytes);
    let [Row::Changed { fields, .. }] = rows.as_slice() else { panic!("{rows:?}") };
    let [change] = fields.as_slice() else { panic!("{fields:?}") };
    let told = (change.field.as_str(), change.old.as_deref(), change.new.as_deref());
    assert_eq!(told, ("data", Some("byte 7 is 0x07"), Some("0x06, 1 bytes differ")));

    let readback = changed(|entries| {
        for entry in entries {
            if let What::Readback(readback) = &mut entry.what {
                (readback.digest, readback.pieces) = (Some(Digest::of(b"other")), Vec::new());
            }
        }
    });
    let (_, rows) = compared(&sample, &readback);
    let [Row::Changed { text, fields, .. }] = rows.as_slice() else { panic!("{rows:?}") };
    assert!(text.starts_with("MapBuffer") && fields[0].field == "readback", "{rows:?}");

    let silent = changed(|entries| {
        entries.retain(|entry| match &entry.what {
            What::Event(bytes) => codec::decode_event(bytes).unwrap().name() != "Uncaptured",
            _ => true,
        });
    });
    let (_, rows) = compared(&sample, &silent);
    let [Row::Removed { text, .. }] = rows.as_slice() else { panic!("{rows:?}") };
    assert!(text.contains("a wrong size"), "{text}");
}

#[test]
fn long_traces_are_compared_in_time() {
    let (a, b) = (long(30_000), long(29_000));
    let start = Instant::now();
    let (summary, _) = compared(&a, &b);
    assert_eq!((summary.removed, summary.added, summary.changed), (1_000, 0, 0));
    // Far more than the diff takes: a slow one is stopped by its own deadline.
    assert!(start.elapsed() < DEADLINE);
}

#[test]
fn a_check_finds_what_is_wrong() {
    let fine = checked(&sample());
    assert_eq!(fine.problems, NOTHING);
    assert_eq!(fine.warnings, NOTHING);
    let found = |bytes: &[u8], what: &str| {
        let check = checked(bytes);
        assert!(check.problems.iter().any(|problem| problem.contains(what)), "{what} is not in {:?}", check.problems);
    };
    let twice = changed(|entries| {
        let at = place(entries, "CreateBuffer");
        let again = entries[at].clone();
        entries.insert(at, again);
    });
    found(&without("CreateBuffer"), "(WriteBuffer) uses Buffer 0, which is not there");
    found(&twice, "command 3 (CreateBuffer) makes Buffer 0, which is there already");
    found(&without("MapBuffer"), "Mapped replies to request 2, which no command made");
    found(&without("Stage"), "(WriteMapped) takes 12 staged bytes, and 6 were staged");

    // A payload under another's digest, and missing data.
    let mut writer = TraceWriter::new(Vec::new(), &header()).unwrap();
    writer.session(1, 0).unwrap();
    let digest = Digest::of(b"right");
    writer.payload(digest, b"wrong").unwrap();
    let piece = Piece { start: 0, len: 5, digest: Digest::of(b"missing") };
    writer.record(Record { session: 1, time: 0, body: Body::Piece(piece) }).unwrap();
    let bytes = writer.finish().unwrap();
    found(&bytes, &format!("payload {digest} is damaged"));
    found(&bytes, &format!("payload {} is not in the trace", Digest::of(b"missing")));
}

#[test]
fn a_check_finds_damage_and_tells_an_open_end() {
    let whole = sample();
    let file = open(&whole);
    let stream = file.index().chunks.iter().find(|chunk| chunk.kind == 4).unwrap();
    let mut flipped = whole.clone();
    flipped[usize::try_from(stream.offset).unwrap() + 40] ^= 1;
    let damaged = checked(&flipped);
    assert!(damaged.problems.iter().any(|problem| problem.contains("checksum does not fit")), "{damaged:?}");
    let last = file.index().chunks.last().unwrap();
    let end = usize::try_from(last.offset + 28 + u64::from(last.stored)).unwrap();
    let unclosed = checked(&whole[..end]);
    assert_eq!((unclosed.found, unclosed.warnings.len()), (0, 1), "{unclosed:?}");
    let cut = checked(&whole[..end - 1]);
    assert!(cut.problems.iter().any(|problem| problem.contains("it is cut")), "{cut:?}");
}

#[test]
fn a_device_that_was_refused_leaves_its_id_free() {
    assert_eq!(checked(&refused_device()).problems, NOTHING);
}

#[test]
fn what_is_whole_is_recovered() {
    let whole = sample();
    let (same, report) = recover(&open(&whole), Vec::new()).unwrap();
    assert!(report.whole, "{report:?}");
    assert_eq!(records(&open(&same)), records(&open(&whole)));
    assert_eq!(open(&same).header().history.len(), 1);

    let long = long(20_000);
    let (cut, report) = recover(&open(&long[..long.len() / 2]), Vec::new()).unwrap();
    assert!(!report.whole && report.commands > 1_000 && report.commands < 19_000, "{report:?}");
    assert_eq!(report.damaged_at.unwrap() + report.lost_bytes, (long.len() / 2) as u64);
    assert!(open(&cut).is_closed());
    assert_eq!(checked(&cut).problems, NOTHING);
}

#[test]
fn data_without_its_command_is_left_out() {
    let mut writer = TraceWriter::new(Vec::new(), &header()).unwrap();
    writer.session(1, 0).unwrap();
    writer.piece(1, 5, 0, &data()).unwrap();
    let bytes = writer.finish().unwrap();
    let (recovered, report) = recover(&open(&bytes), Vec::new()).unwrap();
    assert_eq!((report.dropped_pieces, report.records), (1, 1));
    assert!(open(&recovered).index().payloads.is_empty());
}

#[test]
fn a_redacted_trace_tells_nothing() {
    let secrets = ["positions", "frame", "a wrong size", "secret comment", "3.14159", "guest.wasm"];
    let bytes = sample();
    let before = json(&open(&bytes));
    secrets.iter().for_each(|secret| assert!(before.contains(secret), "{secret}"));
    let (redacted, report) = redact(&open(&bytes), Keep::default(), Vec::new()).unwrap();
    let file = open(&redacted);
    let after = json(&file);
    secrets.iter().for_each(|secret| assert!(!after.contains(secret), "{secret}"));
    assert!(after.contains("1.00000") && after.contains("label-1"), "{after}");
    assert!(report.identifiers.contains("main"), "{report:?}");
    assert_eq!((report.shaders, report.comments, report.readbacks), (1, 1, 1), "{report:?}");
    assert_eq!(checked(&redacted).problems, NOTHING);
    assert_eq!(file.index().totals.commands, open(&bytes).index().totals.commands);
    for record in records(&file) {
        assert_eq!(record.time, 0);
    }
    for &digest in file.index().payloads.keys() {
        assert!(file.payload(digest).unwrap().iter().all(|&byte| byte == 0));
    }
    file.entries().map(Result::unwrap).for_each(|entry| {
        if let Some(Ok(command)) = entry.command()
            && let Some(Payload::Inline(bytes)) = command.payload()
        {
            assert!(bytes.iter().all(|&byte| byte == 0));
        }
    });
    let keep = Keep { shaders: true, labels: true, payloads: true };
    let (kept, _) = redact(&open(&bytes), keep, Vec::new()).unwrap();
    assert!(json(&open(&kept)).contains("secret comment"));
    assert_eq!(open(&kept).index().payloads.len(), open(&bytes).index().payloads.len());
}

#[test]
fn files_are_extracted_once_and_stay_in_their_folder() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let (list, full) =
        extract::extract(&open(&sample()), &out, Wanted { shaders: true, payloads: true }, Budget::of(0)).unwrap();
    assert!(!full);
    let names: Vec<_> = list.iter().map(|file| file.file.as_str()).collect();
    assert_eq!(names[1], "001-shader-with-a-name.wgsl");
    assert_eq!(fs::read(out.join(names[0])).unwrap(), data());
    assert!(list.iter().any(|file| file.kind == "readback" && file.object.as_deref() == Some("Buffer 1")), "{list:?}");
    assert_eq!(fs::read_dir(&out).unwrap().count(), list.len());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

/// A compressed file may hold a thousand times its length: the bytes that become files are bounded.
#[test]
fn what_is_extracted_is_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let wanted = Wanted { shaders: true, payloads: true };
    let all = extract::extract(&open(&sample()), &folder.path().join("all"), wanted, Budget::of(0)).unwrap().0;
    let bytes: u64 = all.iter().map(|file| file.len).sum();
    let (some, full) =
        extract::extract(&open(&sample()), &folder.path().join("some"), wanted, Budget::new(bytes - 1)).unwrap();
    assert!(full && some.len() < all.len());
    let written: u64 =
        fs::read_dir(folder.path().join("some")).unwrap().map(|file| file.unwrap().metadata().unwrap().len()).sum();
    assert!(written < bytes, "{written}");
    assert!(!extract::extract(&open(&sample()), &folder.path().join("just"), wanted, Budget::new(bytes)).unwrap().1);
}

#[test]
fn info_needs_no_stream() {
    let info = Info::of(&open(&sample()));
    assert!(info.closed && info.damage.is_none());
    assert_eq!(info.header.component.as_ref().unwrap().name, "guest.wasm");
    assert_eq!((info.totals.sessions, info.totals.uncaptured, info.totals.readbacks), (1, 1, 1));
    assert_eq!(info.devices.len(), 1);
    assert_eq!((info.ends[0].session, info.ends[0].reason.as_str()), (1, "closed"));
    assert!(info.totals.by_name.is_sorted_by_key(|(_, count)| std::cmp::Reverse(*count)));
    let bytes = sample();
    let info = Info::of(&open(&bytes[..bytes.len() - 10]));
    assert!(!info.closed && info.damage.is_some());
}

#[derive(Parser)]
struct Tool {
    #[command(subcommand)]
    command: trace::Command,
}

fn run(arguments: &[&Path]) -> Result<u8, String> {
    let arguments = [Path::new("airlock")].into_iter().chain(arguments.iter().copied());
    let tool = Tool::try_parse_from(arguments.map(Path::as_os_str)).map_err(|error| error.to_string())?;
    trace::run(tool.command).map_err(|error| error.to_string())
}

#[test]
fn commands_give_their_exit_codes() {
    let folder = tempfile::tempdir().unwrap();
    let [a, b, cut, foreign, dump, out] =
        ["a", "b", "cut", "foreign", "dump", "out"].map(|name| folder.path().join(name));
    let [a, b, cut, foreign, dump, out] = [&a, &b, &cut, &foreign, &dump, &out].map(|path| path.as_path());
    fs::write(a, sample()).unwrap();
    fs::write(b, without("CreateSampler")).unwrap();
    fs::write(cut, &sample()[..sample().len() / 2]).unwrap();
    fs::write(foreign, b"\x7fELF").unwrap();
    fs::write(dump, json(&open(&sample()))).unwrap();
    let word = |word: &'static str| Path::new(word);
    for (arguments, code) in [
        (vec![word("info"), a], 0),
        (vec![word("info"), word("--json"), cut], 0),
        (vec![word("dump"), a], 0),
        (vec![word("diff"), a, a], 0),
        (vec![word("diff"), a, b], 1),
        (vec![word("diff"), word("--json"), a, b], 1),
        (vec![word("verify"), a], 0),
        (vec![word("verify"), a, cut], 1),
        (vec![word("recover"), cut, word("-o"), out], 0),
        (vec![word("verify"), out], 0),
        (vec![word("load"), dump, word("-o"), out], 0),
        (vec![word("diff"), a, out], 0),
        (vec![word("redact"), a, word("-o"), out, word("--keep"), word("labels,shaders")], 0),
    ] {
        assert_eq!(run(&arguments), Ok(code), "{arguments:?}");
    }
    let (nothing, nowhere) = (folder.path().join("nothing"), folder.path().join("no/such/folder"));
    for arguments in [
        vec![word("info"), foreign],
        vec![word("verify"), foreign],
        vec![word("load"), a, word("-o"), out],
        vec![word("dump"), a, word("--range"), word("9..3")],
        vec![word("recover"), &nothing, word("-o"), out],
        vec![word("recover"), a, word("-o"), &nowhere],
    ] {
        assert!(!run(&arguments).unwrap_err().is_empty(), "{arguments:?}");
    }
    // A failed extraction leaves no partial file.
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 6);
}

/// An untrusted folder of traces: a link back to itself, a link out of it, a pipe of a trace's name.
#[test]
#[cfg(unix)]
fn a_folder_of_traces_is_walked_once_and_pipes_are_not_waited_for() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("inner");
    fs::create_dir(&inner).unwrap();
    fs::write(inner.join("one.airtrace"), sample()).unwrap();
    symlink(".", folder.path().join("again")).unwrap();
    symlink("..", inner.join("up")).unwrap();
    symlink("/dev/zero", inner.join("endless.airtrace")).unwrap();
    let pipe = inner.join("pipe.airtrace");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let found = airlock_traces::harness::find(folder.path()).unwrap();
    assert_eq!(found, [inner.join("one.airtrace")]);
    let start = Instant::now();
    let error = TraceFile::open(&pipe).unwrap_err().to_string();
    assert!(error.contains("no regular file") && start.elapsed() < std::time::Duration::from_secs(30), "{error}");
    assert!(TraceFile::open(Path::new("/dev/zero")).unwrap_err().to_string().contains("no regular file"));
}
