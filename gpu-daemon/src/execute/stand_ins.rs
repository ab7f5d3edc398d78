//! Stand-ins: views and bind groups of destroyed resources.
//!
//! In WebGPU their creation is valid, and a submit that uses them fails. wgpu-core refuses to create them. So they are created
//! from a stand-in: a resource with the same descriptor, which is destroyed as soon as the view or the group exists. A submit
//! that uses them then fails as WebGPU requires.

use std::rc::Rc;

use wgpu_core::{
    id,
    resource::{BufferDescriptor, TextureViewDescriptor},
};

use crate::{
    gpu::{
        device::Device,
        made::Made,
        memory::Charge,
        objects::{Buffer, Object},
        refusal::Refusal,
        sizes::texture_bytes,
    },
    session::Session,
};

/// A resource in place of a destroyed one. Dropping it destroys the resource.
pub(super) enum StandIn {
    Buffer { buffer: Object<id::BufferId>, _charge: Charge },
    Texture { texture: Object<id::TextureId>, _charge: Option<Charge> },
}

impl Drop for StandIn {
    fn drop(&mut self) {
        match self {
            StandIn::Buffer { buffer, .. } => buffer.device.global.buffer_destroy(buffer.id),
            StandIn::Texture { texture, .. } => texture.device.global.texture_destroy(texture.id),
        }
    }
}

impl Session {
    /// A stand-in for a texture; fails above the memory quota.
    pub(super) fn texture_stand_in(
        &mut self,
        device: &Rc<Device>,
        made: &Made,
    ) -> Result<(id::TextureId, StandIn), Refusal> {
        let bytes = texture_bytes(&made.descriptor, &device.global.device_limits(device.id));
        let charge = bytes.map(|bytes| self.reserve(bytes, true)).transpose()?;
        let (id, error) = device.global.device_create_texture(device.id, &made.descriptor, None);
        if let Some(error) = error {
            // A view of it is invalid, which is then reported.
            tracing::debug!("no texture can stand in for a destroyed one: {error}");
        }
        Ok((id, StandIn::Texture { texture: Object { id, device: Rc::clone(device) }, _charge: charge }))
    }

    /// A stand-in for a destroyed texture, and a view of it.
    pub(super) fn view_stand_in(
        &mut self,
        device: &Rc<Device>,
        made: &Made,
        view: &TextureViewDescriptor<'_>,
    ) -> Result<(id::TextureViewId, StandIn), Refusal> {
        let (texture, stand_in) = self.texture_stand_in(device, made)?;
        let (id, _) = device.global.texture_create_view(texture, view, None);
        Ok((id, stand_in))
    }

    /// A stand-in for a destroyed buffer; `None` for one that is not destroyed or was never valid, or above the memory quota.
    pub(super) fn buffer_stand_in(
        &mut self,
        device: &Rc<Device>,
        id: airlock_protocol::ids::BufferId,
    ) -> Option<(id::BufferId, StandIn)> {
        let Buffer { size, usage, destroyed: true, valid: true, .. } = *self.buffers.get(id).ok()? else { return None };
        let charge = self.reserve(size, false).ok()?;
        let descriptor = BufferDescriptor { label: None, size, usage, mapped_at_creation: false };
        let (id, error) = device.global.device_create_buffer(device.id, &descriptor, None);
        if let Some(error) = error {
            tracing::debug!("no buffer can stand in for a destroyed one: {error}");
        }
        Some((id, StandIn::Buffer { buffer: Object { id, device: Rc::clone(device) }, _charge: charge }))
    }
}
