//! Buffering of request bodies, with limits of size, time and total memory. A slow client occupies no instance.

use std::{sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::{HeaderMap, StatusCode, body::Body as _, body::Incoming, header::CONTENT_LENGTH};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use super::limits::{LINGER, LINGER_BYTES};

/// Bytes of a permit of the budget.
const UNIT: u64 = 4 << 10;

/// Memory budget of all request bodies.
#[derive(Clone, Debug)]
pub struct Budget(Arc<Semaphore>);

impl Budget {
    /// Budget of so many bytes.
    pub fn new(bytes: u64) -> Self {
        let units = usize::try_from(bytes / UNIT).unwrap_or(Semaphore::MAX_PERMITS);
        Self(Arc::new(Semaphore::new(units.clamp(1, Semaphore::MAX_PERMITS))))
    }

    /// Reserves bytes, if available.
    fn take(&self, bytes: u64) -> Option<OwnedSemaphorePermit> {
        let units = u32::try_from(bytes.div_ceil(UNIT)).ok()?;
        Arc::clone(&self.0).try_acquire_many_owned(units).ok()
    }
}

/// Buffered body with its part of the budget.
#[derive(Debug)]
pub struct Whole {
    /// The bytes.
    pub bytes: Bytes,
    _memory: Option<OwnedSemaphorePermit>,
}

/// Reason for the rejection of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoBody {
    /// Longer than the limit.
    TooLong,
    /// Incomplete at the deadline.
    Late,
    /// The budget is exhausted.
    NoMemory,
    /// Disconnected or malformed.
    Broken,
}

impl NoBody {
    /// Status and text of the response.
    pub fn answer(self) -> (StatusCode, &'static str) {
        match self {
            NoBody::TooLong => (StatusCode::PAYLOAD_TOO_LARGE, "The body is longer than this server takes."),
            NoBody::Late => (StatusCode::REQUEST_TIMEOUT, "The body did not come in time."),
            NoBody::NoMemory => (StatusCode::SERVICE_UNAVAILABLE, "There are too many long requests. Try again."),
            NoBody::Broken => (StatusCode::BAD_REQUEST, "The body cannot be read."),
        }
    }
}

/// Limits of a body.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// Bytes.
    pub longest: u64,
    /// Deadline for the whole body.
    pub time: Duration,
    /// Memory.
    pub budget: Budget,
}

/// Buffers a body. A rejected one is read on and discarded for a moment (see [`LINGER`]).
pub async fn read(headers: &HeaderMap, mut body: Incoming, bounds: &Bounds) -> Result<Whole, NoBody> {
    if body.is_end_stream() {
        return Ok(Whole { bytes: Bytes::new(), _memory: None });
    }
    let announced = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    let outcome = match timeout(bounds.time, collect(announced, &mut body, bounds)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(NoBody::Late),
    };
    if matches!(outcome, Err(NoBody::TooLong | NoBody::NoMemory)) {
        tokio::spawn(timeout(LINGER, discard(body)));
    }
    outcome
}

async fn collect(announced: Option<u64>, body: &mut Incoming, bounds: &Bounds) -> Result<Whole, NoBody> {
    if announced.is_some_and(|length| length > bounds.longest) {
        return Err(NoBody::TooLong);
    }
    let mut memory: Option<OwnedSemaphorePermit> = None;
    let mut held = 0_u64;
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        // Trailers are not forwarded.
        let Ok(data) = frame.map_err(|_| NoBody::Broken)?.into_data() else { continue };
        let length = (bytes.len() as u64).saturating_add(data.len() as u64);
        if length > bounds.longest {
            return Err(NoBody::TooLong);
        }
        if length > held {
            // Content-Length alone reserves nothing: the reservation is twice the bytes received.
            let wanted = length.saturating_mul(2).min(announced.unwrap_or(bounds.longest).max(length));
            let more = bounds.budget.take(wanted - held).ok_or(NoBody::NoMemory)?;
            match &mut memory {
                Some(memory) => memory.merge(more),
                None => memory = Some(more),
            }
            held = wanted;
        }
        bytes.extend_from_slice(&data);
    }
    Ok(Whole { bytes: bytes.freeze(), _memory: memory })
}

async fn discard(mut body: Incoming) {
    let mut left = LINGER_BYTES;
    while let Some(Ok(frame)) = body.frame().await {
        let length = frame.data_ref().map_or(0, Bytes::len) as u64;
        match left.checked_sub(length) {
            Some(rest) => left = rest,
            None => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_is_given_back() {
        let budget = Budget::new(10 << 10);
        let first = budget.take(5 << 10).unwrap();
        assert!(budget.take(5 << 10).is_none());
        drop(first);
        assert!(budget.take(8 << 10).is_some());
        assert!(budget.take(u64::MAX).is_none());
    }
}
