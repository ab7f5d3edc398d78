//! What one session may use, and how that is counted.
//!
//! | quota | flag | default | what the guest sees above it |
//! |---|---|---|---|
//! | GPU memory | `--max-gpu-memory` | 4G | an out-of-memory error and an invalid buffer, texture or query set |
//! | GPU memory of textures | `--max-texture-memory` | 2G | the same, of a texture |
//! | live objects of each kind | `--max-objects` | 262144 | an out-of-memory error and an invalid object, for buffers, textures, samplers, bind group layouts, shader modules and query sets; an error in reply for adapters and devices; the loss of its devices for the others |
//! | data on its way to the GPU | `--max-in-flight` | 1G | a write waits until earlier ones are done; one that is larger in itself is an out-of-memory error, and writes nothing |
//! | a shader's source | `--max-shader-source` | 4M | a validation error and an invalid module |
//! | submits that are not done | `--max-queue-depth` | 1024 | a further submit waits |
//! | memory of the GPU process | `--max-memory` | 8G | the loss of its devices |
//! | a submit on the GPU | `--gpu-timeout` | 30 s | the loss of its devices |
//! | the compilation of a shader or pipeline | `--compile-timeout` | 30 s | the loss of its devices |
//! | any other command | `--command-timeout` | 30 s | the loss of its devices |
//! | events that are not read, a batch that is not finished | `--client-timeout` | 30 s | the loss of its devices |
//!
//! GPU memory is counted twice, and the larger sum holds. What the session asked for is counted here: a [`Charge`] lives
//! as long as its object, or until `destroy`. That misses what wgpu keeps alive behind the session's back: a dropped
//! buffer that a bind group still has, a destroyed one that the GPU still uses, staging memory. wgpu's own counters have
//! that on Vulkan and Direct3D 12. When it is they that exceed the quota, what is in flight is waited for first: memory
//! that comes back by itself is no reason for an error.
//!
//! The deadlines are the [`watchdog`](crate::watchdog)'s, as is the memory of the process, which is a software adapter's
//! GPU memory too, and catches what has no quota of its own: commands that are recorded and never submitted, a compiler
//! that grows. The bounds that are part of the protocol are in `limits`.

use std::{
    cell::Cell,
    rc::Rc,
    sync::{Arc, Weak, atomic::Ordering},
    thread,
    time::Duration,
};

use airlock_protocol::size::{Size, describe};
use thiserror::Error;
use wgpu_core::{
    device::queue::QueueSubmitError,
    id::{BufferId, CommandBufferId},
    resource::{BufferDescriptor, TextureDescriptor},
};
use wgpu_types::{self as wgt, PollType, TextureFormat};

use crate::{
    device::{CoreDevice, Device},
    session::Session,
    vitals::{Phase, Vitals},
};

/// The longest pause between two looks at whether the GPU is done.
const LONGEST: Duration = Duration::from_millis(1);

/// Why a quota refuses something.
#[derive(Debug, Error)]
pub enum Refusal {
    /// GPU memory.
    #[error("{} beside the {} that the session has are more than its {} of GPU memory (--max-gpu-memory)",
        describe(*.more), describe(*.has), describe(.most.0))]
    Memory {
        /// What is asked for.
        more: u64,
        /// What there is.
        has: u64,
        /// The quota.
        most: Size,
    },
    /// GPU memory of textures.
    #[error("{} beside the {} that the session has are more than its {} of textures (--max-texture-memory)",
        describe(*.more), describe(*.has), describe(.most.0))]
    Textures {
        /// What is asked for.
        more: u64,
        /// What there is.
        has: u64,
        /// The quota.
        most: Size,
    },
    /// Live objects of a kind.
    #[error("the session has the {most} {kind} objects that it may have (--max-objects)")]
    Objects {
        /// The kind.
        kind: &'static str,
        /// The quota.
        most: u32,
    },
    /// Data of one command.
    #[error("{} of data are more than the {} that may be on their way to the GPU (--max-in-flight)",
        describe(*.bytes), describe(.most.0))]
    InFlight {
        /// What would be held for the write.
        bytes: u64,
        /// The quota.
        most: Size,
    },
    /// A shader that its compiler would not get through.
    #[error("{0}")]
    Source(String),
    /// A shader's source.
    #[error("{} of source are more than the {} that a shader may have (--max-shader-source)",
        describe(*.bytes), describe(.most.0))]
    Shader {
        /// Its length.
        bytes: u64,
        /// The quota.
        most: Size,
    },
}

/// The GPU memory that a session's live objects stand for.
#[derive(Debug)]
pub struct Memory {
    all: Cell<u64>,
    textures: Cell<u64>,
    vitals: Arc<Vitals>,
}

/// One object's part of it, given back when this is dropped.
#[derive(Debug)]
pub struct Charge {
    memory: Rc<Memory>,
    bytes: u64,
    texture: bool,
}

impl Memory {
    /// No object stands for any.
    pub fn new(vitals: Arc<Vitals>) -> Rc<Self> {
        Rc::new(Self { all: Cell::new(0), textures: Cell::new(0), vitals })
    }

    fn charge(self: &Rc<Self>, bytes: u64, texture: bool) -> Charge {
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

/// A device whose counters are read.
#[derive(Debug)]
pub struct Counted {
    device: Weak<CoreDevice>,
    /// What wgpu had for itself when the device was new.
    own: Used,
}

/// What wgpu's counters say of a device.
#[derive(Clone, Copy, Debug, Default)]
struct Used {
    buffers: u64,
    textures: u64,
}

impl Used {
    fn of(device: &CoreDevice) -> Self {
        let hal = device.global.device_get_internal_counters(device.id).hal;
        let bytes = |counter: &wgt::InternalCounter| u64::try_from(counter.read()).unwrap_or(0);
        Self { buffers: bytes(&hal.buffer_memory), textures: bytes(&hal.texture_memory) }
    }
}

impl Counted {
    /// Starts to count a new device, and stops for those that are gone.
    pub fn add(to: &mut Vec<Self>, device: &Arc<CoreDevice>) {
        to.retain(|counted| counted.device.strong_count() > 0);
        to.push(Self { device: Arc::downgrade(device), own: Used::of(device) });
    }
}

impl Session {
    /// A creation, write or source that a quota refuses.
    pub fn refused(&self) {
        Vitals::add(&self.vitals.quota_hits, 1);
    }

    /// Raises a refusal as an out-of-memory error.
    pub fn out_of_memory(&self, device: &Device, call: &str, label: &str, refusal: &Refusal) {
        self.refused();
        device.out_of_memory(call, label, refusal);
    }

    /// Takes GPU memory for an object that is about to be made.
    pub fn reserve(&mut self, bytes: u64, texture: bool) -> Result<Charge, Refusal> {
        let declared = Used {
            buffers: self.memory.all.get().saturating_sub(self.memory.textures.get()),
            textures: self.memory.textures.get(),
        };
        self.check(declared, bytes, texture)?;
        if self.check(self.counted(), bytes, texture).is_err() {
            self.settle_gpu();
            self.check(self.counted(), bytes, texture)?;
        }
        Ok(self.memory.charge(bytes, texture))
    }

    fn check(&self, used: Used, more: u64, texture: bool) -> Result<(), Refusal> {
        let has = used.buffers.saturating_add(used.textures);
        let most = self.quotas.max_gpu_memory;
        if has.saturating_add(more) > most.0 {
            return Err(Refusal::Memory { more, has, most });
        }
        let (has, most) = (used.textures, self.quotas.max_texture_memory);
        if texture && has.saturating_add(more) > most.0 {
            return Err(Refusal::Textures { more, has, most });
        }
        Ok(())
    }

    /// What wgpu's counters say of all devices, beyond what wgpu had for itself.
    fn counted(&self) -> Used {
        let mut sum = Used::default();
        for Counted { device, own } in &self.counted {
            if let Some(device) = device.upgrade() {
                let used = Used::of(&device);
                sum.buffers = sum.buffers.saturating_add(used.buffers.saturating_sub(own.buffers));
                sum.textures = sum.textures.saturating_add(used.textures.saturating_sub(own.textures));
            }
        }
        sum
    }

    /// Waits until all devices are done, so that what only they still hold is free.
    fn settle_gpu(&self) {
        Vitals::add(&self.vitals.throttled, 1);
        let devices: Vec<_> = self.counted.iter().filter_map(|counted| counted.device.upgrade()).collect();
        for device in devices {
            self.flush(&device);
            self.wait_for_gpu(&device, || self.completions.submits.len(&device) == 0);
        }
    }

    /// Submits, and counts the submit until it is done.
    pub fn hand_in(&self, device: &Arc<CoreDevice>, ids: &[CommandBufferId]) -> Result<(), Box<QueueSubmitError>> {
        let submit = self.completions.submits.begin(device);
        match device.global.queue_submit(device.queue, ids) {
            Ok(_) => {
                let completions = Arc::clone(&self.completions);
                let done = move || completions.submits.done(submit);
                device.global.queue_on_submitted_work_done(device.queue, Box::new(done));
                Ok(())
            }
            Err((_, error)) => {
                // A device that is lost holds nothing any more, and is forgotten.
                self.completions.submits.refused(device, submit);
                Err(Box::new(error))
            }
        }
    }

    /// Counts a write that wgpu holds for the device's next submit. Many are submitted at once: the GPU copies them while more
    /// come, and their memory serves again.
    pub fn hold(&self, device: &Device, bytes: u64) {
        if device.is_lost() {
            return;
        }
        device.held.add(bytes);
        if device.held.is_much() {
            self.flush(&device.core);
        }
    }

    /// Submits the writes that wgpu holds for the next submit: they are next in the queue either way.
    fn flush(&self, device: &Arc<CoreDevice>) {
        if let Err(error) = self.hand_in(device, &[]) {
            tracing::debug!("a submit of what was written: {error}");
        }
    }

    /// Waits for the GPU until `done`; a lost device never is. The GPU's deadline holds meanwhile.
    fn wait_for_gpu(&self, device: &CoreDevice, done: impl Fn() -> bool) {
        self.vitals.during(Phase::Waiting, || {
            let mut pause = Duration::from_micros(20);
            loop {
                if let Err(error) = device.global.device_poll(device.id, PollType::Poll) {
                    tracing::debug!("poll of device {}: {error}", device.client.0);
                }
                self.completions.settle_losses();
                if done() || device.is_lost() {
                    return;
                }
                thread::sleep(pause);
                pause = pause.saturating_mul(2).min(LONGEST);
            }
        });
    }

    /// Waits for room in a device's queue.
    pub fn wait_for_queue(&self, device: &Device) {
        let most = self.quotas.max_queue_depth as usize;
        if self.completions.submits.len(device) >= most && !device.is_lost() {
            Vitals::add(&self.vitals.throttled, 1);
            self.wait_for_gpu(device, || self.completions.submits.len(device) < most);
        }
    }

    /// Waits until `bytes` more may be on their way to the GPU.
    pub fn wait_for_flight(&self, device: &Device, bytes: u64) -> Result<(), Refusal> {
        let most = self.quotas.max_in_flight;
        if bytes > most.0 {
            return Err(Refusal::InFlight { bytes, most });
        }
        let submits = &self.completions.submits;
        let room = || submits.bytes().saturating_add(bytes) <= most.0;
        if !room() && !device.is_lost() {
            Vitals::add(&self.vitals.throttled, 1);
            self.flush(&device.core);
            self.wait_for_gpu(device, || room() || submits.len(device) == 0);
        }
        Ok(())
    }
}

/// An invalid buffer, without an error: wgpu refuses one without a usage.
pub fn invalid_buffer(device: &Device, label: wgpu_core::Label<'_>) -> BufferId {
    let usage = wgt::BufferUsages::empty();
    let descriptor = BufferDescriptor { label, size: 0, usage, mapped_at_creation: false };
    device.global.device_create_buffer(device.id, &descriptor, None).0
}

/// Bytes of a texture: each level's texel blocks in all layers and samples. `None` for one that no device can have, which
/// wgpu refuses by itself.
pub fn texture_bytes(descriptor: &TextureDescriptor<'_>, limits: &wgt::Limits) -> Option<u64> {
    let size = descriptor.size;
    let (most, volume) = match descriptor.dimension {
        wgt::TextureDimension::D1 => (limits.max_texture_dimension_1d, false),
        wgt::TextureDimension::D2 => (limits.max_texture_dimension_2d, false),
        wgt::TextureDimension::D3 => (limits.max_texture_dimension_3d, true),
    };
    let layers = if volume { most } else { limits.max_texture_array_layers };
    let fits = size.width <= most && size.height <= most && size.depth_or_array_layers <= layers;
    if !fits || descriptor.mip_level_count > 32 || descriptor.sample_count > 64 {
        return None;
    }
    let (block_width, block_height) = descriptor.format.block_dimensions();
    let mut blocks: u128 = 0;
    for level in 0..descriptor.mip_level_count {
        let at = |length: u32| (length >> level).max(1);
        let wide = u128::from(at(size.width).div_ceil(block_width));
        let high = u128::from(at(size.height).div_ceil(block_height));
        let deep = u128::from(if volume { at(size.depth_or_array_layers) } else { size.depth_or_array_layers });
        // Each factor has at most 32 bits, and there are at most 32 levels.
        blocks = blocks.saturating_add(wide.saturating_mul(high).saturating_mul(deep));
    }
    let bytes = blocks
        .saturating_mul(u128::from(block_bytes(descriptor.format)))
        .saturating_mul(u128::from(descriptor.sample_count));
    Some(u64::try_from(bytes).unwrap_or(u64::MAX))
}

/// Bytes of a texel block in memory; for the formats that WebGPU leaves open, those of the larger choice.
fn block_bytes(format: TextureFormat) -> u32 {
    format.block_copy_size(None).unwrap_or(match format {
        TextureFormat::Depth32FloatStencil8 => 8,
        _ => 4,
    })
}

/// Bytes that wgpu holds for a write to a texture: each row of the copy is brought to the alignment that copies need,
/// which makes narrow ones much larger. None for one that has not the data for its rows, which wgpu refuses before.
pub fn staged_rows(layout: &wgt::TexelCopyBufferLayout, size: &wgt::Extent3d, block_height: u32, data: u64) -> u64 {
    const ALIGNMENT: u64 = wgt::COPY_BYTES_PER_ROW_ALIGNMENT as u64;
    let high = size.height.div_ceil(block_height.max(1));
    let images = u64::from(size.depth_or_array_layers.saturating_sub(1));
    let rows = images.saturating_mul(u64::from(layout.rows_per_image.unwrap_or(high))).saturating_add(u64::from(high));
    let row = layout.bytes_per_row.map_or(data, u64::from);
    if rows.saturating_sub(1).saturating_mul(row) > data {
        return 0;
    }
    let row = row.min(data);
    rows.saturating_mul(row.div_ceil(ALIGNMENT).saturating_mul(ALIGNMENT))
}

#[cfg(test)]
mod tests {
    use wgt::{Extent3d, Limits, TextureDimension, TextureUsages};

    use super::*;

    fn bytes(
        size: [u32; 3],
        dimension: TextureDimension,
        levels: u32,
        samples: u32,
        format: TextureFormat,
    ) -> Option<u64> {
        let [width, height, depth_or_array_layers] = size;
        let descriptor = TextureDescriptor {
            label: None,
            size: Extent3d { width, height, depth_or_array_layers },
            mip_level_count: levels,
            sample_count: samples,
            dimension,
            format,
            usage: TextureUsages::COPY_DST,
            view_formats: Vec::new(),
        };
        texture_bytes(&descriptor, &Limits::default())
    }

    #[test]
    fn a_texture_counts_all_its_texels() {
        use TextureDimension::{D2, D3};
        use TextureFormat as F;
        assert_eq!(bytes([4, 4, 1], D2, 1, 1, F::Rgba8Unorm), Some(64));
        assert_eq!(bytes([4, 4, 1], D2, 3, 1, F::Rgba8Unorm), Some((16 + 4 + 1) * 4));
        assert_eq!(bytes([4, 4, 6], D2, 2, 1, F::R8Unorm), Some(6 * (16 + 4)));
        assert_eq!(bytes([4, 4, 4], D3, 3, 1, F::R8Unorm), Some(64 + 8 + 1));
        assert_eq!(bytes([8, 8, 1], D2, 1, 4, F::Depth32FloatStencil8), Some(64 * 4 * 8));
        assert_eq!(bytes([5, 5, 1], D2, 1, 1, F::Bc1RgbaUnorm), Some(4 * 8));
        assert_eq!(bytes([4, 2, 1], D2, 1, 1, F::Depth24Plus), Some(32));
    }

    #[test]
    fn what_no_device_has_is_left_to_wgpu() {
        use TextureDimension::D2;
        assert_eq!(bytes([u32::MAX; 3], D2, 1, 1, TextureFormat::R8Unorm), None);
        assert_eq!(bytes([1, 1, 1], D2, u32::MAX, 1, TextureFormat::R8Unorm), None);
        assert_eq!(bytes([1, 1, 1], D2, 1, u32::MAX, TextureFormat::R8Unorm), None);
    }

    #[test]
    fn narrow_rows_are_staged_wide() {
        let layout =
            |bytes_per_row, rows_per_image| wgt::TexelCopyBufferLayout { offset: 0, bytes_per_row, rows_per_image };
        let size = |height, depth_or_array_layers| Extent3d { width: 1, height, depth_or_array_layers };
        assert_eq!(staged_rows(&layout(Some(4), None), &size(10, 1), 1, 40), 2560);
        assert_eq!(staged_rows(&layout(Some(4), Some(20)), &size(10, 3), 1, 200), 50 * 256);
        assert_eq!(staged_rows(&layout(None, None), &size(1, 1), 1, 1000), 1024);
        assert_eq!(
            staged_rows(&layout(Some(u32::MAX), Some(u32::MAX)), &size(u32::MAX, u32::MAX), 0, u64::MAX),
            u64::MAX
        );
    }

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
