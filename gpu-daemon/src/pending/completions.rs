//! Asynchronous completions: maps, work-done requests and device losses. Shared by the executor and the poll thread.
//!
//! wgpu calls the callbacks on either thread: on the poll thread when the GPU is done, on the executor during its own
//! polls after a batch, in a submit that finds work done, or in an unmap that ends a map. A buffer's mapping has one
//! entry in `maps`, and every access to mapped memory holds that table's lock, so an unmap on one thread cannot release
//! the memory under a copy on the other. The entry is removed before the call into wgpu that ends the mapping; a callback
//! without an entry does nothing. The lock is never held across a call that ends a mapping or waits, so it cannot be
//! taken in the opposite order to wgpu's own locks.
//!
//! A loss is only recorded where wgpu reports it, deep inside its calls and locks, and handled by
//! [`Completions::settle_losses`] between the calls.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, Weak},
    time::Duration,
};

use airlock_protocol::{
    Event,
    commands::buffer::MapMode,
    events::{DeviceLostReason, MapError, MapErrorKind},
    ids::{BufferId, RequestId},
    limits::{MAX_MESSAGE, MAX_PENDING, cut},
};
use wgpu_core::{
    id,
    resource::{BufferAccessError, BufferAccessResult},
};
use wgpu_types::error::{ErrorType, WebGpuError};

use crate::{
    gpu::{
        credit::Credit,
        device::CoreDevice,
        errors, mapped,
        violation::{Outcome, Violation},
    },
    lock::{lock, lock_within},
    pending::{
        submits::Submits,
        watch::{Ticket, Watch},
    },
    worker::events::Events,
};

const DEVICE_LOST: &str = "the device is lost";

/// Time limit for the lock over the maps at the end of a session: another thread may be copying from or to mapped memory.
const MAPS_PATIENCE: Duration = Duration::from_millis(100);

/// Pending completions.
#[derive(Debug)]
pub struct Completions {
    pub events: Events,
    /// What the client may write to of its ring.
    pub credit: Arc<Credit>,
    /// Open tickets, for the poll thread.
    pub watch: Watch,
    /// Unfinished submits.
    pub submits: Submits,
    maps: Mutex<HashMap<u32, Mapping>>,
    works: Mutex<HashMap<Ticket, Work>>,
    losses: Mutex<Vec<Loss>>,
    devices: Mutex<Vec<Weak<CoreDevice>>>,
}

type Maps<'a> = MutexGuard<'a, HashMap<u32, Mapping>>;

/// The mapping of one buffer, from the request to the unmap.
#[derive(Debug)]
struct Mapping {
    device: Arc<CoreDevice>,
    buffer: id::BufferId,
    mode: MapMode,
    offset: u64,
    size: u64,
    state: MapState,
}

#[derive(Clone, Copy, Debug)]
enum MapState {
    Pending {
        request: RequestId,
        ticket: Ticket,
    },
    Mapped,
    /// Mapped at creation, but the creation failed: the guest's writes are discarded.
    Void,
}

#[derive(Debug)]
struct Work {
    device: Arc<CoreDevice>,
    request: RequestId,
}

#[derive(Debug)]
struct Loss {
    device: Arc<CoreDevice>,
    message: String,
}

/// State of a buffer's mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Current {
    /// Unmapped.
    None,
    /// The map waits for the GPU.
    Pending,
    Mapped,
}

impl Completions {
    /// Creates tables without entries.
    pub fn new(events: Events) -> Self {
        Self {
            credit: Credit::new(events.clone()),
            events,
            watch: Watch::default(),
            submits: Submits::default(),
            maps: Mutex::default(),
            works: Mutex::default(),
            losses: Mutex::default(),
            devices: Mutex::default(),
        }
    }

    /// Registers a device, so that its loss is reported even when the session ends abruptly.
    pub fn add_device(&self, device: &Arc<CoreDevice>) {
        let mut devices = lock(&self.devices);
        devices.retain(|device| device.strong_count() > 0);
        devices.push(Arc::downgrade(device));
    }

    /// Checks that one more request may be pending ([`MAX_PENDING`]).
    pub fn check_room(&self) -> Outcome {
        if self.watch.len() >= MAX_PENDING { Err(Violation::Pending) } else { Ok(()) }
    }

    // Maps.

    /// State of the buffer's mapping.
    pub fn current(&self, buffer: BufferId) -> Current {
        match lock(&self.maps).get(&buffer.0).map(|mapping| mapping.state) {
            None => Current::None,
            Some(MapState::Pending { .. }) => Current::Pending,
            Some(MapState::Mapped | MapState::Void) => Current::Mapped,
        }
    }

    /// Adds the mapping of a buffer that is mapped at creation; `valid` when the creation succeeded.
    pub fn mapped_at_creation(
        &self,
        buffer: BufferId,
        device: &Arc<CoreDevice>,
        id: id::BufferId,
        size: u64,
        valid: bool,
    ) {
        let state = if valid { MapState::Mapped } else { MapState::Void };
        let device = Arc::clone(device);
        let mapping = Mapping { device, buffer: id, mode: MapMode::Write, offset: 0, size, state };
        lock(&self.maps).insert(buffer.0, mapping);
    }

    /// Adds a pending map, before the call into wgpu.
    pub fn map_pending(
        &self,
        buffer: BufferId,
        device: &Arc<CoreDevice>,
        id: id::BufferId,
        mode: MapMode,
        (offset, size): (u64, u64),
        request: RequestId,
    ) -> Ticket {
        let ticket = self.watch.open(device);
        let state = MapState::Pending { request, ticket };
        let mapping = Mapping { device: Arc::clone(device), buffer: id, mode, offset, size, state };
        lock(&self.maps).insert(buffer.0, mapping);
        ticket
    }

    /// wgpu's callback for a map.
    pub fn map_done(&self, buffer: BufferId, of: Ticket, result: BufferAccessResult) {
        let mut maps = lock(&self.maps);
        let Some(mapping) = maps.get_mut(&buffer.0) else { return };
        let MapState::Pending { request, ticket } = mapping.state else { return };
        if ticket != of {
            return;
        }
        let device = Arc::clone(&mapping.device);
        match result.and_then(|()| self.send_contents(mapping, request)) {
            Ok(()) => {
                mapping.state = MapState::Mapped;
                self.events.send(&Event::Mapped { request, result: Ok(()) });
            }
            Err(error) => {
                maps.remove(&buffer.0);
                self.reject_map(request, map_error(&error));
            }
        }
        drop(maps);
        self.watch.close(&device, ticket);
    }

    fn send_contents(&self, mapping: &Mapping, request: RequestId) -> Result<(), BufferAccessError> {
        mapped::read(&mapping.device.global, mapping.buffer, mapping.offset, mapping.size, |contents| {
            self.events.send_contents(request, contents);
        })
    }

    /// Rejects a map request.
    pub fn reject_map(&self, request: RequestId, error: MapError) {
        self.events.send(&Event::Mapped { request, result: Err(error) });
    }

    /// Calls `with` on a part of a range that is mapped for writing. Returns `with` unused where there is no memory but the
    /// client is not at fault: the buffer is invalid, or its device is lost.
    pub fn write_mapped<T, F: FnOnce(&mut [u8]) -> T>(
        &self,
        buffer: BufferId,
        device: &CoreDevice,
        offset: u64,
        len: u64,
        with: F,
    ) -> Result<Result<T, F>, Violation> {
        let not_mapped = Violation::NotMapped { buffer: buffer.0, offset, len };
        let maps = lock(&self.maps);
        if device.is_lost() {
            return Ok(Err(with));
        }
        let mapping = match maps.get(&buffer.0) {
            Some(mapping) if mapping.mode == MapMode::Write => mapping,
            Some(_) | None => return Err(not_mapped),
        };
        let start = offset.checked_sub(mapping.offset);
        let Some((start, end)) = start.and_then(|start| Some((start, start.checked_add(len)?))) else {
            return Err(not_mapped);
        };
        if end > mapping.size {
            return Err(not_mapped);
        }
        match mapping.state {
            MapState::Pending { .. } => return Err(not_mapped),
            MapState::Void => return Ok(Err(with)),
            MapState::Mapped => {}
        }
        // Requests the whole range, because wgpu requires alignments that a part need not have.
        let mut with = Some(with);
        let written = mapped::write(&device.global, mapping.buffer, mapping.offset, mapping.size, |contents| {
            let (Ok(start), Ok(end)) = (usize::try_from(start), usize::try_from(end)) else { return None };
            let part = contents.get_mut(start..end)?;
            Some(with.take()?(part))
        });
        match (written, with) {
            (Ok(Some(value)), _) => Ok(Ok(value)),
            (_, Some(with)) => Ok(Err(with)),
            (_, None) => Err(not_mapped),
        }
    }

    /// Removes a buffer's mapping; a pending map is rejected with an abort. Call it before wgpu's unmap, destroy or
    /// drop.
    pub fn end_mapping(&self, buffer: BufferId) {
        let mut maps = lock(&self.maps);
        // `HashMap::remove` hashes the key even when the map is empty, which is the usual case.
        let mapping = if maps.is_empty() { None } else { maps.remove(&buffer.0) };
        drop(maps);
        if let Some(mapping) = mapping {
            self.abort(&mapping, "the buffer was unmapped, destroyed or dropped before the map was done");
        }
    }

    /// Removes a device's mappings and returns the ids of their buffers.
    pub fn end_mappings(&self, device: &CoreDevice, why: &str) -> Vec<id::BufferId> {
        self.end_mappings_in(lock(&self.maps), device, why)
    }

    fn end_mappings_in(&self, mut maps: Maps<'_>, device: &CoreDevice, why: &str) -> Vec<id::BufferId> {
        let mut ended = Vec::new();
        maps.retain(|_, mapping| {
            let keep = mapping.device.serial != device.serial;
            if !keep {
                ended.push(Mapping { device: Arc::clone(&mapping.device), ..*mapping });
            }
            keep
        });
        drop(maps);
        for mapping in &ended {
            self.abort(mapping, why);
        }
        ended.iter().map(|mapping| mapping.buffer).collect()
    }

    fn abort(&self, mapping: &Mapping, why: &str) {
        if let MapState::Pending { request, ticket } = mapping.state {
            self.reject_map(request, MapError { kind: MapErrorKind::Abort, message: why.to_owned() });
            self.watch.close(&mapping.device, ticket);
        }
    }

    // Submitted work.

    /// Adds a pending work-done request, before the call into wgpu.
    pub fn work_pending(&self, device: &Arc<CoreDevice>, request: RequestId) -> Ticket {
        let ticket = self.watch.open(device);
        lock(&self.works).insert(ticket, Work { device: Arc::clone(device), request });
        ticket
    }

    /// wgpu's callback for submitted work.
    pub fn work_done(&self, ticket: Ticket) {
        let work = lock(&self.works).remove(&ticket);
        if let Some(work) = work {
            self.events.send(&Event::WorkDone { request: work.request });
            self.watch.close(&work.device, ticket);
        }
    }

    // Losses.

    /// Records a loss; callable from anywhere inside wgpu.
    pub fn note_loss(&self, device: Arc<CoreDevice>, message: String) {
        device.set_lost();
        lock(&self.losses).push(Loss { device, message });
    }

    /// Ends all pending work of lost devices and reports the losses to the client. Called between calls into wgpu, by both
    /// threads.
    pub fn settle_losses(&self) {
        let losses = std::mem::take(&mut *lock(&self.losses));
        for loss in losses {
            self.settle(&loss.device, &loss.message);
        }
    }

    fn settle(&self, device: &Arc<CoreDevice>, message: &str) {
        self.end_mappings(device, DEVICE_LOST);
        self.settle_rest(device, message);
    }

    fn settle_rest(&self, device: &Arc<CoreDevice>, message: &str) {
        let works: Vec<Ticket> = lock(&self.works)
            .iter()
            .filter(|(_, work)| work.device.serial == device.serial)
            .map(|(&ticket, _)| ticket)
            .collect();
        for ticket in works {
            self.work_done(ticket);
        }
        self.watch.forget(device);
        self.submits.forget(device);
        if device.announce() && !device.is_dropped() {
            let (reason, message) = if device.is_destroyed() {
                (DeviceLostReason::Destroyed, "the device was destroyed")
            } else {
                tracing::warn!("device {} is lost: {message}", device.client.0);
                (DeviceLostReason::Unknown, message)
            };
            let message = cut(message, MAX_MESSAGE).to_owned();
            self.events.send(&Event::DeviceLost { device: device.client, reason, message });
        }
        self.credit.forget(device.serial);
    }

    /// Reports the loss of every live device at the end of the session. If a hung thread holds the lock over the maps,
    /// mappings remain and the loss is still reported; the other locks are never held for long.
    pub fn lose_all(&self, message: &str) {
        let devices: Vec<_> = lock(&self.devices).iter().filter_map(Weak::upgrade).collect();
        for device in devices {
            device.set_lost();
            if let Some(maps) = lock_within(&self.maps, MAPS_PATIENCE) {
                self.end_mappings_in(maps, &device, DEVICE_LOST);
            }
            self.settle_rest(&device, message);
            // Dropping it would call into wgpu again.
            std::mem::forget(device);
        }
    }
}

/// The error that `mapAsync` rejects with.
fn map_error(error: &BufferAccessError) -> MapError {
    let aborted = matches!(error, BufferAccessError::MapAborted) || error.webgpu_error_type() == ErrorType::DeviceLost;
    let kind = if aborted { MapErrorKind::Abort } else { MapErrorKind::Operation };
    MapError { kind, message: errors::describe("GPUBuffer.mapAsync", "", error) }
}
