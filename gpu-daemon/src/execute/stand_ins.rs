//! Views and bind groups of resources that are destroyed.
//!
//! WebGPU makes them valid, and has the submit of what uses them fail. wgpu-core refuses to make them. Here they are made of
//! a stand-in: a resource of the same description, which is destroyed as soon as the view or the group is there. What
//! uses these then fails as if the stand-in were the resource.

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

/// A resource in the place of one that is destroyed. Dropping it destroys it.
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
    /// A stand-in for a texture; an error where there is no memory for it.
    pub(super) fn texture_stand_in(
        &mut self,
        device: &Rc<Device>,
        made: &Made,
    ) -> Result<(id::TextureId, StandIn), Refusal> {
        let bytes = texture_bytes(&made.descriptor, &device.global.device_limits(device.id));
        let charge = bytes.map(|bytes| self.reserve(bytes, true)).transpose()?;
        let (id, error) = device.global.device_create_texture(device.id, &made.descriptor, None);
        if let Some(error) = error {
            // The view of it is invalid, which is then reported.
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

    /// A stand-in for a destroyed buffer; nothing for one that is not, or was never valid.
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
