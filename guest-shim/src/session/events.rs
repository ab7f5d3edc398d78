//! The thread that receives events and hands them to whoever waits.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, atomic::Ordering, mpsc},
};

use airlock_protocol::{
    Event, codec,
    connect::Lifeline,
    ids::RequestId,
    transport::{EventReceiver, ReceiveError},
};

use super::{EventTap, Lost, News, Pending, Reply, Shared, lock};

pub(super) struct Receiver {
    pub(super) events: EventReceiver,
    pub(super) shared: Arc<Shared>,
    pub(super) life: Arc<Mutex<Lifeline>>,
    /// They hear of everything first.
    pub(super) taps: Vec<Box<dyn EventTap>>,
    /// Dropped when the thread is done, which tells the session.
    pub(super) done: mpsc::Sender<()>,
}

impl Receiver {
    /// Runs until the session ends, whoever ends it.
    pub(super) fn run(mut self) {
        // A panic here, in ipc-channel for example, must not leave the guest waiting.
        let reason = catch_unwind(AssertUnwindSafe(|| self.receive()))
            .unwrap_or_else(|_| "what the GPU daemon sent cannot be received".to_owned());
        tracing::debug!("session over: {reason}");
        for tap in &mut self.taps {
            tap.ended(&reason);
        }
        self.shared.end(&reason);
        lock(&self.life).cut();
        drop(self.done);
    }

    /// Receives events to the end of the session; gives the reason of the end.
    fn receive(&mut self) -> String {
        let mut reason = None;
        loop {
            let bytes = match self.events.recv() {
                Ok(bytes) => bytes,
                Err(ReceiveError::Gone(_)) => break,
                Err(error) => {
                    reason.get_or_insert_with(|| format!("the GPU daemon broke the connection ({error})"));
                    break;
                }
            };
            match codec::decode_event(&bytes) {
                Ok(event) => {
                    for tap in &mut self.taps {
                        tap.event(&bytes, &event);
                    }
                    match event {
                        Event::Closed { reason: why } => {
                            reason = Some(format!("the GPU daemon ended the session: {why}"));
                        }
                        event => self.shared.dispatch(event),
                    }
                }
                Err(error) => {
                    reason = Some(format!("the GPU daemon sent what is no event ({error})"));
                    break;
                }
            }
        }
        reason.unwrap_or_else(|| {
            let closing = self.shared.closing.load(Ordering::Relaxed);
            let mut life = lock(&self.life);
            if closing { life.explain_close() } else { life.explain() }
        })
    }
}

impl Shared {
    fn dispatch(&self, event: Event<'_>) {
        match event {
            Event::Welcome | Event::Closed { .. } => {}
            Event::Credit { consumed } => {
                // The ring ignores what cannot be; the next credit then counts again.
                lock(&self.credit).consumed = consumed;
                self.credited.notify_all();
            }
            Event::AdapterReply { request, result } => self.answer(request, Reply::Adapter(result)),
            Event::AdapterList { request, adapters } => self.answer(request, Reply::AdapterList(adapters)),
            Event::DeviceReply { request, result } => self.answer(request, Reply::Device(result)),
            Event::MapData { request, data } => {
                if let Some(pending) = lock(&self.pending).get_mut(&request.0) {
                    pending.gather(data);
                }
            }
            Event::Mapped { request, result } => {
                if let Some(Pending { answer, data, .. }) = self.take(request) {
                    let _ = answer.send(Reply::Mapped(result.map(|()| data)));
                }
            }
            Event::WorkDone { request } => self.answer(request, Reply::WorkDone),
            Event::PipelineReply { request, result } => self.answer(request, Reply::Pipeline(result)),
            Event::CompilationInfo { request, messages } => self.answer(request, Reply::CompilationInfo(messages)),
            Event::ScopePopped { request, result } => self.answer(request, Reply::Scope(result)),
            Event::Report { request, report } => self.answer(request, Reply::Report(report)),
            Event::Uncaptured { device, error } => {
                tracing::warn!(device = device.0, kind = ?error.kind, "uncaptured error: {}", error.message);
                if let Some(news) = self.device(device.0) {
                    news.uncaptured(error);
                }
            }
            Event::DeviceLost { device, reason, message } => {
                if let Some(news) = self.device(device.0) {
                    news.lose(Lost { reason, message });
                }
            }
        }
    }

    fn take(&self, request: RequestId) -> Option<Pending> {
        lock(&self.pending).remove(&request.0)
    }

    fn answer(&self, request: RequestId, reply: Reply) {
        if let Some(pending) = self.take(request) {
            // Whoever asked may have stopped waiting.
            let _ = pending.answer.send(reply);
        }
    }

    fn device(&self, id: u32) -> Option<Arc<News>> {
        lock(&self.devices).get(&id).map(Arc::clone)
    }

    /// Ends every wait. The first reason stays.
    pub(super) fn end(&self, reason: &str) {
        lock(&self.credit).ended.get_or_insert_with(|| reason.to_owned());
        self.credited.notify_all();
        let devices: Vec<_> = lock(&self.devices).values().map(Arc::clone).collect();
        for news in devices {
            news.lose(Lost::unknown(reason));
        }
        lock(&self.pending).clear();
    }
}

impl Pending {
    /// Takes a piece of a map's contents, never more than the map asked for.
    fn gather(&mut self, data: &[u8]) {
        if self.data.capacity() == 0 {
            self.data.reserve_exact(self.expected);
        }
        let room = self.expected.saturating_sub(self.data.len());
        self.data.extend_from_slice(data.get(..room.min(data.len())).unwrap_or_default());
    }
}
