//! What the host knows of the guest's objects: enough to answer every synchronous function without asking the daemon.

use std::{ops::Range, sync::Arc};

use airlock_client::session::{DeviceState, Lost};
use airlock_protocol::{
    commands::{
        adapter::Capabilities,
        buffer::{BufferUsage, MapMode},
        error::GpuError as WireError,
        query_set::QueryType,
        shader::CompilationMessage,
        texture::{
            Extent3d, TexelCopyBufferLayout, TexelCopyTextureInfo, TextureAspect, TextureDimension, TextureFormat,
            TextureUsage,
        },
    },
    ids::{self, Id, RequestId},
};
use bytes::Bytes;
use indexmap::IndexMap;

use crate::v0_3::bindings::webgpu;

/// The part that all objects of a device have.
#[derive(Debug)]
pub struct Base<I> {
    /// `None` for an inert object, which no command names.
    pub(crate) id: Option<I>,
    pub(crate) device: Arc<DeviceState>,
    pub(crate) label: String,
}

/// An object with nothing but its base.
pub(crate) trait Based {
    type Id: Id;
    fn base(&self) -> &Base<Self::Id>;
    fn base_mut(&mut self) -> &mut Base<Self::Id>;
    fn into_base(self) -> Base<Self::Id>;
}

macro_rules! objects {
    ($($(#[$doc:meta])* $Name:ident: $Id:ident { $($field:ident: $type:ty,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Debug)]
            pub struct $Name {
                pub(crate) base: Base<ids::$Id>,
                $(pub(crate) $field: $type,)*
            }

            impl Based for $Name {
                type Id = ids::$Id;
                fn base(&self) -> &Base<Self::Id> {
                    &self.base
                }
                fn base_mut(&mut self) -> &mut Base<Self::Id> {
                    &mut self.base
                }
                fn into_base(self) -> Base<Self::Id> {
                    self.base
                }
            }
        )*
    };
}

objects! {
    /// `gpu-buffer`.
    Buffer: BufferId { size: u64, usage: BufferUsage, map: MapState, destroyed: bool, }
    /// `gpu-texture`.
    Texture: TextureId {
        size: Extent3d,
        mip_level_count: u32,
        sample_count: u32,
        dimension: TextureDimension,
        format: TextureFormat,
        usage: TextureUsage,
        destroyed: bool,
    }
    /// `gpu-texture-view`.
    TextureView: TextureViewId {}
    /// `gpu-sampler`.
    Sampler: SamplerId {}
    /// `gpu-bind-group-layout`.
    BindGroupLayout: BindGroupLayoutId {}
    /// `gpu-pipeline-layout`.
    PipelineLayout: PipelineLayoutId {}
    /// `gpu-bind-group`.
    BindGroup: BindGroupId {}
    /// `gpu-shader-module`.
    ShaderModule: ShaderModuleId {}
    /// `gpu-compute-pipeline`.
    ComputePipeline: ComputePipelineId {}
    /// `gpu-render-pipeline`.
    RenderPipeline: RenderPipelineId {}
    /// `gpu-command-encoder`.
    CommandEncoder: CommandEncoderId {}
    /// `gpu-command-buffer`.
    CommandBuffer: CommandBufferId {}
    /// `gpu-render-pass-encoder`.
    RenderPass: RenderPassId {}
    /// `gpu-compute-pass-encoder`.
    ComputePass: ComputePassId {}
    /// `gpu-render-bundle-encoder`.
    RenderBundleEncoder: RenderBundleEncoderId {}
    /// `gpu-render-bundle`.
    RenderBundle: RenderBundleId {}
    /// `gpu-query-set`.
    QuerySet: QuerySetId { ty: QueryType, count: u32, }
}

/// `gpu`.
#[derive(Debug)]
pub struct Gpu;

/// `gpu-adapter`.
#[derive(Debug)]
pub struct Adapter {
    pub(crate) session: u32,
    pub(crate) id: ids::AdapterId,
    pub(crate) capabilities: Arc<Capabilities>,
    /// It has given its one device (WebGPU, "adapter consumed").
    pub(crate) consumed: bool,
}

/// `gpu-device`.
#[derive(Debug)]
pub struct Device {
    pub(crate) device: Arc<DeviceState>,
    pub(crate) label: String,
}

/// `gpu-queue`: every handle of a device's queue is the same queue.
#[derive(Debug)]
pub struct Queue {
    pub(crate) device: Arc<DeviceState>,
}

/// `gpu-supported-features`, `gpu-supported-limits` and `gpu-adapter-info` all show capabilities.
pub type Shown = Arc<Capabilities>;

/// `gpu-supported-features`.
#[derive(Debug)]
pub struct SupportedFeatures(pub(crate) Shown);

/// `gpu-supported-limits`.
#[derive(Debug)]
pub struct SupportedLimits(pub(crate) Shown);

/// `gpu-adapter-info`.
#[derive(Debug)]
pub struct AdapterInfo(pub(crate) Shown);

/// `wgsl-language-features`.
#[derive(Debug)]
pub struct WgslLanguageFeatures;

/// `gpu-device-lost-info`.
#[derive(Debug)]
pub struct DeviceLostInfo(pub(crate) Arc<Lost>);

/// `gpu-error`.
#[derive(Clone, Debug)]
pub struct GpuError(pub(crate) WireError);

/// `gpu-uncaptured-error-event`.
#[derive(Debug)]
pub struct UncapturedErrorEvent(pub(crate) GpuError);

/// `gpu-compilation-info`.
#[derive(Debug)]
pub struct CompilationInfo(pub(crate) Vec<CompilationMessage>);

/// `gpu-compilation-message`.
#[derive(Debug)]
pub struct Message(pub(crate) CompilationMessage);

/// `record-gpu-pipeline-constant-value`.
#[derive(Debug, Default)]
pub struct Constants(pub(crate) IndexMap<String, f64>);

/// `record-option-gpu-size64`.
#[derive(Debug, Default)]
pub struct OptionalSizes(pub(crate) IndexMap<String, Option<u64>>);

/// `gpu-canvas-context`. The interface has no function that makes one: an embedder with something to show pushes one into
/// the table and hands it to its guest through an interface of its own.
#[derive(Debug)]
pub struct CanvasContext {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) configuration: Option<CanvasConfiguration>,
}

impl CanvasContext {
    /// A canvas of this size in texels.
    pub fn new(width: u32, height: u32) -> Self {
        Self { width, height, configuration: None }
    }
}

/// What a canvas was configured with.
#[derive(Clone, Debug)]
pub(crate) struct CanvasConfiguration {
    pub(crate) device: Arc<DeviceState>,
    pub(crate) format: webgpu::GpuTextureFormat,
    pub(crate) usage: Option<webgpu::GpuTextureUsage>,
    pub(crate) view_formats: Option<Vec<webgpu::GpuTextureFormat>>,
    pub(crate) color_space: Option<webgpu::PredefinedColorSpace>,
    pub(crate) tone_mapping: Option<webgpu::GpuCanvasToneMapping>,
    pub(crate) alpha_mode: Option<webgpu::GpuCanvasAlphaMode>,
}

/// Whether a buffer is mapped, and the mapped contents.
#[derive(Debug)]
pub(crate) enum MapState {
    Unmapped,
    Pending {
        request: RequestId,
        /// How long the mapped range will be.
        bytes: usize,
    },
    Mapped(Mapping),
}

impl MapState {
    /// Bytes of the host's memory that the mapping takes, or will.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            MapState::Unmapped => 0,
            MapState::Pending { bytes, .. } => *bytes,
            MapState::Mapped(mapping) => mapping.data.len(),
        }
    }
}

/// The contents of a mapped range.
#[derive(Debug)]
pub(crate) enum Contents {
    /// Nobody else has them.
    Own(Vec<u8>),
    /// They were given out, and are copied if the guest writes to them after all.
    Given(Bytes),
}

impl From<Vec<u8>> for Contents {
    fn from(bytes: Vec<u8>) -> Self {
        Contents::Own(bytes)
    }
}

impl Contents {
    pub(crate) fn len(&self) -> usize {
        self.bytes().len()
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Contents::Own(bytes) => bytes,
            Contents::Given(bytes) => bytes,
        }
    }

    /// A part of them, without a copy; nothing where there is no such part.
    pub(crate) fn share(&mut self, range: Range<usize>) -> Bytes {
        if let Contents::Own(bytes) = self {
            *self = Contents::Given(Bytes::from(std::mem::take(bytes)));
        }
        match self {
            Contents::Given(bytes) if bytes.get(range.clone()).is_some() => bytes.slice(range),
            _ => Bytes::new(),
        }
    }

    pub(crate) fn make_mut(&mut self) -> &mut [u8] {
        if let Contents::Given(bytes) = self {
            // No copy when what was given out is gone.
            *self = Contents::Own(Vec::from(std::mem::take(bytes)));
        }
        match self {
            Contents::Own(bytes) => bytes,
            Contents::Given(_) => &mut [],
        }
    }
}

impl Buffer {
    /// Whether the host knows that a write to the buffer is valid (WebGPU, writeBuffer). That the daemon could make the
    /// buffer at all is taken for granted: where it could not, each part of a long write is an error of its own.
    pub(crate) fn takes(&self, offset: u64, len: usize) -> bool {
        let mapped = !matches!(self.map, MapState::Unmapped);
        let end = offset.checked_add(len as u64);
        let plain = !self.usage.intersects(BufferUsage::MAP_READ | BufferUsage::MAP_WRITE);
        self.usage.contains(BufferUsage::COPY_DST)
            && plain
            && !self.destroyed
            && !mapped
            && offset.is_multiple_of(4)
            && end.is_some_and(|end| end <= self.size)
            && self.size <= self.base.device.capabilities.limits.max_buffer_size
    }
}

/// How the rows of a write to a texture lie in its data.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rows {
    /// Bytes of a row.
    pub(crate) bytes: usize,
    /// Bytes from a row's start to the next one's.
    pub(crate) stride: usize,
}

impl Texture {
    /// The rows of a write of `len` bytes to one layer, if the host knows that the write is valid (WebGPU, writeTexture), as
    /// [`Buffer::takes`] does.
    pub(crate) fn rows(
        &self,
        to: &TexelCopyTextureInfo,
        layout: &TexelCopyBufferLayout,
        size: Extent3d,
        len: usize,
    ) -> Option<Rows> {
        use TextureFormat::{Depth16unorm, Depth32float, Stencil8};
        let limits = &self.base.device.capabilities.limits;
        let most = Extent3d {
            width: limits.max_texture_dimension_2d,
            height: limits.max_texture_dimension_2d,
            depth_or_array_layers: limits.max_texture_array_layers,
        };
        let within = |start: u32, size: u32, most: u32| start.checked_add(size).is_some_and(|end| end <= most);
        let level = |length: u32| length.checked_shr(to.mip_level).unwrap_or(0).max(1);
        let plain = self.usage.contains(TextureUsage::COPY_DST)
            && self.dimension == TextureDimension::D2
            && self.sample_count == 1
            && !self.destroyed
            && !matches!(self.format, Stencil8 | Depth16unorm | Depth32float)
            && self.size.width <= most.width
            && self.size.height <= most.height
            && self.size.depth_or_array_layers <= most.depth_or_array_layers;
        let place = to.aspect == TextureAspect::All
            && to.mip_level < self.mip_level_count
            && within(to.origin.x, size.width, level(self.size.width))
            && within(to.origin.y, size.height, level(self.size.height))
            && within(to.origin.z, 1, self.size.depth_or_array_layers)
            && size.depth_or_array_layers == 1
            && layout.rows_per_image.is_none_or(|rows| rows >= size.height);
        let bytes = self.format.texel_bytes()?.checked_mul(u64::from(size.width))?;
        let stride = u64::from(layout.bytes_per_row?);
        let last = stride.checked_mul(u64::from(size.height.checked_sub(1)?))?;
        let end = layout.offset.checked_add(last)?.checked_add(bytes)?;
        let fits = bytes > 0 && bytes <= stride && end <= len as u64;
        let rows = Rows { bytes: usize::try_from(bytes).ok()?, stride: usize::try_from(stride).ok()? };
        (plain && place && fits).then_some(rows)
    }
}

/// Written ranges of one mapping that are kept apart. Each costs its place in a sorted list, and a command at the unmap.
const MAX_WRITTEN: usize = 1 << 10;

/// A mapped range.
#[derive(Debug)]
pub(crate) struct Mapping {
    pub(crate) mode: MapMode,
    /// Start in bytes from the buffer's start.
    pub(crate) offset: u64,
    pub(crate) data: Contents,
    /// What the guest wrote, in bytes from the range's start; kept apart and in the order of their starts.
    pub(crate) written: Vec<Range<usize>>,
}

impl Mapping {
    /// Takes it out of its buffer; whoever does puts it back.
    pub(crate) fn take(&mut self) -> Self {
        let none = Self { mode: self.mode, offset: self.offset, data: Vec::new().into(), written: Vec::new() };
        std::mem::replace(self, none)
    }

    /// Writes to a range that lies within, of the data's length.
    pub(crate) fn write(&mut self, range: Range<usize>, data: &[u8]) {
        if let Some(place) = self.data.make_mut().get_mut(range.clone())
            && place.len() == data.len()
        {
            place.copy_from_slice(data);
            self.wrote(range);
        }
    }

    /// Notes a written range, joined with those that it touches.
    pub(crate) fn wrote(&mut self, range: Range<usize>) {
        if range.is_empty() {
            return;
        }
        let first = self.written.partition_point(|known| known.end < range.start);
        let last = self.written.partition_point(|known| known.start <= range.end);
        let touched = self.written.get(first..last).unwrap_or_default();
        let start = touched.first().map_or(range.start, |known| known.start.min(range.start));
        let end = touched.last().map_or(range.end, |known| known.end.max(range.end));
        self.written.splice(first..last.max(first), std::iter::once(start..end));
        if self.written.len() > MAX_WRITTEN
            && let (Some(first), Some(last)) = (self.written.first(), self.written.last())
        {
            // What lies between has not changed: sending it too changes nothing.
            let whole = first.start..last.end;
            self.written.clear();
            self.written.push(whole);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_ranges_join_where_they_touch() {
        let mut mapping = Mapping { mode: MapMode::Write, offset: 0, data: Vec::new().into(), written: Vec::new() };
        for range in [8..12, 0..4, 20..24, 4..8, 10..22, 30..32] {
            mapping.wrote(range);
        }
        assert_eq!(mapping.written, [0..24, 30..32]);
        mapping.wrote(24..24);
        assert_eq!(mapping.written, [0..24, 30..32]);
        mapping.wrote(0..40);
        assert_eq!(mapping.written.len(), 1);
        assert_eq!(mapping.written.first(), Some(&(0..40)));
    }

    #[test]
    fn many_written_ranges_become_one() {
        let mut mapping = Mapping { mode: MapMode::Write, offset: 0, data: Vec::new().into(), written: Vec::new() };
        for place in (0..=MAX_WRITTEN).rev() {
            assert!(mapping.written.len() <= MAX_WRITTEN);
            mapping.wrote(place * 8..place * 8 + 4);
        }
        assert_eq!(mapping.written.len(), 1);
        assert_eq!(mapping.written.first(), Some(&(0..MAX_WRITTEN * 8 + 4)));
    }
}
