//! Quotas of a session.
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
//! GPU memory is counted twice ([`crate::gpu::memory`]), and the larger sum holds. Where wgpu's counters exceed the quota,
//! the session waits for the GPU first: memory that comes back by itself is no reason for an error.
//!
//! The deadlines are the [`watchdog`](crate::worker::watchdog)'s, as is the memory of the process, which is a software adapter's
//! GPU memory too, and catches what has no quota of its own: commands that are recorded and never submitted, a compiler
//! that grows. The bounds that are part of the protocol are in `limits`.

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
        self.check(self.memory.used(), bytes, texture)?;
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
        self.counted.iter().map(Counted::used).fold(Used::default(), |sum, used| Used {
            buffers: sum.buffers.saturating_add(used.buffers),
            textures: sum.textures.saturating_add(used.textures),
        })
    }
}
