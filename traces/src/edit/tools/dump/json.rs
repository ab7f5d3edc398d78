//! Lines of JSON with the whole contents of a trace, from which [`crate::edit::tools::load`] makes the same trace.
//!
//! | line | meaning |
//! |---|---|
//! | `{"trace":1,"header":{…}}` | the first line |
//! | `{"payload":"DIGEST","bytes":"HEX"}` | a payload, before its first use |
//! | `{"session":1,"time":0,"start":true}` | a session begins; times are nanoseconds |
//! | `{"session":1,"time":9,"batch":0,"commands":2}` | a batch, by its sequence number; its commands follow |
//! | `{"number":7,"command":{"Submit":{…}}}` | a command, by its number in the trace |
//! | `{"number":7,"bytes":"HEX"}` | a command whose bytes differ from the encoding of its fields |
//! | `{"session":1,"time":9,"piece":{"start":0,"len":9000,"payload":"DIGEST"}}` | where bulk data is |
//! | `{"session":1,"time":9,"event":{"WorkDone":{…}}}` | an event; `"bytes":"HEX"` as for commands |
//! | `{"session":1,"time":9,"readback":{"request":1,"len":8,"digest":"…","pieces":[[8,"…"]]}}` | the result of a map |
//! | `{"session":1,"time":9,"end":"…"}`, `"stopped":"…"` | the end of a session, of the recording |
//! | `{"session":1,"time":9,"unknown":[["Buffer",3]]}` | contents that are not in the trace |
//! | `{"records":9,"all":2}` | the last line: how many records and commands there were |

use std::{collections::HashSet, io::Write};

use airlock_protocol::{Command, Event, codec};
use serde_json::{Value, json};

use super::Filter;
use crate::{
    edit::tools::{Error, commands},
    file::{
        format::{Body, Digest, Readback, Record},
        reader::TraceFile,
    },
    schema::node::{Node, to_hex},
};

/// Writes a trace. With a filter that leaves something out, the lines cannot be read back.
pub fn json(file: &TraceFile, filter: &Filter, out: &mut dyn Write) -> Result<(), Error> {
    let mut lines = Lines { file, filter, written: HashSet::new(), out };
    lines.line(&json!({ "trace": 1, "header": file.header() }))?;
    let (mut records, mut all) = (0_u64, 0_u64);
    for record in file.records_from(filter.first(file.index())) {
        let (before, record) = record?;
        if filter.past(before) {
            break;
        }
        records += 1;
        all += lines.record(before, &record)?;
    }
    if filter.is_whole() {
        lines.left_over()?;
        lines.line(&json!({ "records": records, "all": all }))?;
    }
    lines.out.flush().map_err(Error::Write)
}

struct Lines<'a> {
    file: &'a TraceFile,
    filter: &'a Filter,
    written: HashSet<Digest>,
    out: &'a mut dyn Write,
}

impl Lines<'_> {
    fn line(&mut self, value: &Value) -> Result<(), Error> {
        serde_json::to_writer(&mut *self.out, value).map_err(|error| Error::Write(error.into()))?;
        self.out.write_all(b"\n").map_err(Error::Write)
    }

    fn payload(&mut self, digest: Digest) -> Result<(), Error> {
        if !self.written.insert(digest) {
            return Ok(());
        }
        let bytes = self.file.payload(digest)?;
        self.line(&json!({ "payload": digest.to_string(), "bytes": to_hex(&bytes) }))
    }

    /// Payloads that no record names: of a readback that was never completed, for example.
    fn left_over(&mut self) -> Result<(), Error> {
        let payloads = &self.file.index().payloads;
        let mut rest: Vec<_> = payloads.iter().filter(|(digest, _)| !self.written.contains(digest)).collect();
        rest.sort_by_key(|(_, place)| (place.chunk, place.at));
        let rest: Vec<_> = rest.into_iter().map(|(&digest, _)| digest).collect();
        rest.into_iter().try_for_each(|digest| self.payload(digest))
    }

    /// Writes a record; returns the number of its commands.
    fn record(&mut self, before: u64, record: &Record) -> Result<u64, Error> {
        let (session, time) = (record.session, record.time);
        let (name, field, value) = match &record.body {
            Body::Batch(bytes) => return self.batch(before, record, bytes),
            Body::Event(bytes) => return self.event(before, record, bytes).map(|()| 0),
            Body::Session => ("Session", "start", Value::Bool(true)),
            Body::Piece(piece) => {
                let digest = piece.digest.to_string();
                ("Piece", "piece", json!({ "start": piece.start, "len": piece.len, "payload": digest }))
            }
            Body::Readback(readback) => ("Readback", "readback", readback_value(readback)),
            Body::End(reason) => ("End", "end", json!(reason)),
            Body::Stopped(reason) => ("Stopped", "stopped", json!(reason)),
            Body::Unknown(objects) => {
                ("Unknown", "unknown", objects.iter().map(|object| json!(object.describe())).collect())
            }
        };
        let wanted = self.filter.events || name != "Readback";
        if wanted && self.filter.between(session, before, name) {
            match &record.body {
                Body::Piece(piece) => self.payload(piece.digest)?,
                Body::Readback(readback) => readback.pieces.iter().try_for_each(|&(_, d)| self.payload(d))?,
                _ => {}
            }
            self.line(&json!({ "session": session, "time": time, field: value }))?;
        }
        Ok(0)
    }

    fn batch(&mut self, before: u64, record: &Record, bytes: &[u8]) -> Result<u64, Error> {
        let (file, filter) = (self.file, self.filter);
        let (session, time) = (record.session, record.time);
        let (mut count, mut begun) = (0, false);
        let begin = json!({
            "session": session, "time": time,
            "batch": codec::sequence(bytes), "commands": crate::file::reader::commands_of(bytes),
        });
        commands(file, before, record, |number, command, bytes| {
            count += 1;
            if !filter.command(session, number, command.name()) {
                return Ok(());
            }
            if !begun {
                self.line(&begin)?;
                begun = true;
            }
            self.command(number, command, bytes)
        })?;
        if count == 0 && filter.between(session, before, "Batch") {
            self.line(&begin)?;
        }
        Ok(count)
    }

    fn command(&mut self, number: u64, command: &Command<'_>, bytes: &[u8]) -> Result<(), Error> {
        let node = Node::of(command)?;
        // A command that would not be encoded the same (with a number in a longer form than needed) is kept as bytes.
        let mut again = Vec::new();
        let back = node.decode::<Command<'_>>().ok();
        if back.is_some_and(|command| codec::encode_command(&command, &mut again).is_ok()) && again == bytes {
            self.line(&json!({ "number": number, "command": node.to_json() }))
        } else {
            self.line(&json!({ "number": number, "bytes": to_hex(bytes) }))
        }
    }

    fn event(&mut self, before: u64, record: &Record, bytes: &[u8]) -> Result<(), Error> {
        let (session, time) = (record.session, record.time);
        let event = codec::decode_event(bytes).map_err(|cause| self.file.stream_error(record, before, cause))?;
        if !self.filter.events || !self.filter.between(session, before, event.name()) {
            return Ok(());
        }
        let node = Node::of(&event)?;
        let mut again = Vec::new();
        let back = node.decode::<Event<'_>>().ok();
        if back.is_some_and(|event| codec::encode_event(&event, &mut again).is_ok()) && again == bytes {
            self.line(&json!({ "session": session, "time": time, "event": node.to_json() }))
        } else {
            self.line(&json!({ "session": session, "time": time, "bytes": to_hex(bytes) }))
        }
    }
}

fn readback_value(readback: &Readback) -> Value {
    let pieces: Vec<_> = readback.pieces.iter().map(|(len, digest)| json!([len, digest.to_string()])).collect();
    json!({
        "request": readback.request.0,
        "len": readback.len,
        "digest": readback.digest.map(|digest| digest.to_string()),
        "pieces": pieces,
    })
}
