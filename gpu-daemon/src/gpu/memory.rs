//! GPU memory accounting, done twice: by the descriptors of live objects, and by wgpu's own counters.
//!
//! A [`Charge`] lives as long as its object, or until `destroy`. That misses memory that wgpu keeps alive longer: a
//! dropped buffer that a bind group refers to, a destroyed one that the GPU still uses, staging memory. wgpu's own
//! counters ([`Counted`]) include that on Vulkan and Direct3D 12.

use std::{
    cell::Cell,
    rc::Rc,
    sync::{Arc, Weak, atomic::Ordering},
};

use wgpu_types as wgt;

use crate::{gpu::device::CoreDevice, worker::vitals::Vitals};

/// GPU memory of a session's live objects.
#[derive(Debug)]
pub struct Memory {
    all: Cell<u64>,
    textures: Cell<u64>,
    vitals: Arc<Vitals>,
}

/// One object's share, released on drop.
#[derive(Debug)]
pub struct Charge {
    memory: Rc<Memory>,
    bytes: u64,
    texture: bool,
}

impl Memory {
    /// Creates an accounting without objects.
    pub fn new(vitals: Arc<Vitals>) -> Rc<Self> {
        Rc::new(Self { all: Cell::new(0), textures: Cell::new(0), vitals })
    }

    /// Bytes of the live objects.
    pub fn used(&self) -> Used {
        let textures = self.textures.get();
        Used { buffers: self.all.get().saturating_sub(textures), textures }
    }

    /// Counts an object until the charge is dropped.
    pub fn charge(self: &Rc<Self>, bytes: u64, texture: bool) -> Charge {
        self.all.set(self.all.get().saturating_add(bytes));
        if texture {
            self.textures.set(self.textures.get().saturating_add(bytes));
        }
        self.vitals.gpu_memory.store(self.all.get(), Ordering::Relaxed);
        Charge { memory: Rc::clone(self), bytes, texture }
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        let Memory { all, textures, vitals } = &*self.memory;
        all.set(all.get().saturating_sub(self.bytes));
        if self.texture {
            textures.set(textures.get().saturating_sub(self.bytes));
        }
        vitals.gpu_memory.store(all.get(), Ordering::Relaxed);
    }
}

/// A device with its counters' baseline.
#[derive(Debug)]
pub struct Counted {
    device: Weak<CoreDevice>,
    /// wgpu's own use when the device was created.
    own: Used,
}

/// Memory use in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Used {
    pub buffers: u64,
    pub textures: u64,
}

impl Used {
    fn of(device: &CoreDevice) -> Self {
        let hal = device.global.device_get_internal_counters(device.id).hal;
        let bytes = |counter: &wgt::InternalCounter| u64::try_from(counter.read()).unwrap_or(0);
        Self { buffers: bytes(&hal.buffer_memory), textures: bytes(&hal.texture_memory) }
    }
}

impl Counted {
    /// Adds a new device, and removes dropped ones.
    pub fn add(to: &mut Vec<Self>, device: &Arc<CoreDevice>) {
        to.retain(|counted| counted.device.strong_count() > 0);
        to.push(Self { device: Arc::downgrade(device), own: Used::of(device) });
    }

    /// The device, unless it was dropped.
    pub fn device(&self) -> Option<Arc<CoreDevice>> {
        self.device.upgrade()
    }

    /// Bytes beyond the baseline; zero for a dropped device.
    pub fn used(&self) -> Used {
        let Some(device) = self.device() else { return Used::default() };
        let used = Used::of(&device);
        Used {
            buffers: used.buffers.saturating_sub(self.own.buffers),
            textures: used.textures.saturating_sub(self.own.textures),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_given_back_once() {
        let memory = Memory::new(Arc::default());
        let first = memory.charge(100, true);
        let second = memory.charge(u64::MAX, false);
        assert_eq!((memory.all.get(), memory.textures.get()), (u64::MAX, 100));
        drop(second);
        drop(first);
        assert_eq!((memory.all.get(), memory.textures.get()), (0, 0));
    }
}
