//! Resources: buffers, textures and query sets, each as a range of numbers. A buffer's are its bytes, a query set's
//! its queries, a texture's its subresources: mip level times layers, plus layer.

use std::{ops::Range, sync::Arc};

use airlock_protocol::{
    commands::{
        buffer::{BufferUsage, CreateBuffer},
        query_set::{CreateQuerySet, QueryType},
        texture::{
            CreateTexture, CreateTextureView, Extent3d, TexelCopyBufferLayout, TexelCopyTextureInfo, TextureAspect,
            TextureDimension, TextureFormat, TextureUsage, TextureViewDimension,
        },
    },
    ids::Object,
    limits::cut,
};

/// Bytes of a label that are remembered for messages.
const MAX_NAME: usize = 64;

/// Distinct mip levels: a texture with more is invalid.
const MAX_MIPS: u32 = 32;

/// The name of a resource in messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    /// Unique among the resources of a stream.
    pub serial: u64,
    /// Its id, which other objects may have later.
    pub object: Object,
    /// The caller's number for the command that made it.
    pub made: u64,
    label: Box<str>,
}

impl Name {
    /// `Buffer 3 "positions"`.
    pub fn describe(&self) -> String {
        let (kind, id) = self.object.describe();
        if self.label.is_empty() { format!("{kind} {id}") } else { format!("{kind} {id} {:?}", self.label) }
    }
}

#[derive(Debug)]
pub(crate) struct Resource {
    pub name: Arc<Name>,
    /// Length of its range.
    pub len: u64,
    pub shape: Shape,
}

/// The kind of a resource.
#[derive(Debug)]
pub(crate) enum Shape {
    Buffer { usage: BufferUsage },
    Texture { usage: TextureUsage, size: Extent3d, mips: u32, layers: u32, flat: bool, format: TextureFormat },
    Queries { timestamps: bool },
}

/// A part of a resource's contents.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    pub resource: Arc<Resource>,
    pub range: Range<u64>,
}

/// A write to a span.
#[derive(Clone, Debug)]
pub(crate) struct Write {
    pub span: Span,
    /// It overwrites all earlier contents of the span.
    pub whole: bool,
}

impl Resource {
    fn new(object: Object, label: &str, (serial, made): (u64, u64), len: u64, shape: Shape) -> Arc<Self> {
        let label = cut(label, MAX_NAME).into();
        Arc::new(Self { name: Arc::new(Name { serial, object, made, label }), len, shape })
    }

    pub fn buffer(c: &CreateBuffer<'_>, number: (u64, u64)) -> Arc<Self> {
        Self::new(Object::Buffer(c.buffer), c.label, number, c.size, Shape::Buffer { usage: c.usage })
    }

    pub fn queries(c: &CreateQuerySet<'_>, number: (u64, u64)) -> Arc<Self> {
        let shape = Shape::Queries { timestamps: c.ty == QueryType::Timestamp };
        Self::new(Object::QuerySet(c.query_set), c.label, number, c.count.into(), shape)
    }

    pub fn texture(c: &CreateTexture<'_>, number: (u64, u64)) -> Arc<Self> {
        let flat = c.dimension != TextureDimension::D3;
        let layers = if flat { c.size.depth_or_array_layers.max(1) } else { 1 };
        let mips = c.mip_level_count.clamp(1, MAX_MIPS);
        let shape = Shape::Texture { usage: c.usage, size: c.size, mips, layers, flat, format: c.format };
        Self::new(Object::Texture(c.texture), c.label, number, u64::from(mips) * u64::from(layers), shape)
    }

    /// True when a shader could write to it where the layout does not say.
    pub fn has_storage_usage(&self) -> bool {
        match &self.shape {
            Shape::Buffer { usage } => usage.contains(BufferUsage::STORAGE),
            Shape::Texture { usage, .. } => usage.contains(TextureUsage::STORAGE_BINDING),
            Shape::Queries { .. } => false,
        }
    }
}

/// All of a resource.
pub(crate) fn all(resource: &Arc<Resource>) -> Span {
    Span { resource: Arc::clone(resource), range: 0..resource.len }
}

/// A part of a buffer or query set, cut at its end.
pub(crate) fn part(resource: &Arc<Resource>, offset: u64, len: u64) -> Span {
    let range = offset.min(resource.len)..offset.saturating_add(len).min(resource.len);
    Span { resource: Arc::clone(resource), range }
}

/// A write to a part of a buffer. An invalid one overwrites nothing.
pub(crate) fn write_part(resource: &Arc<Resource>, offset: u64, len: u64, usage: BufferUsage) -> Write {
    let fits = offset.checked_add(len).is_some_and(|end| end <= resource.len);
    let allowed = matches!(resource.shape, Shape::Buffer { usage: has } if has.contains(usage));
    let whole = fits && allowed && offset.is_multiple_of(4) && len.is_multiple_of(4);
    Write { span: part(resource, offset, len), whole }
}

/// The subresources of a view.
pub(crate) fn view_spans(texture: &Arc<Resource>, c: &CreateTextureView<'_>) -> Vec<Span> {
    let Shape::Texture { mips, layers, flat, .. } = texture.shape else { return Vec::new() };
    let first = c.base_mip_level.min(mips);
    let last = first.saturating_add(c.mip_level_count.unwrap_or(mips)).min(mips);
    let one = matches!(c.dimension, Some(TextureViewDimension::D2 | TextureViewDimension::D1)) && flat;
    let count = c.array_layer_count.unwrap_or(if one { 1 } else { layers });
    let from = if flat { c.base_array_layer.min(layers) } else { 0 };
    let to = if flat { from.saturating_add(count).min(layers) } else { 1 };
    if from == 0 && to == layers {
        return vec![mip_span(texture, first..last, 0..layers, layers)];
    }
    (first..last).map(|mip| mip_span(texture, mip..mip + 1, from..to, layers)).collect()
}

fn mip_span(texture: &Arc<Resource>, mips: Range<u32>, within: Range<u32>, layers: u32) -> Span {
    let row = u64::from(layers);
    let start = u64::from(mips.start) * row + u64::from(within.start);
    let end = if mips.is_empty() { start } else { (u64::from(mips.end) - 1) * row + u64::from(within.end) };
    Span { resource: Arc::clone(texture), range: start..end }
}

/// The span of a copy to or from a texture; whole if it has all texels of the subresources.
pub(crate) fn copy_target(texture: &Arc<Resource>, at: &TexelCopyTextureInfo, size: Extent3d) -> Write {
    let Shape::Texture { size: full, mips, layers, flat, .. } = texture.shape else {
        return Write { span: all(texture), whole: false };
    };
    let mip = at.mip_level.min(mips.saturating_sub(1));
    let level = |length: u32| (length >> mip).max(1);
    let to = at.origin.z.saturating_add(size.depth_or_array_layers).min(layers);
    let slices = if flat { at.origin.z.min(to)..to } else { 0..1 };
    let depth = flat || at.origin.z == 0 && size.depth_or_array_layers >= level(full.depth_or_array_layers);
    let exact =
        at.origin.x == 0 && at.origin.y == 0 && size.width == level(full.width) && size.height == level(full.height);
    let valid =
        at.mip_level < mips && at.origin.z.saturating_add(size.depth_or_array_layers) <= full.depth_or_array_layers;
    let whole = exact && depth && valid && at.aspect == TextureAspect::All;
    Write { span: mip_span(texture, mip..mip + 1, slices, layers), whole }
}

/// Rows of a copy that are tracked one by one; with more, the gaps between them count as partly written.
const MAX_ROWS: u64 = 4 << 10;

/// The bytes of a buffer that a copy from or to a texture touches: row by row where the rows are known.
pub(crate) fn copy_rows(
    buffer: &Arc<Resource>,
    layout: &TexelCopyBufferLayout,
    texture: &Resource,
    size: Extent3d,
) -> Vec<Write> {
    let (height, depth) = (u64::from(size.height), u64::from(size.depth_or_array_layers));
    let Shape::Texture { format, .. } = texture.shape else { return Vec::new() };
    let width = format.texel_bytes().map(|bytes| bytes * u64::from(size.width));
    let row = layout.bytes_per_row.map(u64::from).or(width.filter(|_| height * depth <= 1));
    let image = layout.rows_per_image.map_or(height, u64::from);
    let (Some(row), true) = (row, height.saturating_mul(depth) > 0) else {
        return vec![Write { span: part(buffer, layout.offset, u64::MAX), whole: false }];
    };
    let end = |images: u64| row.saturating_mul(image).saturating_mul(images);
    match width {
        Some(width) if width == row && (image == height || depth == 1) => {
            let len = row.saturating_mul(height).saturating_mul(depth);
            vec![Write { whole: fits(buffer, layout.offset, len), span: part(buffer, layout.offset, len) }]
        }
        Some(width) if width < row && height.saturating_mul(depth) <= MAX_ROWS => {
            let rows = (0..depth).flat_map(|z| (0..height).map(move |y| (z, y)));
            let offset = |(z, y)| layout.offset.saturating_add(end(z)).saturating_add(row.saturating_mul(y));
            rows.map(offset)
                .map(|offset| Write { whole: fits(buffer, offset, width), span: part(buffer, offset, width) })
                .collect()
        }
        _ => vec![Write { span: part(buffer, layout.offset, end(depth)), whole: false }],
    }
}

fn fits(buffer: &Resource, offset: u64, len: u64) -> bool {
    offset.checked_add(len).is_some_and(|end| end <= buffer.len)
}
