//! The scene's texture: worn tiles with grout between them. The CPU paints the first mip level, the GPU draws the others.

use guest_support::gpu::{
    GpuBindingResource, GpuExtent3D, GpuFilterMode, GpuSamplerDescriptor, GpuTexture, GpuTextureDescriptor,
    GpuTextureFormat, GpuTextureUsage, GpuTextureViewDescriptor,
};
use guest_support::passes::{color_attachment, color_target, render_descriptor, render_pass};
use guest_support::{Failure, Gpu, Outcome, textures};

const SIZE: u32 = 512;
const LEVELS: u32 = SIZE.ilog2() + 1;
const FORMAT: GpuTextureFormat = GpuTextureFormat::Rgba8unormSrgb;
/// Tiles along each edge.
const TILES: u32 = 2;

/// The texture with all its mip levels.
pub async fn texture(gpu: &Gpu) -> Outcome<GpuTexture> {
    let usage = GpuTextureUsage::TEXTURE_BINDING | GpuTextureUsage::RENDER_ATTACHMENT | GpuTextureUsage::COPY_DST;
    let texture = gpu.device.create_texture(&GpuTextureDescriptor {
        size: GpuExtent3D { width: SIZE, height: Some(SIZE), depth_or_array_layers: Some(1) },
        mip_level_count: Some(LEVELS),
        ..textures::descriptor("tiles", SIZE, SIZE, FORMAT, usage)
    });
    gpu.upload_rows(&texture, SIZE, 4, 0, &paint());
    draw_mipmaps(gpu, &texture).await?;
    Ok(texture)
}

async fn draw_mipmaps(gpu: &Gpu, texture: &GpuTexture) -> Outcome {
    let module = gpu.shader("mipmap", include_str!("mipmap.wgsl")).await?;
    let pipeline = gpu.render_pipeline(render_descriptor("mipmap", &module, color_target(FORMAT))).await?;
    let sampler = gpu.device.create_sampler(Some(&GpuSamplerDescriptor {
        min_filter: Some(GpuFilterMode::Linear),
        mag_filter: Some(GpuFilterMode::Linear),
        ..Default::default()
    }));
    let layout = pipeline.get_bind_group_layout(0);
    let level = |level| {
        texture.create_view(Some(&GpuTextureViewDescriptor {
            base_mip_level: Some(level),
            mip_level_count: Some(1),
            ..Default::default()
        }))
    };
    let encoder = gpu.encoder("mipmaps");
    for target in 1..LEVELS {
        let (from, to) = (level(target - 1), level(target));
        let resources = vec![GpuBindingResource::GpuTextureView(&from), GpuBindingResource::GpuSampler(&sampler)];
        let group = gpu.bind_group(&layout, resources);
        let pass = render_pass(&encoder, "mipmap", vec![color_attachment(&to, [0.0; 4])]);
        pass.set_pipeline(&pipeline);
        pass.set_bind_group(0, Some(&group), None, None, None).map_err(|error| Failure::new(error.message))?;
        pass.draw(3, None, None, None);
        pass.end();
    }
    gpu.submit(&encoder);
    Ok(())
}

fn paint() -> Vec<u8> {
    let tile = SIZE / TILES;
    let mut rgba = Vec::with_capacity((SIZE * SIZE * 4) as usize);
    for y in 0..SIZE {
        for x in 0..SIZE {
            let (column, row) = (x / tile, y / tile);
            let (u, v) = ((x % tile) as f32 / tile as f32 - 0.5, (y % tile) as f32 / tile as f32 - 0.5);
            // The distance to the tile's rounded edge; negative inside.
            let (dx, dy) = ((u.abs() - 0.40).max(0.0), (v.abs() - 0.40).max(0.0));
            let edge = (dx * dx + dy * dy).sqrt() - 0.065;
            let inside = (0.5 - edge * 60.0).clamp(0.0, 1.0);
            let shade = 0.86 + 0.14 * hash(column * 7 + row * 13 + 5);
            let grain =
                0.06 * (noise(x, y, 32) - 0.5) + 0.05 * (noise(x, y, 8) - 0.5) + 0.03 * (hash(x + y * SIZE) - 0.5);
            let bevel = 0.10 * (1.0 - (edge.abs() * 40.0).min(1.0)) * (-u - v).signum();
            let bright = (0.40 * (1.0 - inside) + (shade + bevel) * inside + grain).clamp(0.0, 1.0);
            let level = (bright * 255.0).round() as u8;
            rgba.extend([level, level, level, 255]);
        }
    }
    rgba
}

/// Smooth noise with a cell size in texels that divides the texture's, so that it repeats without a seam.
fn noise(x: u32, y: u32, cell: u32) -> f32 {
    let cells = SIZE / cell;
    let corner = |cx: u32, cy: u32| hash((cx % cells) * 57 + (cy % cells) * 131 + cell * 7919);
    let (cx, cy) = (x / cell, y / cell);
    let smooth = |t: f32| t * t * (3.0 - 2.0 * t);
    let (fx, fy) = (smooth((x % cell) as f32 / cell as f32), smooth((y % cell) as f32 / cell as f32));
    let top = corner(cx, cy) * (1.0 - fx) + corner(cx + 1, cy) * fx;
    let bottom = corner(cx, cy + 1) * (1.0 - fx) + corner(cx + 1, cy + 1) * fx;
    top * (1.0 - fy) + bottom * fy
}

/// A pseudorandom number from 0 to 1, the same on every machine.
fn hash(n: u32) -> f32 {
    let mut h = n.wrapping_mul(0x9e37_79b9);
    h ^= h >> 16;
    h = h.wrapping_mul(0x85eb_ca6b);
    h ^= h >> 13;
    h = h.wrapping_mul(0xc2b2_ae35);
    (h ^ (h >> 16)) as f32 / u32::MAX as f32
}
