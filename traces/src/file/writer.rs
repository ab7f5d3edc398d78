//! Writes a trace, chunk by chunk. The caller decides when a chunk is written; nothing here has a thread or a clock.

use std::{
    fs::File,
    io::{self, Seek, SeekFrom, Write},
};

use airlock_protocol::{Event, commands::adapter::Capabilities};

use crate::file::{
    format::{
        Body, CHUNK_HEADER, ChunkHeader, ChunkKind, Digest, MAX_CHUNK, PAYLOAD_HEADER, PREAMBLE, Piece, Record,
        preamble, write_payload, write_record,
    },
    header::{DeviceRecord, Header},
    index::{ChunkEntry, Index, MAX_CHUNKS, MAX_PAYLOADS, Place},
    processor::Processor,
    survey::Survey,
};

/// Size in bytes at which a chunk is written. Larger chunks compress better, smaller ones allow faster access.
pub const CHUNK_TARGET: usize = 256 << 10;

/// Devices whose capabilities are written.
const MAX_DEVICES: usize = 64;

/// zstd's level for chunks. 1 costs the least time; the stream's regularity leaves little for higher ones.
const LEVEL: i32 = 1;

/// The destination of a trace.
pub trait Sink: Write {
    /// Truncates to this length and continues there.
    fn cut(&mut self, len: u64) -> io::Result<()>;
    /// Makes the written bytes durable.
    fn sync(&mut self) -> io::Result<()>;
}

impl Sink for File {
    fn cut(&mut self, len: u64) -> io::Result<()> {
        self.set_len(len)?;
        self.seek(SeekFrom::Start(len)).map(|_| ())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}

impl Sink for Vec<u8> {
    fn cut(&mut self, len: u64) -> io::Result<()> {
        self.truncate(usize::try_from(len).unwrap_or(usize::MAX));
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes one trace to a sink.
#[derive(Debug)]
pub struct TraceWriter<S: Sink> {
    sink: S,
    /// Bytes of the preamble and of whole chunks in the file.
    len: u64,
    stream: Vec<u8>,
    payloads: Vec<u8>,
    /// Number of commands before the pending stream.
    first_command: u64,
    index: Index,
    survey: Survey,
    devices: usize,
    /// The processor that software adapters compiled for.
    processor: Option<Processor>,
}

impl<S: Sink> TraceWriter<S> {
    /// Begins a trace.
    pub fn new(sink: S, header: &Header) -> io::Result<Self> {
        let mut writer = Self {
            sink,
            len: 0,
            stream: Vec::new(),
            payloads: Vec::new(),
            first_command: 0,
            index: Index::default(),
            survey: Survey::default(),
            devices: 0,
            processor: header.processor.clone(),
        };
        let header = Header { processor: None, ..header.clone() };
        writer.chunk(ChunkKind::Header, &serde_json::to_vec_pretty(&header)?)?;
        Ok(writer)
    }

    /// Begins a session with a new worker.
    pub fn session(&mut self, session: u32, time: u64) -> io::Result<()> {
        self.record(Record { session, time, body: Body::Session })
    }

    /// Adds any record. Its payloads must be added before it.
    pub fn record(&mut self, record: Record) -> io::Result<()> {
        if let Body::Event(bytes) = &record.body
            && let Ok(Event::DeviceReply { result: Ok(granted), .. }) = airlock_protocol::codec::decode_event(bytes)
        {
            self.device(record.session, &granted)?;
        }
        // Invalid batches are kept as they are; readers report them.
        if let Err(error) = self.survey.record(&record) {
            tracing::error!("recorded what cannot be read: {error}");
        }
        write_record(&record, &mut self.stream);
        if self.stream.len() >= CHUNK_TARGET { self.flush() } else { Ok(()) }
    }

    /// Adds a payload, unless it was added before.
    pub fn payload(&mut self, digest: Digest, bytes: &[u8]) -> io::Result<()> {
        if self.index.payloads.contains_key(&digest) {
            return Ok(());
        }
        if self.index.payloads.len() >= MAX_PAYLOADS {
            let message = format!("a trace holds at most {MAX_PAYLOADS} different payloads");
            return Err(io::Error::new(io::ErrorKind::QuotaExceeded, message));
        }
        let at = u32::try_from(self.payloads.len() + PAYLOAD_HEADER).unwrap_or(u32::MAX);
        let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        write_payload(digest, bytes, &mut self.payloads);
        // The chunk that is being filled is the next one to be written.
        let chunk = u32::try_from(self.index.chunks.len()).unwrap_or(u32::MAX);
        self.index.payloads.insert(digest, Place { chunk, at, len });
        if self.payloads.len() >= CHUNK_TARGET { self.flush_payloads() } else { Ok(()) }
    }

    /// Adds a piece of bulk data that was transferred in the ring.
    pub fn piece(&mut self, session: u32, time: u64, start: u64, bytes: &[u8]) -> io::Result<()> {
        let digest = Digest::of(bytes);
        self.payload(digest, bytes)?;
        let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.record(Record { session, time, body: Body::Piece(Piece { start, len, digest }) })
    }

    fn device(&mut self, session: u32, granted: &Capabilities) -> io::Result<()> {
        if self.devices >= MAX_DEVICES {
            return Ok(());
        }
        self.devices += 1;
        let json = serde_json::to_vec_pretty(&DeviceRecord::new(session, granted, self.processor.as_ref()))?;
        // Before the pending records, so that it is found early.
        self.flush_payloads()?;
        self.chunk(ChunkKind::Device, &json)
    }

    /// Writes the pending records.
    pub fn flush(&mut self) -> io::Result<()> {
        // Payloads first: a file that is cut in between has no record without its data.
        self.flush_payloads()?;
        if self.stream.is_empty() {
            return Ok(());
        }
        let stream = std::mem::take(&mut self.stream);
        self.chunk(ChunkKind::Stream, &stream)?;
        self.stream = stream;
        self.stream.clear();
        self.first_command = self.survey.commands();
        Ok(())
    }

    fn flush_payloads(&mut self) -> io::Result<()> {
        if self.payloads.is_empty() {
            return Ok(());
        }
        let payloads = std::mem::take(&mut self.payloads);
        self.chunk(ChunkKind::Payloads, &payloads)?;
        self.payloads = payloads;
        self.payloads.clear();
        Ok(())
    }

    fn chunk(&mut self, kind: ChunkKind, contents: &[u8]) -> io::Result<()> {
        if contents.len() > MAX_CHUNK {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a chunk would be longer than a chunk may be"));
        }
        if self.index.chunks.len() >= MAX_CHUNKS {
            let message = format!("a trace holds at most {MAX_CHUNKS} chunks");
            return Err(io::Error::new(io::ErrorKind::QuotaExceeded, message));
        }
        let compressed = zstd::bulk::compress(contents, LEVEL)?;
        let (compressed, stored) =
            if compressed.len() < contents.len() { (true, compressed.as_slice()) } else { (false, contents) };
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let header = ChunkHeader {
            kind: kind as u8,
            compressed,
            stored: length(stored),
            raw: length(contents),
            number: u32::try_from(self.index.chunks.len()).unwrap_or(u32::MAX),
            crc: crc32fast::hash(stored),
        };
        let mut bytes = Vec::with_capacity(PREAMBLE + CHUNK_HEADER + stored.len());
        if self.len == 0 {
            bytes.extend(preamble());
        }
        let offset = self.len + bytes.len() as u64;
        bytes.extend(header.to_bytes());
        bytes.extend(stored);
        // One call, so that a process that ends leaves whole chunks: from the file's first byte on, a trace that opens.
        self.sink.write_all(&bytes)?;
        let ChunkHeader { kind, stored, raw, .. } = header;
        let first_command = self.first_command;
        self.index.chunks.push(ChunkEntry { offset, kind, stored, raw, first_command });
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// Writes the pending records and makes them durable.
    pub fn sync(&mut self) -> io::Result<()> {
        self.flush()?;
        self.sink.sync()
    }

    /// Bytes of the preamble and of whole chunks in the file.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// True when the file has only the header.
    pub fn is_empty(&self) -> bool {
        self.survey.commands() == 0
    }

    /// Approximate bytes of index and footer, uncompressed.
    pub fn tail(&self) -> u64 {
        let markers = self.survey.marker_bytes + self.survey.markers.len() * 19;
        (markers + self.index.chunks.len() * 30 + self.index.payloads.len() * 49 + 8 * FOOTER) as u64
    }

    /// Pending bytes, uncompressed.
    pub fn pending(&self) -> usize {
        self.stream.len() + self.payloads.len()
    }

    /// Commands so far.
    pub fn commands(&self) -> u64 {
        self.survey.commands()
    }

    /// Ends a trace after a failed write: drops the pending data and the failed chunk, so that the file ends with a
    /// whole one. It has no index; readers rebuild it.
    pub fn abandon(mut self) -> io::Result<()> {
        self.stream.clear();
        self.payloads.clear();
        self.sink.cut(self.len)
    }

    /// Writes the pending records, the index and the footer; returns the sink. A trace that cannot be closed still ends with a
    /// whole chunk.
    pub fn finish(mut self) -> io::Result<S> {
        if let Err(error) = self.flush() {
            self.sink.cut(self.len)?;
            return Err(error);
        }
        let end = self.len;
        match self.close() {
            Ok(()) => Ok(self.sink),
            Err(error) => {
                self.sink.cut(end)?;
                Err(error)
            }
        }
    }

    fn close(&mut self) -> io::Result<()> {
        self.index.markers = std::mem::take(&mut self.survey.markers);
        self.index.totals = self.survey.totals();
        let (start, parts) = (self.len, self.index.to_chunks());
        for part in parts {
            self.chunk(ChunkKind::Index, &part)?;
        }
        // Never compressed: a reader finds it by its length.
        self.chunk(ChunkKind::Footer, &start.to_le_bytes())?;
        self.sink.flush()
    }
}

/// Length of the footer chunk in bytes, header included: the last bytes of a closed trace.
pub const FOOTER: usize = CHUNK_HEADER + 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TraceFile;

    /// The bytes of each call.
    #[derive(Debug, Default)]
    struct Calls(Vec<Vec<u8>>);

    impl Write for Calls {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.push(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Sink for Calls {
        fn cut(&mut self, _: u64) -> io::Result<()> {
            Ok(())
        }

        fn sync(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_first_bytes_of_a_file_are_a_trace_that_opens() {
        let header = Header::of_this_program(None, "0.3.0-rc.2");
        let writer = TraceWriter::new(Calls::default(), &header).unwrap();
        let first = writer.sink.0.first().unwrap();
        assert_eq!(first.len() as u64, writer.len());
        assert!(TraceFile::from_bytes(first.clone()).is_ok());
    }
}
