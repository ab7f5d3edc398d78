//! Contents that maps return, gathered from pieces: digests always, bytes where they are short or requested.

use std::{collections::HashMap, io};

use airlock_protocol::{Event, codec, ids::RequestId, limits::MAX_PENDING};

use crate::file::format::{Digest, Readback};

/// Maximum bytes of a readback that is always kept with its bytes: a divergence can then show the expected value.
pub const KEPT: u64 = 4 << 10;

/// Bytes of one piece of a readback.
const PIECE: usize = 1 << 20;

/// Incomplete readbacks.
#[derive(Debug)]
pub(crate) struct Readbacks {
    /// Keep all bytes.
    keep: bool,
    open: HashMap<(u32, u64), Open>,
}

#[derive(Debug, Default)]
struct Open {
    hasher: Box<blake3::Hasher>,
    len: u64,
    /// The bytes that are in no payload yet; `None` once they are dropped.
    buffer: Option<Vec<u8>>,
    pieces: Vec<(u32, Digest)>,
}

impl Open {
    fn cut_piece(&mut self, store: &mut impl FnMut(Digest, &[u8]) -> io::Result<()>) -> io::Result<()> {
        if let Some(buffer) = self.buffer.as_mut().filter(|buffer| !buffer.is_empty()) {
            let digest = Digest::of(buffer);
            store(digest, buffer)?;
            self.pieces.push((u32::try_from(buffer.len()).unwrap_or(u32::MAX), digest));
            buffer.clear();
        }
        Ok(())
    }
}

impl Readbacks {
    pub fn new(keep: bool) -> Self {
        Self { keep, open: HashMap::new() }
    }

    /// Bytes that are in no payload yet.
    pub fn buffered(&self) -> usize {
        self.open.values().map(|open| open.buffer.as_ref().map_or(0, Vec::len)).sum()
    }

    /// Adds a piece of a readback.
    pub fn add(
        &mut self,
        session: u32,
        request: RequestId,
        bytes: &[u8],
        store: &mut impl FnMut(Digest, &[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        // A worker may send data without a request.
        if self.open.len() >= MAX_PENDING && !self.open.contains_key(&(session, request.0)) {
            return Ok(());
        }
        let fresh = || Open { buffer: Some(Vec::new()), ..Open::default() };
        let open = self.open.entry((session, request.0)).or_insert_with(fresh);
        open.hasher.update(bytes);
        open.len += bytes.len() as u64;
        if !self.keep && open.len > KEPT {
            open.buffer = None;
        }
        if let Some(buffer) = &mut open.buffer {
            buffer.extend_from_slice(bytes);
            if buffer.len() >= PIECE {
                open.cut_piece(store)?;
            }
        }
        Ok(())
    }

    /// The readback that an event completes, if it does.
    pub fn complete(
        &mut self,
        session: u32,
        event: &[u8],
        store: &mut impl FnMut(Digest, &[u8]) -> io::Result<()>,
    ) -> io::Result<Option<Readback>> {
        let Ok(Event::Mapped { request, result }) = codec::decode_event(event) else { return Ok(None) };
        let Some(mut open) = self.open.remove(&(session, request.0)).filter(|_| result.is_ok()) else {
            return Ok(None);
        };
        open.cut_piece(store)?;
        let digest = Some(Digest(*open.hasher.finalize().as_bytes()));
        Ok(Some(Readback { request, len: open.len, digest, pieces: open.pieces }))
    }

    /// Ends a session: drops its incomplete readbacks.
    pub fn end(&mut self, session: u32) {
        self.open.retain(|&(of, _), _| of != session);
    }
}
