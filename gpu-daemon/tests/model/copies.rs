//! Copies between buffers and textures, by an encoder or the queue.

use airlock_protocol::commands::{buffer::BufferUsage, command_encoder::*, queue::WriteTexture, texture::*};

use crate::{
    contents::Effect,
    model::{Model, Texture, Verdict},
    texture::format,
};

impl Model {
    pub fn copy_buffer_to_buffer(&mut self, c: &CopyBufferToBuffer) -> Verdict {
        let (source, destination) = (self.buffers.get(&c.source.0)?, self.buffers.get(&c.destination.0)?);
        let size = c.size.unwrap_or(source.size.saturating_sub(c.source_offset));
        let fits =
            |offset: u64, of: u64| offset.is_multiple_of(4) && offset.checked_add(size).is_some_and(|end| end <= of);
        let valid = source.valid
            && destination.valid
            && source.usage.contains(BufferUsage::COPY_SRC)
            && destination.usage.contains(BufferUsage::COPY_DST)
            && size.is_multiple_of(4)
            && fits(c.source_offset, source.size)
            && fits(c.destination_offset, destination.size)
            && c.source != c.destination;
        let (source, destination) = (c.source.0, c.destination.0);
        let (from, to) = (c.source_offset, c.destination_offset);
        self.record(c.encoder.0, valid, |used| {
            used.buffers.extend([source, destination]);
            used.effects.push(Effect::Copy { source, from, destination, to, size });
        })
    }

    pub fn clear_buffer(&mut self, c: &ClearBuffer) -> Verdict {
        let buffer = self.buffers.get(&c.buffer.0)?;
        let size = c.size.unwrap_or(buffer.size.saturating_sub(c.offset));
        let valid = buffer.valid
            && buffer.usage.contains(BufferUsage::COPY_DST)
            && size.is_multiple_of(4)
            && c.offset.is_multiple_of(4)
            && c.offset.checked_add(size).is_some_and(|end| end <= buffer.size);
        let (buffer, offset) = (c.buffer.0, c.offset);
        self.record(c.encoder.0, valid, |used| {
            used.buffers.insert(buffer);
            used.effects.push(Effect::Clear { buffer, offset, size });
        })
    }

    pub fn copy_buffer_to_texture(&mut self, c: &CopyBufferToTexture) -> Verdict {
        let (buffer, texture) = (self.buffers.get(&c.source.buffer.0)?, self.textures.get(&c.destination.texture.0)?);
        let valid = buffer.valid
            && buffer.usage.contains(BufferUsage::COPY_SRC)
            && texture.usage.contains(TextureUsage::COPY_DST)
            && has_range(texture, &c.destination, c.size)
            && texture.samples == 1
            && buffer_copy(texture, c.destination.aspect, true, &c.source.layout, buffer.size, c.size, true);
        let (buffer, texture) = (c.source.buffer.0, c.destination.texture.0);
        self.record(c.encoder.0, valid, |used| {
            used.buffers.insert(buffer);
            used.textures.insert(texture);
        })
    }

    pub fn copy_texture_to_buffer(&mut self, c: &CopyTextureToBuffer) -> Verdict {
        let (texture, buffer) = (self.textures.get(&c.source.texture.0)?, self.buffers.get(&c.destination.buffer.0)?);
        let valid = buffer.valid
            && buffer.usage.contains(BufferUsage::COPY_DST)
            && texture.usage.contains(TextureUsage::COPY_SRC)
            && has_range(texture, &c.source, c.size)
            && texture.samples == 1
            && buffer_copy(texture, c.source.aspect, false, &c.destination.layout, buffer.size, c.size, true);
        let (buffer, texture) = (c.destination.buffer.0, c.source.texture.0);
        self.record(c.encoder.0, valid, |used| {
            used.buffers.insert(buffer);
            used.textures.insert(texture);
            used.effects.push(Effect::Unknown(buffer));
        })
    }

    pub fn write_texture(&mut self, c: &WriteTexture<'_>) -> Verdict {
        let texture = self.textures.get(&c.destination.texture.0)?;
        let valid = !texture.destroyed
            && texture.usage.contains(TextureUsage::COPY_DST)
            && has_range(texture, &c.destination, c.size)
            && texture.samples == 1
            && buffer_copy(texture, c.destination.aspect, true, &c.layout, c.data.len(), c.size, false);
        Some(!valid)
    }

    pub fn copy_texture_to_texture(&mut self, c: &CopyTextureToTexture) -> Verdict {
        let (source, destination) =
            (self.textures.get(&c.source.texture.0)?, self.textures.get(&c.destination.texture.0)?);
        let all = |texture: &Texture, aspect| {
            let format = format(texture.format);
            aspect == TextureAspect::All || (format.has(aspect) && format.depth != format.stencil)
        };
        let valid = has_range(source, &c.source, c.size)
            && has_range(destination, &c.destination, c.size)
            && source.usage.contains(TextureUsage::COPY_SRC)
            && destination.usage.contains(TextureUsage::COPY_DST)
            && source.samples == destination.samples
            && source.format == destination.format
            && all(source, c.source.aspect)
            && all(destination, c.destination.aspect)
            && (c.source.texture != c.destination.texture || are_apart(source, c));
        let textures = [c.source.texture.0, c.destination.texture.0];
        self.record(c.encoder.0, valid, |used| used.textures.extend(textures))
    }
}

/// "The set of subresources for texture copy" of both must be disjoint.
fn are_apart(texture: &Texture, c: &CopyTextureToTexture) -> bool {
    if c.source.mip_level != c.destination.mip_level {
        return true;
    }
    let count = u64::from(c.size.depth_or_array_layers);
    let (one, other) = (u64::from(c.source.origin.z), u64::from(c.destination.origin.z));
    texture.dimension == TextureDimension::D2 && (one + count <= other || other + count <= one)
}

/// "Validating GPUTexelCopyTextureInfo", and "validating texture copy range".
fn has_range(texture: &Texture, info: &TexelCopyTextureInfo, size: Extent3d) -> bool {
    if !texture.valid || info.mip_level >= texture.levels {
        return false;
    }
    let level = texture.level(info.mip_level);
    let within = |origin: u32, size: u32, all: u32| origin.checked_add(size).is_some_and(|end| end <= all);
    let whole = info.origin.x == 0 && info.origin.y == 0 && size.width == level.width && size.height == level.height;
    within(info.origin.x, size.width, level.width)
        && within(info.origin.y, size.height, level.height)
        && within(info.origin.z, size.depth_or_array_layers, level.depth_or_array_layers)
        && (whole || (format(texture.format).is_color() && texture.samples == 1))
}

/// The rules for a copy between a texture and bytes: aspects, alignment where `is_buffer`, and
/// "validating linear texture data".
fn buffer_copy(
    texture: &Texture,
    aspect: TextureAspect,
    to_texture: bool,
    layout: &TexelCopyBufferLayout,
    bytes: u64,
    size: Extent3d,
    is_buffer: bool,
) -> bool {
    let of = format(texture.format);
    let stencil = aspect == TextureAspect::StencilOnly || (aspect == TextureAspect::All && of.stencil && !of.depth);
    let block = match texture.format {
        _ if of.depth && of.stencil && aspect == TextureAspect::All => None,
        _ if !of.has(aspect) => None,
        _ if stencil => Some(1),
        TextureFormat::Depth16unorm => Some(2),
        TextureFormat::Depth32float if !to_texture => Some(4),
        _ if of.depth => None,
        _ => Some(of.bytes),
    };
    let Some(block) = block else { return false };
    if is_buffer {
        let alignment = if of.is_color() { u64::from(block) } else { 4 };
        if !layout.offset.is_multiple_of(alignment)
            || layout.bytes_per_row.is_some_and(|bytes| !bytes.is_multiple_of(256))
        {
            return false;
        }
    }
    let (rows, images) = (u64::from(size.height), u64::from(size.depth_or_array_layers));
    let last_row = u64::from(size.width) * u64::from(block);
    if layout.bytes_per_row.is_none() && (rows > 1 || images > 1) || layout.rows_per_image.is_none() && images > 1 {
        return false;
    }
    if layout.bytes_per_row.is_some_and(|bytes| u64::from(bytes) < last_row)
        || layout.rows_per_image.is_some_and(|given| u64::from(given) < rows)
    {
        return false;
    }
    let per_row = u128::from(layout.bytes_per_row.unwrap_or(0));
    let per_image = per_row * u128::from(layout.rows_per_image.unwrap_or(0));
    let mut needed = 0;
    if images > 0 {
        needed += per_image * u128::from(images - 1);
        if rows > 0 {
            needed += per_row * u128::from(rows - 1) + u128::from(last_row);
        }
    }
    u128::from(layout.offset) + needed <= u128::from(bytes)
}
