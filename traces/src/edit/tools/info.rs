//! The summary of a trace, from its header and its index alone: the stream is not read, except its last chunk, which
//! has the end of the run.

use serde::Serialize;

use crate::file::{
    format::{Body, ChunkKind},
    header::{DeviceRecord, Header},
    reader::TraceFile,
    survey::Totals,
};

/// Reported ends of sessions: a run of thousands of sessions ends thousands of times.
const MAX_ENDS: usize = 16;

/// The summary of a trace.
#[derive(Clone, Debug, Serialize)]
pub struct Info {
    /// The header, written when the recording began.
    pub header: Header,
    /// The granted devices.
    pub devices: Vec<DeviceRecord>,
    /// The totals.
    pub totals: Totals,
    /// Lengths.
    pub sizes: Sizes,
    /// The recording was closed.
    pub closed: bool,
    /// The damage, if the file is not whole to its end.
    pub damage: Option<String>,
    /// Bytes at the end that are not part of the trace.
    pub lost_bytes: u64,
    /// The ends of the last sessions, as far as the end of the stream has them.
    pub ends: Vec<End>,
    /// The reason why the recording stopped before the run, if it did.
    pub stopped: Option<String>,
    /// The error in the end of the stream, if any.
    pub unreadable: Option<String>,
}

/// The end of a session.
#[derive(Clone, Debug, Serialize)]
pub struct End {
    /// The session.
    pub session: u32,
    /// The reason.
    pub reason: String,
}

/// Lengths in bytes.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Sizes {
    /// The file.
    pub file: u64,
    /// The stream's chunks, decompressed.
    pub stream: u64,
    /// The stream's chunks in the file.
    pub stream_stored: u64,
    /// Bulk data and readbacks as transferred.
    pub data: u64,
    /// Different payloads.
    pub payloads: u64,
    /// Bytes of different payloads.
    pub data_once: u64,
    /// The payloads' chunks in the file.
    pub data_stored: u64,
}

impl Info {
    /// The parts of a file.
    pub fn of(file: &TraceFile) -> Self {
        let mut info = Self {
            header: file.header().clone(),
            devices: file.devices().to_vec(),
            totals: file.index().totals.clone(),
            sizes: Sizes::of(file),
            closed: file.is_closed(),
            damage: file.damage().map(ToString::to_string),
            lost_bytes: file.len().saturating_sub(file.whole()),
            ends: Vec::new(),
            stopped: None,
            unreadable: None,
        };
        info.totals.by_name.sort_by(|(a, n), (b, m)| m.cmp(n).then_with(|| a.cmp(b)));
        for record in file.records_from(u64::MAX) {
            match record {
                Ok((_, record)) => match record.body {
                    Body::End(reason) => info.ends.push(End { session: record.session, reason }),
                    Body::Stopped(reason) => info.stopped = Some(reason),
                    _ => {}
                },
                Err(error) => info.unreadable = Some(error.to_string()),
            }
        }
        info.ends.drain(..info.ends.len().saturating_sub(MAX_ENDS));
        info
    }
}

impl Sizes {
    fn of(file: &TraceFile) -> Self {
        let index = file.index();
        let sum = |kind, length: fn(&crate::file::index::ChunkEntry) -> u32| {
            index.chunks_of(kind).map(|(_, chunk)| u64::from(length(&chunk))).sum()
        };
        Self {
            file: file.len(),
            stream: sum(ChunkKind::Stream, |chunk| chunk.raw),
            stream_stored: sum(ChunkKind::Stream, |chunk| chunk.stored),
            data: index.totals.data_bytes.saturating_add(index.totals.readback_bytes),
            payloads: index.payloads.len() as u64,
            data_once: index.payloads.values().map(|place| u64::from(place.len)).sum(),
            data_stored: sum(ChunkKind::Payloads, |chunk| chunk.stored),
        }
    }
}
