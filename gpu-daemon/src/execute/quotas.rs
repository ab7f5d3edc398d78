//! Quotas of a session.
//!
//! | quota | flag | default | effect above it |
//! |---|---|---|---|
//! | GPU memory | `--max-gpu-memory` | 4G | an out-of-memory error and an invalid buffer, texture or query set |
//! | GPU memory of textures | `--max-texture-memory` | 2G | the same, for textures |
//! | live objects of each kind | `--max-objects` | 262144 | an out-of-memory error and an invalid object, for buffers, textures, samplers, bind group layouts, shader modules and query sets; an error in reply for adapters and devices; the loss of its devices for the others |
//! | data in flight to the GPU | `--max-in-flight` | 1G | a write waits for earlier ones; a write that exceeds the quota by itself is an out-of-memory error, and writes nothing |
//! | source of a shader | `--max-shader-source` | 4M | a validation error and an invalid module |
//! | unfinished submits of a device | `--max-queue-depth` | 1024 | a further submit waits |
//! | memory of the GPU process | `--max-memory` | 8G | the loss of its devices |
//! | a submit on the GPU | `--gpu-timeout` | 30 s | the loss of its devices |
//! | compilation of a shader or pipeline | `--compile-timeout` | 30 s | the loss of its devices |
//! | any other command | `--command-timeout` | 30 s | the loss of its devices |
//! | unread events, an unfinished batch | `--client-timeout` | 30 s | the loss of its devices |
//!
//! GPU memory is counted twice ([`crate::gpu::memory`]), and the larger sum applies. Where wgpu's counters exceed the
//! quota, the session first waits for the GPU, which may release memory, before it raises an error.
//!
//! The [`watchdog`](crate::worker::watchdog) enforces the deadlines and the memory of the process, which includes a
//! software adapter's GPU memory and memory without a quota of its own: commands that are recorded and never submitted,
//! a growing compiler. Bounds that are part of the protocol are in `limits`.

use crate::{
    gpu::{
        device::Device,
        memory::{Charge, Counted, Used},
        refusal::Refusal,
    },
    session::Session,
    worker::vitals::Vitals,
};

impl Session {
    /// Counts a refusal by a quota.
    pub fn refused(&self) {
        Vitals::add(&self.vitals.quota_hits, 1);
    }

    /// Raises a refusal as an out-of-memory error.
    pub fn out_of_memory(&self, device: &Device, call: &str, label: &str, refusal: &Refusal) {
        self.refused();
        device.out_of_memory(call, label, refusal);
    }

    /// Reserves GPU memory for an object, before its creation.
    pub fn reserve(&mut self, bytes: u64, texture: bool) -> Result<Charge, Refusal> {
        self.check(self.memory.used(), bytes, texture)?;
        if self.check(self.counted(), bytes, texture).is_err() {
            self.settle_gpu();
            self.check(self.counted(), bytes, texture)?;
        }
        Ok(self.memory.charge(bytes, texture))
    }

    fn check(&self, current: Used, more: u64, texture: bool) -> Result<(), Refusal> {
        let used = current.buffers.saturating_add(current.textures);
        let max = self.quotas.max_gpu_memory;
        if used.saturating_add(more) > max.0 {
            return Err(Refusal::Memory { more, used, max });
        }
        let (used, max) = (current.textures, self.quotas.max_texture_memory);
        if texture && used.saturating_add(more) > max.0 {
            return Err(Refusal::Textures { more, used, max });
        }
        Ok(())
    }

    /// Sum of wgpu's counters of all devices, above their baselines.
    fn counted(&self) -> Used {
        self.counted.iter().map(Counted::used).fold(Used::default(), |sum, used| Used {
            buffers: sum.buffers.saturating_add(used.buffers),
            textures: sum.textures.saturating_add(used.textures),
        })
    }
}
