//! The consumer that records into a file.

use std::{
    fs::File,
    io,
    time::{Duration, Instant},
};

use crate::{
    edit::tools::output::Output,
    file::{
        format::{Body, Digest, Record},
        writer::TraceWriter,
    },
};

use super::{
    message::{Consumer, Durability, Message, Notice, Options, Said},
    readback::Readbacks,
};

/// Bytes that the index and the footer may take beyond the file's limit: an estimate per chunk and payload is in
/// [`FileConsumer::tail`].
const TAIL: u64 = 4 << 10;

pub(super) struct FileConsumer {
    /// `None` once the recording has stopped.
    writer: Option<TraceWriter<File>>,
    readbacks: Readbacks,
    /// Arrival of the oldest message that is not in the file.
    since: Option<Instant>,
    limit: Option<u64>,
    window: Duration,
    durability: Durability,
    path: String,
    notice: Notice,
    last: (u32, u64),
}

impl FileConsumer {
    /// Creates the file; `None` when it cannot be created.
    pub fn new(options: Options, mut notice: Notice) -> Option<Self> {
        let path = options.path.display().to_string();
        let writer = Output::in_place(&options.path).and_then(|file| TraceWriter::new(file, &options.header));
        match writer {
            Ok(writer) => Some(Self {
                writer: Some(writer),
                readbacks: Readbacks::new(options.readback_bytes),
                since: None,
                limit: options.limit,
                window: options.window,
                durability: options.durability,
                path,
                notice,
                last: (0, 0),
            }),
            Err(error) => {
                notice(&format!("cannot record to {path}: {error}; the run goes on without a trace"));
                None
            }
        }
    }

    /// Calls `act` with the writer; false when the recording has stopped.
    fn write(&mut self, act: impl FnOnce(&mut TraceWriter<File>, &mut Readbacks) -> io::Result<()>) -> bool {
        let Some(writer) = &mut self.writer else { return false };
        match act(writer, &mut self.readbacks) {
            Ok(()) => true,
            Err(error) => {
                self.fail(&error);
                false
            }
        }
    }

    fn fail(&mut self, error: &io::Error) {
        let Some(writer) = self.writer.take() else { return };
        // Where even this fails, the file ends in a chunk that readers recognise as cut.
        let _ = writer.abandon();
        (self.notice)(&format!(
            "the recording to {} stops: {error}; the trace is whole up to there, and the run goes on",
            self.path
        ));
    }

    /// Ends the trace where the next bytes would exceed the limit; false when it was ended.
    fn within_limit(&mut self, weight: usize) -> bool {
        let (Some(writer), Some(limit)) = (&mut self.writer, self.limit) else { return true };
        // Pending data counts as incompressible, so that the limit holds in any case.
        let waiting = |writer: &TraceWriter<File>| writer.len() + writer.tail() + TAIL + writer.pending() as u64;
        let weight = (weight + self.readbacks.buffered()) as u64;
        if waiting(writer) + weight <= limit {
            return true;
        }
        if let Err(error) = writer.flush() {
            self.fail(&error);
            return false;
        }
        if waiting(writer) + weight <= limit {
            return true;
        }
        let (session, time) = self.last;
        let reason = format!("the limit of {limit} bytes is reached");
        if let Some(mut writer) = self.writer.take() {
            let body = Body::Stopped(reason.clone());
            let closed = writer.record(Record { session, time, body }).and_then(|()| writer.finish().map(|_| ()));
            if let Err(error) = closed {
                tracing::warn!("the trace {} could not be closed: {error}", self.path);
            }
        }
        (self.notice)(&format!("the recording to {} stops: {reason}; the run goes on", self.path));
        false
    }
}

impl Consumer for FileConsumer {
    fn message(&mut self, message: Message) -> bool {
        if !self.within_limit(message.what.weight() + 128) {
            return false;
        }
        self.since.get_or_insert_with(Instant::now);
        let Message { session, time, what } = message;
        self.last = (session, time);
        self.write(|writer, readbacks| match what {
            Said::Piece { start, bytes } => writer.piece(session, time, start, &bytes),
            Said::MapData { request, bytes } => {
                let mut store = |digest: Digest, bytes: &[u8]| writer.payload(digest, bytes);
                readbacks.add(session, request, &bytes, &mut store)
            }
            // All of it is in the file.
            Said::Snapshot => Ok(()),
            Said::Body(body) => {
                if let Body::Event(bytes) = &body {
                    let mut store = |digest: Digest, bytes: &[u8]| writer.payload(digest, bytes);
                    if let Some(readback) = readbacks.complete(session, bytes, &mut store)? {
                        writer.record(Record { session, time, body: Body::Readback(readback) })?;
                    }
                }
                if let Body::End(_) = &body {
                    readbacks.end(session);
                }
                writer.record(Record { session, time, body })
            }
        })
    }

    fn settle(&mut self, everything: bool) -> bool {
        let due = self.since.is_some_and(|since| since.elapsed() >= self.window / 2);
        if !due && !everything {
            return true;
        }
        self.since = None;
        let disk = self.durability == Durability::Disk;
        self.write(|writer, _| if disk { writer.sync() } else { writer.flush() })
    }

    fn finish(mut self: Box<Self>) {
        if let Some(writer) = self.writer.take()
            && let Err(error) = writer.finish()
        {
            (self.notice)(&format!(
                "the recording to {} could not be closed: {error}; the trace is whole all the same",
                self.path
            ));
        }
    }
}
