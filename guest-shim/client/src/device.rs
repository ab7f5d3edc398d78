//! `GPUDevice`: its state, its error scopes, its loss. Creation of other objects is in their files.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicU32, Ordering},
};

use airlock_protocol::{
    commands::{
        adapter::{AdapterInfo, Capabilities, FeatureName, Limits},
        device::DestroyDevice,
        session::SetLabel,
    },
    ids::{DeviceId, Id},
};

use crate::{
    client::Client,
    object::bounded_label,
    queue::Queue,
    session::{ErrorStream, Lost, News, Wait, lock},
};

/// A device, shared by all of its objects.
#[derive(Debug)]
pub(crate) struct DeviceState {
    /// The number of its session.
    pub(crate) session: u32,
    /// Its id in that session.
    pub(crate) id: DeviceId,
    /// Granted features and limits.
    pub(crate) capabilities: Arc<Capabilities>,
    /// The guest called `destroy`.
    destroyed: AtomicBool,
    /// Scopes on the guest's stack.
    pub(crate) scopes: AtomicU32,
    /// The queue's label; a queue has no id of its own.
    queue_label: Mutex<String>,
    news: Arc<News>,
}

/// A device's numbers, for callers that need no more of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceKey {
    pub(crate) session: u32,
    pub(crate) id: DeviceId,
}

impl DeviceState {
    pub(crate) fn new(
        session: u32,
        id: DeviceId,
        capabilities: Arc<Capabilities>,
        news: Arc<News>,
        queue_label: String,
    ) -> Self {
        Self {
            session,
            id,
            capabilities,
            destroyed: AtomicBool::new(false),
            scopes: AtomicU32::new(0),
            queue_label: Mutex::new(queue_label),
            news,
        }
    }

    pub(crate) fn key(&self) -> DeviceKey {
        DeviceKey { session: self.session, id: self.id }
    }

    pub(crate) fn queue_label(&self) -> String {
        lock(&self.queue_label).clone()
    }

    pub(crate) fn set_queue_label(&self, label: String) {
        *lock(&self.queue_label) = label;
    }

    /// True when the device is known to be lost: it then has no errors.
    pub(crate) fn is_lost(&self) -> bool {
        self.is_destroyed() || self.news.is_lost()
    }

    /// True when the guest has destroyed the device.
    pub(crate) fn is_destroyed(&self) -> bool {
        self.destroyed.load(Ordering::Relaxed)
    }
}

/// `GPUDevice`.
#[derive(Debug)]
pub struct Device {
    pub(crate) state: Arc<DeviceState>,
    label: String,
}

impl Device {
    pub(crate) fn new(state: Arc<DeviceState>, label: String) -> Self {
        Self { state, label }
    }

    /// A device that was never granted and has no session: its objects are inert and raise no errors.
    pub fn nowhere() -> Self {
        let news = News::new(DeviceId(0), Arc::default());
        let state = DeviceState::new(0, DeviceId(0), Arc::default(), Arc::new(news), String::new());
        Self::new(Arc::new(state), String::new())
    }

    /// The same device for another owner, with an empty label of its own.
    pub fn share(&self) -> Self {
        Self::new(Arc::clone(&self.state), String::new())
    }

    /// Features, limits and info.
    pub fn capabilities(&self) -> &Arc<Capabilities> {
        &self.state.capabilities
    }

    /// `GPUDevice.features`.
    pub fn features(&self) -> &[FeatureName] {
        &self.state.capabilities.features
    }

    /// `GPUDevice.limits`.
    pub fn limits(&self) -> &Limits {
        &self.state.capabilities.limits
    }

    /// `GPUDevice.adapterInfo`.
    pub fn adapter_info(&self) -> &AdapterInfo {
        &self.state.capabilities.info
    }

    /// `GPUDevice.queue`. It is the same queue each time, and keeps the device alive as its objects do.
    pub fn queue(&self) -> Queue {
        Queue::new(Arc::clone(&self.state))
    }

    /// `GPUDevice.destroy`. Its buffers are unmapped at once; `lost` resolves when the daemon has destroyed it.
    pub fn destroy(&self, client: &mut Client) {
        self.state.destroyed.store(true, Ordering::Relaxed);
        client.send(&self.state, DestroyDevice { device: self.state.id });
        // The guest may await `lost` next, which makes no request and so sends no batch.
        client.flush(&self.state);
    }

    /// The label, empty where none was set.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Sets the label, truncated to [`MAX_LABEL`](airlock_protocol::limits::MAX_LABEL) bytes.
    pub fn set_label(&mut self, client: &mut Client, label: String) {
        self.label = bounded_label(Some(label));
        client.send(&self.state, SetLabel { object: self.state.id.object(), label: &self.label });
    }

    /// `GPUDevice.lost`. The wait never ends without a reason: a session that has ended loses its devices.
    pub fn lost(&self, client: &mut Client) -> Wait<Arc<Lost>> {
        // The gathered commands may cause the loss.
        client.flush(&self.state);
        Wait::new(self.state.news.loss(), None)
    }

    /// `GPUDevice.onuncapturederror`, as a new stream for each call. The first receives the errors from before it.
    pub fn uncaptured_errors(&self, client: &mut Client) -> ErrorStream {
        client.flush(&self.state);
        self.state.news.open_stream()
    }

    /// Drops an owner's handle. Its objects keep the device.
    pub fn release(self, client: &mut Client) {
        client.release_device(self.state);
    }
}
