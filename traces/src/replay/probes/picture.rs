//! One picture of a texture: the commands that copy it, and the PNG of its texels.

use airlock_protocol::{
    commands::{
        buffer::{BufferUsage, CreateBuffer, MapBuffer, MapMode},
        command_encoder::{CopyTextureToBuffer, CreateCommandEncoder, FinishCommandEncoder},
        queue::Submit,
        render_pass::{BeginRenderPass, ColorAttachment, EndRenderPass, LoadOp, StoreOp},
        texture::{
            CreateTexture, CreateTextureView, Extent3d, Origin3d, TexelCopyBufferInfo, TexelCopyBufferLayout,
            TexelCopyTextureInfo, TextureAspect, TextureDimension, TextureFormat, TextureUsage,
        },
    },
    ids::{
        BufferId, CommandBufferId, CommandEncoderId, DeviceId, Id, RenderPassId, RequestId, TextureId, TextureViewId,
    },
};

use crate::replay::{Inject, texels::Layout};

use super::{FreeIds, drop_object, quietly};

/// WebGPU's alignment of rows in a buffer, in bytes.
const ROW_ALIGNMENT: u64 = 256;

/// Maximum bytes of one picture on the GPU: the length that every adapter allows for one buffer (WebGPU, "Limits",
/// `maxBufferSize`).
const MAX_PICTURE: u64 = 256 << 20;

/// Number of ids of every kind that a picture uses.
pub(super) const IDS: u32 = 2;

/// The subject of a picture.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subject {
    /// The texture's device.
    pub device: DeviceId,
    /// The texture.
    pub texture: TextureId,
    /// Its format.
    pub format: TextureFormat,
    /// It has several samples per texel, and is resolved first.
    pub multisampled: bool,
    /// The aspect.
    pub layout: Layout,
    /// The size of the mip level in texels.
    pub size: (u32, u32),
    /// The mip level.
    pub mip_level: u32,
    /// The layer or slice.
    pub layer: u32,
}

/// A picture whose texels have not arrived yet.
#[derive(Debug)]
pub(super) struct Picture {
    layout: Layout,
    size: (u32, u32),
    row: u64,
    bytes: Vec<u8>,
}

/// The requests of a picture.
#[derive(Clone, Copy, Debug)]
pub(super) struct Questions {
    /// The map.
    pub map: RequestId,
    /// The scopes around it.
    pub scopes: [RequestId; 2],
}

impl Subject {
    /// Takes the picture, and waits for it.
    pub fn take(&self, ids: &FreeIds, to: &mut dyn Inject) -> Result<(Questions, Picture), String> {
        let (width, height) = self.size;
        let row = (u64::from(width) * u64::from(self.layout.texel_bytes())).next_multiple_of(ROW_ALIGNMENT);
        let size = row.saturating_mul(height.into());
        let bytes_per_row = u32::try_from(row).ok().filter(|_| size <= MAX_PICTURE && size > 0);
        let Some(bytes_per_row) = bytes_per_row else { return Err(format!("{width} × {height} texels are too many")) };
        let made = Made::new(ids, self.multisampled).ok_or("the trace uses every id")?;
        let map = to.request();
        let scopes = quietly(self.device, to, |to| {
            self.copy(&made, bytes_per_row, size, to);
            to.send(MapBuffer { request: map, buffer: made.buffer, mode: MapMode::Read, offset: 0, size }.into());
        });
        to.settle();
        made.drop_all(to);
        let bytes = Vec::new();
        Ok((Questions { map, scopes }, Picture { layout: self.layout, size: self.size, row, bytes }))
    }

    fn copy(&self, made: &Made, bytes_per_row: u32, size: u64, to: &mut dyn Inject) {
        let (device, encoder, buffer, label) = (self.device, made.encoder, made.buffer, "");
        let usage = BufferUsage::MAP_READ | BufferUsage::COPY_DST;
        to.send(CreateBuffer { device, buffer, label, size, usage, mapped_at_creation: false }.into());
        to.send(CreateCommandEncoder { device, encoder, label }.into());
        let resolved = made.resolve.map(|resolve| self.resolve(encoder, resolve, to));
        let texture = resolved.unwrap_or(self.texture);
        let origin = Origin3d { z: self.layer, ..Origin3d::default() };
        let (mip_level, aspect) = (self.mip_level, self.layout.aspect);
        let layout = TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(bytes_per_row), rows_per_image: None };
        let copy = CopyTextureToBuffer {
            encoder,
            source: TexelCopyTextureInfo { texture, mip_level, origin, aspect },
            destination: TexelCopyBufferInfo { buffer, layout },
            size: self.extent(),
        };
        to.send(copy.into());
        to.send(FinishCommandEncoder { encoder, command_buffer: made.command_buffer, label }.into());
        to.send(Submit { device, command_buffers: vec![made.command_buffer] }.into());
    }

    fn extent(&self) -> Extent3d {
        Extent3d { width: self.size.0, height: self.size.1, depth_or_array_layers: 1 }
    }

    /// Resolves the samples into a texture of one sample per texel.
    fn resolve(&self, encoder: CommandEncoderId, resolve: Resolve, to: &mut dyn Inject) -> TextureId {
        let Resolve { texture, from, view, pass } = resolve;
        let create = CreateTexture {
            device: self.device,
            texture,
            label: "",
            size: self.extent(),
            mip_level_count: 1,
            sample_count: 1,
            dimension: TextureDimension::D2,
            format: self.format,
            usage: TextureUsage::RENDER_ATTACHMENT | TextureUsage::COPY_SRC,
            view_formats: Vec::new(),
        };
        to.send(create.into());
        for (texture, view) in [(self.texture, from), (texture, view)] {
            let create = CreateTextureView {
                texture,
                view,
                label: "",
                format: None,
                dimension: None,
                usage: None,
                aspect: TextureAspect::All,
                base_mip_level: 0,
                mip_level_count: None,
                base_array_layer: 0,
                array_layer_count: None,
            };
            to.send(create.into());
        }
        let attachment = ColorAttachment {
            view: from,
            depth_slice: None,
            resolve_target: Some(view),
            clear_value: [0.0; 4],
            load_op: LoadOp::Load,
            store_op: StoreOp::Store,
        };
        let begin = BeginRenderPass {
            encoder,
            pass,
            label: "",
            color_attachments: vec![Some(attachment)],
            depth_stencil_attachment: None,
            occlusion_query_set: None,
            timestamp_writes: None,
        };
        to.send(begin.into());
        to.send(EndRenderPass { pass }.into());
        texture
    }
}

/// Temporary objects of a picture.
struct Made {
    buffer: BufferId,
    encoder: CommandEncoderId,
    command_buffer: CommandBufferId,
    resolve: Option<Resolve>,
}

#[derive(Clone, Copy)]
struct Resolve {
    texture: TextureId,
    from: TextureViewId,
    view: TextureViewId,
    pass: RenderPassId,
}

impl Made {
    fn new(ids: &FreeIds, multisampled: bool) -> Option<Self> {
        let (buffer, encoder, command_buffer) = (ids.id(0)?, ids.id(0)?, ids.id(0)?);
        let resolve = if multisampled {
            Some(Resolve { texture: ids.id(0)?, from: ids.id(0)?, view: ids.id(1)?, pass: ids.id(0)? })
        } else {
            None
        };
        Some(Self { buffer, encoder, command_buffer, resolve })
    }

    fn drop_all(&self, to: &mut dyn Inject) {
        if let Some(resolve) = self.resolve {
            drop_object(to, resolve.pass.object());
            drop_object(to, resolve.from.object());
            drop_object(to, resolve.view.object());
            drop_object(to, resolve.texture.object());
        }
        drop_object(to, self.encoder.object());
        drop_object(to, self.command_buffer.object());
        drop_object(to, self.buffer.object());
    }
}

impl Picture {
    /// Appends a piece of the readback.
    pub fn add(&mut self, piece: &[u8]) {
        self.bytes.extend_from_slice(piece);
    }

    /// The picture as PNG.
    pub fn png(&self) -> Result<Vec<u8>, String> {
        let (width, height) = self.size;
        let (color, depth) = self.layout.png();
        let texel = self.layout.texel_bytes() as usize;
        let line = texel.saturating_mul(width as usize);
        let row = usize::try_from(self.row).unwrap_or(usize::MAX);
        let rows: Vec<_> = self.bytes.chunks(row).filter_map(|row| row.get(..line)).take(height as usize).collect();
        if rows.len() != height as usize {
            return Err("fewer texels came back than it has".to_owned());
        }
        let mut texels = Vec::with_capacity(line.saturating_mul(rows.len()));
        rows.iter().flat_map(|row| row.chunks_exact(texel)).for_each(|texel| self.layout.convert(texel, &mut texels));
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, width, height);
        encoder.set_color(color);
        encoder.set_depth(depth);
        let written = encoder.write_header().and_then(|mut writer| {
            writer.write_image_data(&texels)?;
            writer.finish()
        });
        written.map_err(|error| error.to_string())?;
        Ok(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::texels::layouts;

    #[test]
    fn rows_come_without_their_padding() {
        let layout = layouts(TextureFormat::Bgra8unorm)[0];
        let mut picture = Picture { layout, size: (2, 2), row: 256, bytes: Vec::new() };
        let mut bytes = vec![9; 512];
        bytes[..8].copy_from_slice(&[0, 1, 2, 3, 4, 5, 6, 7]);
        bytes[256..264].copy_from_slice(&[8, 9, 10, 11, 12, 13, 14, 15]);
        picture.add(&bytes[..260]);
        assert!(picture.png().unwrap_err().contains("fewer"));
        picture.add(&bytes[260..]);
        let file = picture.png().unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().unwrap();
        let mut texels = vec![0; 16];
        reader.next_frame(&mut texels).unwrap();
        assert_eq!((reader.info().width, reader.info().height), (2, 2));
        assert_eq!(texels, [2, 1, 0, 3, 6, 5, 4, 7, 10, 9, 8, 11, 14, 13, 12, 15]);
    }
}
