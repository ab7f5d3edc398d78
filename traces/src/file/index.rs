//! The index at a trace's end: the positions of chunks, payloads and markers, and the totals. Without it (in a
//! recording that was cut off) a scan rebuilds it.

use std::collections::HashMap;

use airlock_protocol::{ids::Kind, limits::cut};

use crate::file::{
    format::{CHUNK_HEADER, ChunkKind, Cursor, Digest},
    survey::{MAX_MARKER_TEXT, MAX_MARKERS, Marker, MarkerKind, Totals},
};

/// Distinct payloads of one trace: a writer and a reader remember the place of each. They are longer than 8 KiB, so
/// that a trace with this many has 8 GiB.
pub const MAX_PAYLOADS: usize = 1 << 20;

/// The position of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkEntry {
    /// Its first byte in the file.
    pub offset: u64,
    /// See [`ChunkKind`].
    pub kind: u8,
    /// Length in the file in bytes, its header excluded.
    pub stored: u32,
    /// Length of the contents in bytes.
    pub raw: u32,
    /// Commands in the trace before it.
    pub first_command: u64,
}

/// The position of a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The chunk's number in the file.
    pub chunk: u32,
    /// Start of its bytes in the chunk's contents.
    pub at: u32,
    /// Its length in bytes.
    pub len: u32,
}

/// Positions of chunks, payloads and markers, and the totals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Index {
    /// Every chunk before the index, in the order of the file.
    pub chunks: Vec<ChunkEntry>,
    /// Every payload.
    pub payloads: HashMap<Digest, Place>,
    /// Every marker, by command.
    pub markers: Vec<Marker>,
    /// The totals.
    pub totals: Totals,
}

/// Chunks of one trace. A recording that writes one every 50 ms reaches it after two days.
pub const MAX_CHUNKS: usize = 4 << 20;

/// Bytes of entries that one index chunk gathers.
const PART: usize = 4 << 20;

const CHUNK: u8 = 1;
const PAYLOAD: u8 = 2;
const MARKER: u8 = 3;
const TOTALS: u8 = 4;

impl Index {
    /// The contents of the index chunks.
    pub fn to_chunks(&self) -> Vec<Vec<u8>> {
        let mut parts = vec![Vec::new()];
        let mut entry = |kind: u8, body: &[u8]| {
            if parts.last().is_none_or(|part| part.len() >= PART) {
                parts.push(Vec::new());
            }
            if let Some(part) = parts.last_mut() {
                part.push(kind);
                part.extend(u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes());
                part.extend(body);
            }
        };
        let mut body = Vec::new();
        for chunk in &self.chunks {
            body.clear();
            body.extend(chunk.offset.to_le_bytes());
            body.push(chunk.kind);
            body.extend(chunk.stored.to_le_bytes());
            body.extend(chunk.raw.to_le_bytes());
            body.extend(chunk.first_command.to_le_bytes());
            entry(CHUNK, &body);
        }
        let mut payloads: Vec<_> = self.payloads.iter().collect();
        payloads.sort_by_key(|(_, place)| (place.chunk, place.at));
        for (digest, place) in payloads {
            body.clear();
            body.extend(digest.0);
            body.extend([place.chunk, place.at, place.len].map(u32::to_le_bytes).as_flattened());
            entry(PAYLOAD, &body);
        }
        for marker in &self.markers {
            body.clear();
            body.push(marker.kind as u8);
            body.extend(marker.command.to_le_bytes());
            let (kind, index) = marker.object.map_or((u8::MAX, 0), |object| (object.kind() as u8, object.describe().1));
            body.push(kind);
            body.extend(index.to_le_bytes());
            body.extend(marker.text.as_bytes());
            entry(MARKER, &body);
        }
        // The totals are plain data, which always has a text.
        entry(TOTALS, &serde_json::to_vec(&self.totals).unwrap_or_default());
        parts
    }

    /// Adds the entries of an index chunk's contents; false when they are invalid, or more than an index may have: a
    /// few bytes of a compressed chunk can decompress to many.
    pub fn add_chunk(&mut self, contents: &[u8]) -> bool {
        let mut rest = Cursor(contents);
        while !rest.0.is_empty() {
            let Some((kind, body)) = entry(&mut rest) else { return false };
            // Entries of other kinds are a later version's.
            if (CHUNK..=TOTALS).contains(&kind) && self.add(kind, Cursor(body)).is_none() {
                return false;
            }
        }
        true
    }

    fn add(&mut self, kind: u8, mut body: Cursor<'_>) -> Option<()> {
        match kind {
            CHUNK if self.chunks.len() < MAX_CHUNKS => {
                let (offset, kind) = (body.u64()?, body.u8()?);
                let (stored, raw, first_command) = (body.u32()?, body.u32()?, body.u64()?);
                // In ascending order, so that there are no more entries than the file has room for chunks.
                let end = |last: &ChunkEntry| last.offset.saturating_add(CHUNK_HEADER as u64 + u64::from(last.stored));
                (offset >= self.chunks.last().map_or(0, end)).then_some(())?;
                self.chunks.push(ChunkEntry { offset, kind, stored, raw, first_command });
            }
            PAYLOAD if self.payloads.len() < MAX_PAYLOADS => {
                let digest = body.digest()?;
                self.payloads.insert(digest, Place { chunk: body.u32()?, at: body.u32()?, len: body.u32()? });
            }
            MARKER if self.markers.len() < MAX_MARKERS => {
                let (kind, command) = (MarkerKind::from_number(body.u8()?), body.u64()?);
                let (of, index) = (body.u8()?, body.u32()?);
                let object = Kind::ALL.get(usize::from(of)).map(|kind| kind.object(index));
                let text = cut(body.text(body.0.len())?, MAX_MARKER_TEXT).to_owned();
                // An unknown kind of marker, of a later version, is ignored.
                self.markers.extend(kind.map(|kind| Marker { kind, command, object, text }));
            }
            TOTALS => self.totals = serde_json::from_slice(body.0).ok()?,
            _ => return None,
        }
        Some(())
    }

    /// The chunks of a kind, with their numbers in the file.
    pub fn chunks_of(&self, kind: ChunkKind) -> impl DoubleEndedIterator<Item = (usize, ChunkEntry)> + '_ {
        self.chunks.iter().copied().enumerate().filter(move |(_, chunk)| chunk.kind == kind as u8)
    }
}

fn entry<'a>(rest: &mut Cursor<'a>) -> Option<(u8, &'a [u8])> {
    let (kind, len) = (rest.u8()?, rest.u32()?);
    Some((kind, rest.take(len as usize)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_comes_back() {
        let mut index = Index::default();
        for i in 0..3 {
            let chunk = ChunkEntry { offset: 16 + 100 * i, kind: 4, stored: 9, raw: 20, first_command: i * 100 };
            index.chunks.push(chunk);
            index.payloads.insert(Digest::of(&[i as u8]), Place { chunk: i as u32, at: 36, len: 1 });
        }
        let (kind, text) = (MarkerKind::Label, "vertices".to_owned());
        index.markers.push(Marker { kind, command: 7, object: Some(Kind::Buffer.object(3)), text });
        index.markers.push(Marker { kind: MarkerKind::Submit, command: 9, object: None, text: String::new() });
        index.totals.by_name.push(("Submit".to_owned(), 1));
        let mut back = Index::default();
        let chunks = index.to_chunks();
        assert!(chunks.iter().all(|chunk| back.add_chunk(chunk)));
        assert_eq!(back, index);
        let contents = chunks.first().unwrap();
        assert!(!Index::default().add_chunk(&contents[..contents.len() - 1]));
    }
}
