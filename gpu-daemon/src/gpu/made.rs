//! Properties of a texture that outlive it.

use std::cell::Cell;

use wgpu_core::resource::TextureDescriptor;

/// Descriptor and state of a texture.
#[derive(Debug)]
pub struct Made {
    /// The descriptor passed to wgpu, without the label.
    pub descriptor: TextureDescriptor<'static>,
    /// Its creation succeeded.
    pub valid: bool,
    /// The client has destroyed it.
    pub destroyed: Cell<bool>,
}

impl Made {
    /// True for a valid texture that is destroyed: wgpu creates no views and bind groups of it.
    pub fn needs_stand_in(&self) -> bool {
        self.valid && self.destroyed.get()
    }
}
