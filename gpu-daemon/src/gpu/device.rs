//! A device as the session sees it: wgpu's ids, the error scopes, and whether it is lost.

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
    },
    worker::events::Events,
};

/// What both threads know of a device. wgpu's device is dropped with the last handle.
#[derive(Debug)]
pub struct CoreDevice {
    /// The wgpu instance that all of the ids below belong to.
    pub global: Arc<Global>,
    /// wgpu's device.
    pub id: id::DeviceId,
    /// wgpu's queue.
    pub queue: id::QueueId,
    /// A number that no other device of the process had or will have: the client uses its ids again.
    pub serial: u64,
    /// The client's id.
    pub client: DeviceId,
    /// What was written and not submitted.
    pub held: Held,
    lost: AtomicBool,
    destroyed: AtomicBool,
    announced: AtomicBool,
    dropped: AtomicBool,
}

impl CoreDevice {
    /// Wraps what wgpu gave.
    pub fn new(
        global: Arc<Global>,
        id: id::DeviceId,
        queue: id::QueueId,
        serial: u64,
        client: DeviceId,
        held: Held,
    ) -> Self {
        let no = || AtomicBool::new(false);
        Self { global, id, queue, serial, client, held, lost: no(), destroyed: no(), announced: no(), dropped: no() }
    }

    /// The device is lost, or destroyed, which is the same to all that comes after.
    pub fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Acquire)
    }

    /// wgpu has lost it.
    pub fn set_lost(&self) {
        self.lost.store(true, Ordering::Release);
    }

    /// The client has destroyed it.
    pub fn set_destroyed(&self) {
        self.destroyed.store(true, Ordering::Release);
        self.set_lost();
    }

    /// True after [`CoreDevice::set_destroyed`].
    pub fn is_destroyed(&self) -> bool {
        self.destroyed.load(Ordering::Acquire)
    }

    /// The client has dropped its handle, and may use the id for another device.
    pub fn set_dropped(&self) {
        self.dropped.store(true, Ordering::Release);
    }

    /// True after [`CoreDevice::set_dropped`].
    pub fn is_dropped(&self) -> bool {
        self.dropped.load(Ordering::Acquire)
    }

    /// True the first time only: a loss is told once.
    pub fn announce(&self) -> bool {
        !self.announced.swap(true, Ordering::AcqRel)
    }
}

impl Drop for CoreDevice {
    fn drop(&mut self) {
        self.global.queue_drop(self.queue);
        self.global.device_drop(self.id);
    }
}

/// What the executor knows of a device beside that. Each object of the device keeps it alive, as WebGPU has it.
#[derive(Debug)]
pub struct Device {
    /// wgpu's ids and the loss.
    pub core: Arc<CoreDevice>,
    /// The error scopes.
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
    /// A device without scopes.
    pub fn new(core: Arc<CoreDevice>, events: Events) -> Self {
        Self { core, scopes: RefCell::default(), events }
    }

    /// Raises an error: into the innermost matching scope, or uncaptured. A lost device has no errors any more.
    pub fn raise(&self, kind: ErrorFilter, message: &str) {
        if self.is_lost() {
            return;
        }
        tracing::debug!("device {}: {kind:?}: {message}", self.client.0);
        let error = GpuError { kind, message: cut(message, MAX_MESSAGE).to_owned() };
        // The borrow is free: no code that holds it raises an error.
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

    /// Raises a validation error that is found here and not by wgpu.
    pub fn invalid(&self, call: &str, label: &str, reason: &str) {
        self.raise(ErrorFilter::Validation, &errors::describe(call, label, &Reason(reason.to_owned())));
    }

    /// Raises an out-of-memory error that is found here and not by wgpu.
    pub fn out_of_memory(&self, call: &str, label: &str, error: &(dyn std::error::Error + 'static)) {
        self.raise(ErrorFilter::OutOfMemory, &errors::describe(call, label, error));
    }

    /// Raises an error of wgpu's.
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

    /// Raises the error of a creation, if there is one: wgpu gives an id either way, of an invalid object if need be.
    #[inline]
    pub fn created<I, E: WebGpuError>(&self, call: &str, label: &str, (id, error): (I, Option<E>)) -> I {
        if let Some(error) = error {
            self.report(call, label, &error);
        }
        id
    }
}

/// A reason that is found here and not by wgpu.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Reason(pub String);
