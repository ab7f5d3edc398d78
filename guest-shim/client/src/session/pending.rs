//! Pending requests, and the other state that the receiver and the encoder share: the news of devices, and the credit
//! of the ring.

use std::{
    collections::HashMap,
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use airlock_protocol::{
    Event,
    commands::{adapter::Capabilities, error::GpuError, shader::CompilationMessage},
    events::{MapError, PipelineError, Report, RequestDeviceError},
    ids::{DeviceId, RequestId},
    limits::MAX_PENDING,
};

use super::{
    news::{Lost, News},
    slot::{Sender, Slot},
    sync::lock,
    warnings::Warnings,
};

/// The values of replies.
pub(crate) type AdapterReply = Result<Box<Capabilities>, String>;
pub(crate) type DeviceReply = Result<Box<Capabilities>, RequestDeviceError>;
pub(crate) type MapReply = Result<Vec<u8>, MapError>;
pub(crate) type PipelineReply = Result<(), PipelineError>;
/// `Err`: there was no scope.
pub(crate) type ScopeReply = Result<Option<GpuError>, ()>;

/// A value that a reply carries; each kind of request has one such type.
pub(crate) trait Reply: Sized {
    fn expect(sender: Sender<Self>) -> Expected;
    fn sender(expected: Expected) -> Option<Sender<Self>>;
}

macro_rules! replies {
    ($($Kind:ident($Value:ty),)*) => {
        /// The sender of a reply's value.
        #[derive(Debug)]
        pub(crate) enum Expected {
            $($Kind(Sender<$Value>),)*
        }

        $(impl Reply for $Value {
            fn expect(sender: Sender<Self>) -> Expected {
                Expected::$Kind(sender)
            }

            fn sender(expected: Expected) -> Option<Sender<Self>> {
                match expected {
                    Expected::$Kind(sender) => Some(sender),
                    _ => None,
                }
            }
        })*
    };
}

replies! {
    Adapter(AdapterReply),
    AdapterList(Vec<Capabilities>),
    Device(DeviceReply),
    Mapped(MapReply),
    WorkDone(()),
    Pipeline(PipelineReply),
    CompilationInfo(Vec<CompilationMessage>),
    Scope(ScopeReply),
    Report(Report),
}

/// A pending request. Dropping it closes the slot of its wait.
#[derive(Debug)]
struct PendingReply {
    reply: Expected,
    /// The contents of a map so far, and their maximum length.
    data: Vec<u8>,
    expected: usize,
}

/// The state that the encoder and the receiving thread share.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    pending: Mutex<HashMap<u64, PendingReply>>,
    devices: Mutex<HashMap<u32, Arc<News>>>,
    warnings: Arc<Warnings>,
    credit: Mutex<Credit>,
    credited: Condvar,
    /// The client ends the session.
    closing: AtomicBool,
}

#[derive(Debug, Default)]
struct Credit {
    consumed: u64,
    /// The reason of the session's end, once it has ended.
    ended: Option<String>,
}

impl Shared {
    /// The state of a session that has just begun.
    pub(crate) fn new(warnings: Warnings) -> Self {
        Self { warnings: Arc::new(warnings), ..Self::default() }
    }

    /// Registers a request with this number; `None` when too many are pending. The contents of a map have at most
    /// `map_bytes` bytes.
    pub(crate) fn register<T: Reply>(&self, request: u64, map_bytes: usize) -> Option<Arc<Slot<T>>> {
        let (sender, slot) = Slot::new();
        let mut pending = lock(&self.pending);
        if pending.len() >= MAX_PENDING {
            return None;
        }
        // After the session's end, the request would stay in the table.
        if lock(&self.credit).ended.is_none() {
            pending.insert(request, PendingReply { reply: T::expect(sender), data: Vec::new(), expected: map_bytes });
        }
        Some(slot)
    }

    /// Gathers the news of a device from before its request is sent, so that none is missed.
    pub(crate) fn watch(&self, device: DeviceId) -> Arc<News> {
        let news = Arc::new(News::new(device, Arc::clone(&self.warnings)));
        lock(&self.devices).insert(device.0, Arc::clone(&news));
        if let Some(reason) = self.ended() {
            news.lose(Lost::unknown(&reason));
        }
        news
    }

    /// Ends the news of a device.
    pub(crate) fn forget(&self, device: DeviceId) {
        lock(&self.devices).remove(&device.0);
    }

    /// The reason of the session's end, once it has ended.
    pub(crate) fn ended(&self) -> Option<String> {
        lock(&self.credit).ended.clone()
    }

    /// The number of bytes of the ring that the daemon has read.
    pub(crate) fn consumed(&self) -> u64 {
        lock(&self.credit).consumed
    }

    /// Blocks until the daemon has read more than `seen`, or the session has ended; returns whether it has.
    pub(crate) fn wait_for_credit(&self, seen: u64) -> bool {
        let starved = |credit: &mut Credit| credit.ended.is_none() && credit.consumed == seen;
        let credit = self.credited.wait_while(lock(&self.credit), starved);
        credit.unwrap_or_else(PoisonError::into_inner).ended.is_some()
    }

    /// Records that the client closes the session.
    pub(crate) fn close(&self) {
        self.closing.store(true, Ordering::Relaxed);
    }

    /// True when the client closes the session.
    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed)
    }

    /// Delivers an event to its waiter.
    pub(crate) fn dispatch(&self, event: Event<'_>) {
        match event {
            Event::Welcome | Event::Closed { .. } => {}
            Event::Credit { consumed } => {
                // The ring ignores an impossible position; the next valid credit then counts again.
                lock(&self.credit).consumed = consumed;
                self.credited.notify_all();
            }
            Event::AdapterReply { request, result } => self.reply(request, result),
            Event::AdapterList { request, adapters } => self.reply(request, adapters),
            Event::DeviceReply { request, result } => self.reply(request, result),
            Event::MapData { request, data } => {
                if let Some(pending) = lock(&self.pending).get_mut(&request.0) {
                    pending.gather(data);
                }
            }
            Event::Mapped { request, result } => {
                if let Some(PendingReply { reply, data, .. }) = self.take(request) {
                    send(reply, result.map(|()| data));
                }
            }
            Event::WorkDone { request } => self.reply(request, ()),
            Event::PipelineReply { request, result } => self.reply(request, result),
            Event::CompilationInfo { request, messages } => self.reply(request, messages),
            Event::ScopePopped { request, result } => self.reply(request, result),
            Event::Report { request, report } => self.reply(request, report),
            Event::Uncaptured { device, error } => match self.news(device) {
                Some(news) => news.uncaptured(error),
                None => self.warnings.tell(device, &error),
            },
            Event::DeviceLost { device, reason, message } => {
                if let Some(news) = self.news(device) {
                    news.lose(Lost { reason, message });
                }
            }
        }
    }

    /// Calls `append` with the contents of a map so far, if the map has room for `len` bytes more; else with `None`.
    pub(crate) fn append<R>(&self, map: RequestId, len: usize, append: impl FnOnce(Option<&mut Vec<u8>>) -> R) -> R {
        let mut pending = lock(&self.pending);
        append(pending.get_mut(&map.0).and_then(|pending| pending.room(len)))
    }

    fn take(&self, request: RequestId) -> Option<PendingReply> {
        lock(&self.pending).remove(&request.0)
    }

    fn reply<T: Reply>(&self, request: RequestId, value: T) {
        if let Some(pending) = self.take(request) {
            send(pending.reply, value);
        }
    }

    fn news(&self, device: DeviceId) -> Option<Arc<News>> {
        lock(&self.devices).get(&device.0).map(Arc::clone)
    }

    /// Ends every wait. The first reason stays.
    pub(crate) fn end(&self, reason: &str) {
        lock(&self.credit).ended.get_or_insert_with(|| reason.to_owned());
        self.credited.notify_all();
        let devices: Vec<_> = lock(&self.devices).values().map(Arc::clone).collect();
        for news in devices {
            news.lose(Lost::unknown(reason));
        }
        lock(&self.pending).clear();
    }
}

/// Fills the slot of a pending reply; a reply of another kind than the request's ends the wait.
fn send<T: Reply>(expected: Expected, value: T) {
    if let Some(sender) = T::sender(expected) {
        sender.send(value);
    }
}

impl PendingReply {
    /// Appends a piece of a map's contents, at most up to the map's length.
    fn gather(&mut self, data: &[u8]) {
        let left = self.left();
        self.data.extend_from_slice(data.get(..left.min(data.len())).unwrap_or_default());
    }

    /// The destination of a piece of a map's contents; `None` when it exceeds the map's length.
    fn room(&mut self, len: usize) -> Option<&mut Vec<u8>> {
        (len <= self.left()).then_some(&mut self.data)
    }

    /// The number of missing bytes. The first call allocates memory for them.
    fn left(&mut self) -> usize {
        if self.data.capacity() == 0 {
            self.data.reserve_exact(self.expected);
        }
        self.expected.saturating_sub(self.data.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_gathers_its_pieces_and_no_more_than_it_asked_for() {
        let shared = Shared::default();
        let map = shared.register::<MapReply>(3, 6).unwrap();
        let request = RequestId(3);
        shared.dispatch(Event::MapData { request, data: b"abcd" });
        shared.append(request, 3, |room| assert!(room.is_none()));
        shared.dispatch(Event::MapData { request, data: b"efgh" });
        shared.dispatch(Event::Mapped { request, result: Ok(()) });
        assert_eq!(map.take(), Some(Ok(Ok(b"abcdef".to_vec()))));
    }

    #[test]
    fn a_reply_of_another_kind_or_to_another_request_gives_no_value() {
        let shared = Shared::default();
        let done = shared.register::<()>(1, 0).unwrap();
        shared.dispatch(Event::WorkDone { request: RequestId(2) });
        assert_eq!(done.take(), None);
        shared.dispatch(Event::PipelineReply { request: RequestId(1), result: Ok(()) });
        assert!(done.take().is_some_and(|reply| reply.is_err()));
    }

    #[test]
    fn the_number_of_requests_that_wait_is_bounded() {
        let shared = Shared::default();
        let waits: Vec<_> = (0..MAX_PENDING as u64).map(|number| shared.register::<()>(number, 0).unwrap()).collect();
        assert!(shared.register::<()>(u64::MAX, 0).is_none());
        shared.end("over");
        assert!(waits.iter().all(|wait| wait.is_settled()));
        let late = shared.register::<()>(0, 0).expect("the table is empty again");
        assert!(late.is_settled(), "after the end there is no reply");
        assert!(shared.watch(DeviceId(0)).loss().is_settled());
    }
}
