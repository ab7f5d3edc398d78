//! Device: wgpu's ids, the error scopes, and the loss.

use std::{
    cell::RefCell,
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use airlock_protocol::{
    Event,
    commands::error::{ErrorFilter, GpuError},
    ids::DeviceId,
    limits::{MAX_MESSAGE, cut},
};
use wgpu_core::{global::Global, id};
use wgpu_types::error::WebGpuError;

use crate::{
    gpu::{
        errors::{self, Scopes},
        held::Held,
        uploads::Uploads,
    },
    worker::events::Events,
};

/// State of a device shared by the executor and the poll thread. The last handle drops wgpu's device.
#[derive(Debug)]
pub struct CoreDevice {
    /// The wgpu instance that all of the ids below belong to.
    pub global: Arc<Global>,
    pub id: id::DeviceId,
    pub queue: id::QueueId,
    /// Serial number, unique in the process: the client reuses its ids.
    pub serial: u64,
    /// The client's id.
    pub client: DeviceId,
    /// Staged writes before the next submit.
    pub held: Held,
    /// Writes that the GPU copies out of the ring.
    pub uploads: Uploads,
    lost: AtomicBool,
    destroyed: AtomicBool,
    announced: AtomicBool,
    dropped: AtomicBool,
}

impl CoreDevice {
    /// Wraps wgpu's device and queue.
    pub fn new(
        global: Arc<Global>,
        id: id::DeviceId,
        queue: id::QueueId,
        serial: u64,
        client: DeviceId,
        held: Held,
        uploads: Uploads,
    ) -> Self {
        let no = || AtomicBool::new(false);
        Self {
            global,
            id,
            queue,
            serial,
            client,
            held,
            uploads,
            lost: no(),
            destroyed: no(),
            announced: no(),
            dropped: no(),
        }
    }

    /// True when the device is lost or destroyed; later calls treat both alike.
    pub fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Acquire)
    }

    /// Marks the device as lost by wgpu.
    pub fn set_lost(&self) {
        self.lost.store(true, Ordering::Release);
    }

    /// Marks the device as destroyed by the client.
    pub fn set_destroyed(&self) {
        self.destroyed.store(true, Ordering::Release);
        self.set_lost();
    }

    /// True after [`CoreDevice::set_destroyed`].
    pub fn is_destroyed(&self) -> bool {
        self.destroyed.load(Ordering::Acquire)
    }

    /// Marks the client's handle as dropped: the client may reuse the id for another device.
    pub fn set_dropped(&self) {
        self.dropped.store(true, Ordering::Release);
    }

    /// True after [`CoreDevice::set_dropped`].
    pub fn is_dropped(&self) -> bool {
        self.dropped.load(Ordering::Acquire)
    }

    /// True on the first call only, so that a loss is reported once.
    pub fn announce(&self) -> bool {
        !self.announced.swap(true, Ordering::AcqRel)
    }
}

impl Drop for CoreDevice {
    fn drop(&mut self) {
        let (ring, open) = self.uploads.end();
        if let Some(open) = open {
            self.global.command_encoder_drop(open.encoder);
        }
        if let Some(ring) = ring {
            self.global.buffer_drop(ring);
        }
        self.global.queue_drop(self.queue);
        self.global.device_drop(self.id);
    }
}

/// The executor's state of a device. Each object of the device keeps it alive, as WebGPU requires.
#[derive(Debug)]
pub struct Device {
    /// Shared with the poll thread.
    pub core: Arc<CoreDevice>,
    pub scopes: RefCell<Scopes>,
    events: Events,
}

impl Deref for Device {
    type Target = CoreDevice;

    fn deref(&self) -> &CoreDevice {
        &self.core
    }
}

impl Device {
    /// Creates a device without scopes.
    pub fn new(core: Arc<CoreDevice>, events: Events) -> Self {
        Self { core, scopes: RefCell::default(), events }
    }

    /// Raises an error in the innermost matching scope, or as uncaptured. A lost device raises no errors.
    pub fn raise(&self, kind: ErrorFilter, message: &str) {
        if self.is_lost() {
            return;
        }
        tracing::debug!("device {}: {kind:?}: {message}", self.client.0);
        let error = GpuError { kind, message: cut(message, MAX_MESSAGE).to_owned() };
        // The borrow succeeds: no code that holds one raises an error.
        let uncaught = match self.scopes.try_borrow_mut() {
            Ok(mut scopes) => scopes.catch(error),
            Err(_) => Some(error),
        };
        if let Some(error) = uncaught
            && !self.is_dropped()
        {
            self.events.send(&Event::Uncaptured { device: self.client, error });
        }
    }

    /// Raises a validation error of the daemon's own checks.
    pub fn invalid(&self, call: &str, label: &str, reason: &str) {
        self.raise(ErrorFilter::Validation, &errors::describe(call, label, &Reason(reason.to_owned())));
    }

    /// Raises an out-of-memory error of the daemon's own quotas.
    pub fn out_of_memory(&self, call: &str, label: &str, error: &(dyn std::error::Error + 'static)) {
        self.raise(ErrorFilter::OutOfMemory, &errors::describe(call, label, error));
    }

    /// Raises an error that wgpu returned.
    #[cold]
    pub fn report(&self, call: &str, label: &str, error: &impl WebGpuError) {
        if let Some(kind) = errors::kind(error.webgpu_error_type()) {
            self.raise(kind, &errors::describe(call, label, error));
        }
    }

    /// Raises the error of a call, if there is one.
    #[inline]
    pub fn check<T, E: WebGpuError>(&self, call: &str, result: Result<T, E>) {
        if let Err(error) = result {
            self.report(call, "", &error);
        }
    }

    /// Raises the error of a creation, if there is one, and returns the id: wgpu returns that of an invalid object on
    /// error.
    #[inline]
    pub fn created<I, E: WebGpuError>(&self, call: &str, label: &str, (id, error): (I, Option<E>)) -> I {
        if let Some(error) = error {
            self.report(call, label, &error);
        }
        id
    }
}

/// An error of the daemon's own checks.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Reason(pub String);
