//! `GPUCanvasContext`: textures that become frames, and the readback of their texels.
//!
//! A frame is a texture like any other, with a label that tells its number ([`frames`]). A frame is read back only on request:
//! [`Canvas::present`] then copies it to a buffer and maps that, and returns a [`FrameRead`].

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use airlock_protocol::{
    commands::{
        buffer::{BufferUsage, MapMode},
        error::ErrorFilter,
        texture::{TextureFormat, TextureUsage},
    },
    frames,
};

use crate::{
    buffer::{Buffer, BufferDescriptor, MapWait, RequestedMap},
    client::Client,
    device::{Device, DeviceKey},
    mapping::MappedBytes,
    object::DeviceObject as _,
    session::Wait,
    texture::{
        Extent3d, Origin3d, TexelCopyBufferInfo, TexelCopyBufferLayout, TexelCopyTextureInfo, Texture,
        TextureDescriptor,
    },
};

/// Copies have rows of a multiple of so many bytes (WebGPU, GPUTexelCopyBufferLayout.bytesPerRow).
const ROW_ALIGNMENT: u32 = 256;

/// Readback buffers that are kept for the next frames.
const MAX_SPARE: usize = 4;

/// `GPUCanvasConfiguration`.
#[derive(Debug)]
pub struct CanvasConfiguration {
    /// The device that makes the textures.
    pub device: Device,
    /// Their format.
    pub format: TextureFormat,
    /// How they may be used; `RENDER_ATTACHMENT` by default.
    pub usage: Option<TextureUsage>,
    /// Formats that their views may have beside their own.
    pub view_formats: Vec<TextureFormat>,
    /// True if alpha is ignored.
    pub opaque: bool,
}

/// `GPUCanvasContext`.
#[derive(Debug, Default)]
pub struct Canvas {
    configuration: Option<CanvasConfiguration>,
    /// The frame that is drawn, by its number.
    current: Option<(u64, Texture)>,
}

/// The readback of a presented frame.
#[derive(Debug)]
pub struct FrameRead {
    info: FrameInfo,
    buffer: Buffer,
    reply: Option<(MapWait, RequestedMap)>,
}

/// A frame that was presented.
#[derive(Debug)]
pub enum Presented {
    /// Its texels are being read back.
    Read(FrameRead),
    /// It is not read back. The wait ends when the GPU has executed it, which limits how far a program runs ahead.
    Done(Wait<()>),
}

/// A frame's number and layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameInfo {
    /// Its number, as its texture's label tells it.
    pub number: u64,
    /// Texels from left to right, and from top to bottom.
    pub size: (u32, u32),
    /// Their format.
    pub format: TextureFormat,
    /// Bytes from a row's start to the next one's.
    pub bytes_per_row: u32,
    /// True if alpha is ignored.
    pub opaque: bool,
}

/// Readback buffers that wait for the next frame of their size.
#[derive(Debug, Default)]
pub struct SpareBuffers(Vec<(DeviceKey, Buffer)>);

/// True for a format that a canvas may have: WebGPU's own, and those that other hosts' windows have.
fn is_shown(format: TextureFormat) -> bool {
    use TextureFormat as F;
    matches!(format, F::Bgra8unorm | F::Bgra8unormSrgb | F::Rgba8unorm | F::Rgba8unormSrgb | F::Rgba16float)
}

impl Canvas {
    /// `GPUCanvasContext.configure`. A format that cannot be shown is a validation error, and leaves no configuration.
    pub fn configure(&mut self, client: &mut Client, configuration: CanvasConfiguration) {
        self.unconfigure(client);
        let CanvasConfiguration { device, format, .. } = &configuration;
        if is_shown(*format) {
            self.configuration = Some(configuration);
            return;
        }
        client.invalid(&device.state, &format!("configure: a surface cannot have the format {format:?}"));
        configuration.device.release(client);
    }

    /// `GPUCanvasContext.unconfigure`.
    pub fn unconfigure(&mut self, client: &mut Client) {
        self.expire(client);
        if let Some(configuration) = self.configuration.take() {
            configuration.device.release(client);
        }
    }

    /// `GPUCanvasContext.getCurrentTexture`: the same one until it is presented, and a new one, of this size and with a number
    /// of its own, after that. Without a configuration it is a texture of no device.
    pub fn current_texture(
        &mut self,
        client: &mut Client,
        (width, height): (u32, u32),
        number: impl FnOnce() -> u64,
    ) -> Texture {
        let size = Extent3d { width, height: Some(height), depth_or_array_layers: None };
        let plain = |label, format, usage, view_formats| TextureDescriptor {
            label: Some(label),
            size,
            mip_level_count: None,
            sample_count: None,
            dimension: None,
            format,
            usage,
            view_formats,
        };
        let Some(CanvasConfiguration { device, format, usage, view_formats, .. }) = &self.configuration else {
            let none = plain(String::new(), TextureFormat::Bgra8unorm, TextureUsage::RENDER_ATTACHMENT, Vec::new());
            return Device::nowhere().create_texture(client, none);
        };
        let (_, texture) = self.current.get_or_insert_with(|| {
            let number = number();
            let usage = usage.unwrap_or(TextureUsage::RENDER_ATTACHMENT) | TextureUsage::COPY_SRC;
            let descriptor = plain(frames::label(number), *format, usage, view_formats.clone());
            (number, device.create_texture(client, descriptor))
        });
        texture.share()
    }

    /// Presents the current texture and expires it (WebGPU, "update the rendering of a WebGPU canvas"). With `read`, its texels
    /// are read back. `None` without a current texture.
    pub fn present(&mut self, client: &mut Client, read: Option<&mut SpareBuffers>) -> Option<Presented> {
        let CanvasConfiguration { device, opaque, .. } = self.configuration.as_ref()?;
        let (number, texture) = self.current.as_ref()?;
        let read = read.and_then(|spare| FrameRead::start(client, spare, device, (*number, texture, *opaque)));
        let presented = read.map(Presented::Read).unwrap_or_else(|| {
            let queue = device.queue();
            let done = queue.on_submitted_work_done(client);
            queue.release(client);
            Presented::Done(done)
        });
        self.expire(client);
        Some(presented)
    }

    /// Ends the current texture (WebGPU, "expire the current texture").
    fn expire(&mut self, client: &mut Client) {
        if let Some((_, mut texture)) = self.current.take() {
            texture.destroy(client);
            texture.release(client);
        }
    }
}

impl FrameRead {
    /// Copies a frame to a buffer and maps that. An error scope keeps errors of the readback from the program.
    fn start(
        client: &mut Client,
        spare: &mut SpareBuffers,
        device: &Device,
        (number, texture, opaque): (u64, &Texture, bool),
    ) -> Option<Self> {
        let (size, format) = (texture.size(), texture.format());
        let texel_bytes = u32::try_from(format.texel_bytes()?).ok()?;
        let bytes_per_row = size.width.checked_mul(texel_bytes)?.checked_next_multiple_of(ROW_ALIGNMENT)?;
        let bytes = u64::from(bytes_per_row).checked_mul(u64::from(size.height))?;
        let info = FrameInfo { number, size: (size.width, size.height), format, bytes_per_row, opaque };
        device.push_error_scope(client, ErrorFilter::OutOfMemory);
        device.push_error_scope(client, ErrorFilter::Validation);
        let mut buffer = spare.take(client, device, bytes);
        let encoder = device.create_command_encoder(client, Some(frames::label(number)));
        let source = TexelCopyTextureInfo { texture, mip_level: None, origin: Origin3d::default(), aspect: None };
        let layout = TexelCopyBufferLayout { bytes_per_row: Some(bytes_per_row), ..TexelCopyBufferLayout::default() };
        let destination = TexelCopyBufferInfo { buffer: &buffer, layout };
        let extent = Extent3d { width: size.width, height: Some(size.height), depth_or_array_layers: None };
        encoder.copy_texture_to_buffer(client, source, destination, extent);
        let commands = encoder.finish(client, None);
        let queue = device.queue();
        queue.submit(client, [&commands]);
        let reply = buffer.map_async(client, Some(MapMode::Read), None, None);
        queue.release(client);
        commands.release(client);
        encoder.release(client);
        for _ in 0..2 {
            drop(device.pop_error_scope(client));
        }
        match reply {
            Ok(reply) => Some(Self { info, buffer, reply: Some(reply) }),
            Err(_) => {
                buffer.release(client);
                None
            }
        }
    }

    /// The frame's number and layout.
    pub fn info(&self) -> FrameInfo {
        self.info
    }

    /// The texels; `None` if they cannot be read, for example after the loss of the device.
    pub fn poll(&mut self, client: &mut Client, context: &mut Context<'_>) -> Poll<Option<MappedBytes>> {
        let Some((wait, _)) = &mut self.reply else { return Poll::Ready(None) };
        let Poll::Ready(reply) = Pin::new(wait).poll(context) else { return Poll::Pending };
        let finished = self.reply.take().map(|(_, map)| map.finish(client, Some(&mut self.buffer), reply));
        Poll::Ready(self.texels(finished))
    }

    /// Blocks until the texels have been read.
    pub fn wait(&mut self, client: &mut Client) -> Option<MappedBytes> {
        let (wait, map) = self.reply.take()?;
        let finished = map.finish(client, Some(&mut self.buffer), wait.wait());
        self.texels(Some(finished))
    }

    fn texels<E>(&self, finished: Option<Result<(), E>>) -> Option<MappedBytes> {
        finished?.ok()?;
        self.buffer.mapped_range(None, None).ok()
    }

    /// Ends the readback; its buffer may serve the next frame.
    pub fn end(self, client: &mut Client, spare: &mut SpareBuffers) {
        let mut buffer = self.buffer;
        if self.reply.is_some() || spare.0.len() >= MAX_SPARE {
            return buffer.release(client);
        }
        buffer.unmap(client);
        spare.0.push((buffer.base().device.key(), buffer));
    }
}

impl SpareBuffers {
    /// A buffer of this size. Those of other sizes or devices are released: the canvas has changed.
    fn take(&mut self, client: &mut Client, device: &Device, size: u64) -> Buffer {
        let key = device.state.key();
        while let Some((owner, buffer)) = self.0.pop() {
            if owner == key && buffer.size() == size {
                return buffer;
            }
            buffer.release(client);
        }
        let usage = BufferUsage::MAP_READ | BufferUsage::COPY_DST;
        let descriptor = BufferDescriptor { label: Some("frame".to_owned()), size, usage, mapped_at_creation: None };
        device.create_buffer(client, descriptor)
    }

    /// Releases all buffers.
    pub fn clear(&mut self, client: &mut Client) {
        self.0.drain(..).for_each(|(_, buffer)| buffer.release(client));
    }
}
