//! Events: the messages of the daemon. Variants are appended and fields never change, as with commands.

use airlock_protocol_derive::wire;

use crate::{
    commands::{adapter::Capabilities, error::GpuError, shader::CompilationMessage},
    ids::{DeviceId, RequestId},
    limits::{MAX_MAP_PIECE, MIN_MAP_PIECE},
};

/// A message of the daemon.
#[wire]
#[derive(Clone, Debug, PartialEq)]
pub enum Event<'a> {
    /// The session is open: the first event of every session.
    Welcome,
    /// The session ends, with the reason. The last event of a session that the daemon ends.
    Closed {
        /// The client's fault, or the failure.
        reason: String,
    },
    /// Flow control of the shared ring: sent when a good part of it has been read since the last credit, and before the
    /// daemon blocks. Data that the GPU copies out of the ring has been read when the GPU is done with it.
    Credit {
        /// Bytes since the session's start.
        consumed: u64,
    },
    /// Replies to `RequestAdapter`.
    AdapterReply { request: RequestId, result: Result<Box<Capabilities>, String> },
    /// Replies to `ListAdapters`.
    AdapterList {
        request: RequestId,
        /// All adapters, in the order that [`AdapterSelector::Index`](crate::commands::instance::AdapterSelector) counts.
        #[bound(adapters)]
        adapters: Vec<Capabilities>,
    },
    /// Replies to `RequestDevice`.
    DeviceReply { request: RequestId, result: Result<Box<Capabilities>, RequestDeviceError> },
    /// A piece of a mapped range. Pieces come in order and before [`Event::Mapped`].
    MapData {
        /// The request of the `MapBuffer`.
        request: RequestId,
        data: &'a [u8],
    },
    /// Replies to `MapBuffer`.
    Mapped { request: RequestId, result: Result<(), MapError> },
    /// Replies to `OnSubmittedWorkDone`.
    WorkDone { request: RequestId },
    /// Replies to the async form of pipeline creation.
    PipelineReply { request: RequestId, result: Result<(), PipelineError> },
    /// Replies to `GetCompilationInfo`.
    CompilationInfo { request: RequestId, messages: Vec<CompilationMessage> },
    /// Replies to `PopErrorScope`.
    ScopePopped {
        request: RequestId,
        /// The error that the scope caught, if any; `Err` when there was no scope.
        result: Result<Option<GpuError>, ()>,
    },
    /// An error that no scope caught.
    Uncaptured { device: DeviceId, error: GpuError },
    /// A device is lost. Once per device.
    DeviceLost { device: DeviceId, reason: DeviceLostReason, message: String },
    /// Replies to `ReportStats`.
    Report { request: RequestId, report: Report },
}

impl Event<'_> {
    /// The number of kinds. A trace's header contains it, so that a reader can tell a newer trace from a damaged one.
    pub const KINDS: usize = 15;

    /// The event's name.
    pub fn name(&self) -> &'static str {
        match self {
            Event::Welcome => "Welcome",
            Event::Closed { .. } => "Closed",
            Event::Credit { .. } => "Credit",
            Event::AdapterReply { .. } => "AdapterReply",
            Event::AdapterList { .. } => "AdapterList",
            Event::DeviceReply { .. } => "DeviceReply",
            Event::MapData { .. } => "MapData",
            Event::Mapped { .. } => "Mapped",
            Event::WorkDone { .. } => "WorkDone",
            Event::PipelineReply { .. } => "PipelineReply",
            Event::CompilationInfo { .. } => "CompilationInfo",
            Event::ScopePopped { .. } => "ScopePopped",
            Event::Uncaptured { .. } => "Uncaptured",
            Event::DeviceLost { .. } => "DeviceLost",
            Event::Report { .. } => "Report",
        }
    }

    /// The request that the event replies to; `None` for an event without a request.
    pub fn request(&self) -> Option<RequestId> {
        match self {
            Event::AdapterReply { request, .. }
            | Event::AdapterList { request, .. }
            | Event::DeviceReply { request, .. }
            | Event::MapData { request, .. }
            | Event::Mapped { request, .. }
            | Event::WorkDone { request }
            | Event::PipelineReply { request, .. }
            | Event::CompilationInfo { request, .. }
            | Event::ScopePopped { request, .. }
            | Event::Report { request, .. } => Some(*request),
            Event::Welcome
            | Event::Closed { .. }
            | Event::Credit { .. }
            | Event::Uncaptured { .. }
            | Event::DeviceLost { .. } => None,
        }
    }
}

/// A failed `requestDevice`.
#[wire]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestDeviceError {
    /// Its kind: `TypeError` for a feature that the adapter lacks, `OperationError` for the rest.
    pub kind: RequestDeviceErrorKind,
    pub message: String,
}

/// The kind of a [`RequestDeviceError`].
#[wire]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestDeviceErrorKind {
    /// `TypeError`.
    Type,
    /// `OperationError`.
    Operation,
}

/// A failed `mapAsync`.
#[wire]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapError {
    pub kind: MapErrorKind,
    pub message: String,
}

/// The kind of a [`MapError`].
#[wire]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapErrorKind {
    /// `OperationError`.
    Operation,
    /// `AbortError`: the buffer was unmapped or destroyed before the map completed.
    Abort,
}

/// A failed `createComputePipelineAsync` or `createRenderPipelineAsync`.
#[wire]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PipelineError {
    pub reason: PipelineErrorReason,
    pub message: String,
}

/// `GPUPipelineErrorReason`.
#[wire]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PipelineErrorReason {
    /// The description is not valid.
    Validation,
    /// The driver failed.
    Internal,
}

/// `GPUDeviceLostReason`.
#[wire]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceLostReason {
    /// Any cause but a call of `destroy`.
    Unknown,
    /// The guest called `destroy`.
    Destroyed,
}

/// Statistics of a session.
#[wire]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Batches received.
    pub batches: u64,
    /// Commands executed.
    pub commands: u64,
    /// Nanoseconds spent on them, waits for the next batch excluded.
    pub busy_ns: u64,
}

/// Cuts a map's contents into the pieces of its [`Event::MapData`]s. Each event costs a message, and the
/// host copies one piece while the daemon copies the next: pieces are long, except for the first, for which the host waits,
/// and the last, during which the daemon has nothing left to copy.
pub fn map_pieces(contents: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (mut rest, mut longest) = (contents, MIN_MAP_PIECE);
    std::iter::from_fn(move || {
        let length = rest.len().saturating_sub(MIN_MAP_PIECE).max(rest.len() / 2).min(longest);
        let length = if rest.len() <= MIN_MAP_PIECE { rest.len() } else { length };
        longest = MAX_MAP_PIECE;
        let (piece, after) = rest.split_at_checked(length)?;
        rest = after;
        (!piece.is_empty()).then_some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_are_cut_into_long_pieces_between_short_ones() {
        let kibibytes = |len: usize| {
            let contents = vec![0_u8; len << 10];
            map_pieces(&contents).map(|piece| piece.len() >> 10).collect::<Vec<_>>()
        };
        assert_eq!(kibibytes(0), []);
        assert_eq!(kibibytes(1), [1]);
        assert_eq!(kibibytes(128), [128]);
        assert_eq!(kibibytes(130), [65, 65]);
        assert_eq!(kibibytes(256), [128, 128]);
        assert_eq!(kibibytes(1 << 10), [128, 256, 256, 256, 128]);
        assert_eq!(kibibytes(1100), [128, 256, 256, 256, 102, 102]);
        let long = kibibytes(16 << 10);
        assert_eq!((long.iter().sum::<usize>(), long.len()), (16 << 10, 65));
        // Every byte, once and in its place.
        let contents: Vec<u8> = (0..700_001_u32).map(|byte| (byte % 251) as u8).collect();
        assert!(map_pieces(&contents).flatten().eq(&contents));
    }
}
