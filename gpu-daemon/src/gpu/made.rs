//! What is known of a texture when it is gone.

use std::cell::Cell;

use wgpu_core::resource::TextureDescriptor;

/// How a texture was made, and whether it is destroyed.
#[derive(Debug)]
pub struct Made {
    /// As wgpu had it, without the label.
    pub descriptor: TextureDescriptor<'static>,
    /// Its creation succeeded.
    pub valid: bool,
    /// The client has destroyed it.
    pub destroyed: Cell<bool>,
}

impl Made {
    /// Whether another texture stands in for it from now on: wgpu makes nothing of one that is destroyed.
    pub fn needs_stand_in(&self) -> bool {
        self.valid && self.destroyed.get()
    }
}
