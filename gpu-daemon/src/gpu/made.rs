//! Properties of a texture that outlive it.

use std::cell::Cell;

use wgpu_core::resource::TextureDescriptor;
use wgpu_types::TextureDimension;

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
    /// True for a 3D texture.
    pub fn is_volume(&self) -> bool {
        self.descriptor.dimension == TextureDimension::D3
    }

    /// True for a valid texture that is destroyed: wgpu creates no views and bind groups of it.
    pub fn needs_stand_in(&self) -> bool {
        self.valid && self.destroyed.get()
    }
}
