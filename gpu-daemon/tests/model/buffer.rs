//! `GPUBuffer`, and `writeBuffer`.

use airlock_protocol::{
    Payload,
    commands::{buffer::*, queue::WriteBuffer},
};

use crate::model::{Buffer, Model, Verdict};

/// The default of `maxBufferSize`.
const MAX_SIZE: u64 = 256 << 20;

impl Model {
    pub fn create_buffer(&mut self, c: &CreateBuffer<'_>) -> Verdict {
        let beside = |one: BufferUsage, other: BufferUsage| !c.usage.contains(one) || (one | other).contains(c.usage);
        let valid = !c.usage.is_empty()
            && beside(BufferUsage::MAP_READ, BufferUsage::COPY_DST)
            && beside(BufferUsage::MAP_WRITE, BufferUsage::COPY_SRC)
            && c.size <= MAX_SIZE
            && (!c.mapped_at_creation || c.size.is_multiple_of(4));
        let (size, usage, mapped, destroyed) = (c.size, c.usage, c.mapped_at_creation, false);
        let known = valid && size <= Buffer::MOST;
        let contents = if known { vec![0; size as usize] } else { vec![] };
        let at_creation = mapped;
        self.buffers.insert(c.buffer.0, Buffer { valid, size, usage, mapped, at_creation, destroyed, contents, known });
        Some(!valid)
    }

    pub fn destroy_buffer(&mut self, c: &DestroyBuffer) -> Verdict {
        let buffer = self.buffers.get_mut(&c.buffer.0)?;
        (buffer.mapped, buffer.at_creation, buffer.destroyed) = (false, false, true);
        Some(false)
    }

    pub fn map_buffer(&mut self, c: &MapBuffer) -> Verdict {
        let buffer = self.buffers.get_mut(&c.buffer.0)?;
        let usage = match c.mode {
            MapMode::Read => BufferUsage::MAP_READ,
            MapMode::Write => BufferUsage::MAP_WRITE,
        };
        let valid = buffer.valid
            && !buffer.destroyed
            && !buffer.mapped
            && buffer.usage.contains(usage)
            && c.offset.is_multiple_of(8)
            && c.size.is_multiple_of(4)
            && c.offset.checked_add(c.size).is_some_and(|end| end <= buffer.size);
        buffer.mapped |= valid;
        Some(!valid)
    }

    pub fn unmap_buffer(&mut self, c: &UnmapBuffer) -> Verdict {
        let buffer = self.buffers.get_mut(&c.buffer.0)?;
        (buffer.mapped, buffer.at_creation) = (false, false);
        Some(false)
    }

    /// A write to a buffer that is mapped at its creation. No copy can read it before the unmap.
    pub fn write_mapped(&mut self, c: &WriteMapped<'_>) -> Verdict {
        let buffer = self.buffers.get_mut(&c.buffer.0)?;
        let Payload::Inline(bytes) = c.data else { return None };
        // Another write would end the session.
        let within = c.offset.checked_add(bytes.len() as u64).is_some_and(|end| end <= buffer.size);
        if !buffer.at_creation || !within {
            return None;
        }
        buffer.put(c.offset, bytes);
        Some(false)
    }

    pub fn write_buffer(&mut self, c: &WriteBuffer<'_>) -> Verdict {
        let (buffer, size) = (self.buffers.get_mut(&c.buffer.0)?, c.data.len());
        let valid = buffer.valid
            && !buffer.destroyed
            && !buffer.mapped
            && buffer.usage.contains(BufferUsage::COPY_DST)
            && c.offset.is_multiple_of(4)
            && size.is_multiple_of(4)
            && c.offset.checked_add(size).is_some_and(|end| end <= buffer.size);
        if let Payload::Inline(bytes) = c.data
            && valid
        {
            buffer.put(c.offset, bytes);
        }
        Some(!valid)
    }
}
