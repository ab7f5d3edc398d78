//! `GPUTexture` and `GPUTextureView`.

use airlock_protocol::commands::texture::*;

use crate::model::{Model, Texture, Verdict, View};

/// Some formats of WebGPU's tables, with their capabilities on a device without features.
pub const FORMATS: [TextureFormat; 10] = [
    TextureFormat::R8unorm,
    TextureFormat::Rgba8unorm,
    TextureFormat::R32float,
    TextureFormat::Rgba16float,
    TextureFormat::Rgba8snorm,
    TextureFormat::Depth16unorm,
    TextureFormat::Depth32float,
    TextureFormat::Depth24plus,
    TextureFormat::Depth24plusStencil8,
    TextureFormat::Stencil8,
];

/// Capabilities of a format.
#[derive(Clone, Copy)]
pub struct Format {
    pub depth: bool,
    pub stencil: bool,
    pub renderable: bool,
    pub multisampled: bool,
    pub resolvable: bool,
    pub storage: bool,
    /// Bytes of a texel of a color, in copies.
    pub bytes: u32,
    /// Bytes and alignment of a texel of a color, as a render target.
    pub cost: (u32, u32),
}

pub fn format(of: TextureFormat) -> Format {
    let color = |renderable, resolvable, storage, bytes, cost| Format {
        depth: false,
        stencil: false,
        renderable,
        multisampled: renderable,
        resolvable,
        storage,
        bytes,
        cost,
    };
    let depth = |depth, stencil| Format { depth, stencil, ..color(true, false, false, 0, (0, 1)) };
    match of {
        TextureFormat::R8unorm => color(true, true, false, 1, (1, 1)),
        TextureFormat::Rgba8unorm => color(true, true, true, 4, (8, 1)),
        TextureFormat::R32float => color(true, false, true, 4, (4, 4)),
        TextureFormat::Rgba16float => color(true, true, true, 8, (8, 2)),
        TextureFormat::Rgba8snorm => color(false, false, true, 4, (0, 1)),
        TextureFormat::Depth16unorm | TextureFormat::Depth32float | TextureFormat::Depth24plus => depth(true, false),
        TextureFormat::Depth24plusStencil8 => depth(true, true),
        TextureFormat::Stencil8 => depth(false, true),
        other => panic!("{other:?} is not among the model's formats"),
    }
}

impl Format {
    pub fn is_color(self) -> bool {
        !self.depth && !self.stencil
    }

    /// Whether the format has the aspect.
    pub fn has(self, aspect: TextureAspect) -> bool {
        match aspect {
            TextureAspect::All => true,
            TextureAspect::DepthOnly => self.depth,
            TextureAspect::StencilOnly => self.stencil,
        }
    }
}

impl Texture {
    /// The size of a level.
    pub fn level(&self, level: u32) -> Extent3d {
        let shrunk = |size: u32| size.checked_shr(level).unwrap_or(0).max(1);
        let depth = self.size.depth_or_array_layers;
        match self.dimension {
            TextureDimension::D1 => Extent3d { width: shrunk(self.size.width), ..self.size },
            TextureDimension::D2 => {
                Extent3d { width: shrunk(self.size.width), height: shrunk(self.size.height), ..self.size }
            }
            TextureDimension::D3 => Extent3d {
                width: shrunk(self.size.width),
                height: shrunk(self.size.height),
                depth_or_array_layers: shrunk(depth),
            },
        }
    }

    /// Number of array layers.
    pub fn layers(&self) -> u32 {
        if self.dimension == TextureDimension::D2 { self.size.depth_or_array_layers } else { 1 }
    }
}

impl Model {
    pub fn create_texture(&mut self, c: &CreateTexture<'_>) -> Verdict {
        let format = format(c.format);
        let Extent3d { width, height, depth_or_array_layers: depth } = c.size;
        let is_color = format.is_color();
        let is_target = c.usage.contains(TextureUsage::RENDER_ATTACHMENT);
        let shape = match c.dimension {
            TextureDimension::D1 => {
                width <= 8192 && height == 1 && depth == 1 && c.sample_count == 1 && is_color && !is_target
            }
            TextureDimension::D2 => width <= 8192 && height <= 8192 && depth <= 256,
            TextureDimension::D3 => width.max(height).max(depth) <= 2048 && c.sample_count == 1 && is_color,
        };
        let most_levels = match c.dimension {
            TextureDimension::D1 => 1,
            TextureDimension::D2 => 32 - width.max(height).leading_zeros(),
            TextureDimension::D3 => 32 - width.max(height).max(depth).leading_zeros(),
        };
        let samples = match c.sample_count {
            1 => true,
            4 => {
                c.mip_level_count == 1
                    && depth == 1
                    && !c.usage.contains(TextureUsage::STORAGE_BINDING)
                    && is_target
                    && format.multisampled
            }
            _ => false,
        };
        let valid = width > 0
            && height > 0
            && depth > 0
            && shape
            && samples
            && (1..=most_levels).contains(&c.mip_level_count)
            && !c.usage.is_empty()
            && (!is_target || format.renderable)
            && (!c.usage.contains(TextureUsage::STORAGE_BINDING) || format.storage);
        self.textures.insert(
            c.texture.0,
            Texture {
                valid,
                size: c.size,
                levels: c.mip_level_count,
                samples: c.sample_count,
                dimension: c.dimension,
                format: c.format,
                usage: c.usage,
                destroyed: false,
            },
        );
        Some(!valid)
    }

    pub fn destroy_texture(&mut self, c: &DestroyTexture) -> Verdict {
        self.textures.get_mut(&c.texture.0)?.destroyed = true;
        Some(false)
    }

    pub fn create_view(&mut self, c: &CreateTextureView<'_>) -> Verdict {
        use TextureViewDimension as D;
        let texture = self.textures.get(&c.texture.0)?;
        let dimension = c.dimension.unwrap_or(match texture.dimension {
            TextureDimension::D1 => D::D1,
            TextureDimension::D2 if texture.size.depth_or_array_layers == 1 => D::D2,
            TextureDimension::D2 => D::D2Array,
            TextureDimension::D3 => D::D3,
        });
        let levels = c.mip_level_count.unwrap_or(texture.levels.saturating_sub(c.base_mip_level));
        let layers = c.array_layer_count.unwrap_or(match dimension {
            D::D1 | D::D2 | D::D3 => 1,
            D::Cube => 6,
            D::D2Array | D::CubeArray => texture.layers().saturating_sub(c.base_array_layer),
        });
        let within =
            |base: u32, count: u32, all: u32| count > 0 && base.checked_add(count).is_some_and(|end| end <= all);
        let is_square = texture.size.width == texture.size.height;
        let shape = match dimension {
            D::D1 => texture.dimension == TextureDimension::D1 && layers == 1,
            D::D2 => texture.dimension == TextureDimension::D2 && layers == 1,
            D::D2Array => texture.dimension == TextureDimension::D2,
            D::Cube => texture.dimension == TextureDimension::D2 && layers == 6 && is_square,
            D::CubeArray => texture.dimension == TextureDimension::D2 && layers.is_multiple_of(6) && is_square,
            D::D3 => texture.dimension == TextureDimension::D3 && layers == 1,
        };
        let usage = c.usage.filter(|usage| !usage.is_empty()).unwrap_or(texture.usage);
        let valid = texture.valid
            && format(texture.format).has(c.aspect)
            && within(c.base_mip_level, levels, texture.levels)
            && within(c.base_array_layer, layers, texture.layers())
            && shape
            && (texture.samples == 1 || dimension == D::D2)
            && texture.usage.contains(usage);
        self.views.insert(
            c.view.0,
            View {
                valid,
                texture: c.texture.0,
                dimension,
                aspect: c.aspect,
                usage,
                level: c.base_mip_level,
                levels,
                layer: c.base_array_layer,
                layers,
            },
        );
        Some(!valid)
    }
}
