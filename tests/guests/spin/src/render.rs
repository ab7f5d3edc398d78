//! Rendering: the cube, and the square that counts frames.

use guest_support::gpu::*;
use guest_support::passes::{color_attachment, color_target, render_descriptor, render_pass};
use guest_support::{Gpu, Outcome, bytemuck};

use crate::cube::{AMBIENT, LIGHT, SQUARES, State, TINTS, rotation, square};

/// The edge of the square in the upper left corner, in texels.
const CORNER: u32 = 16;
const BACKGROUND: [f64; 4] = [0.05, 0.06, 0.1, 1.0];
/// The number of floats of the uniforms: three rows of the rotation, the tint, the light, and a vector of the scales, the
/// distance and the ambient light; then the corner's colour.
const UNIFORMS: usize = 28;

pub struct Renderer {
    gpu: Gpu,
    cube: GpuRenderPipeline,
    corner: GpuRenderPipeline,
    uniforms: GpuBuffer,
    cube_group: GpuBindGroup,
    corner_group: GpuBindGroup,
}

impl Renderer {
    pub async fn new(gpu: Gpu, format: GpuTextureFormat) -> Outcome<Renderer> {
        let module = gpu.shader("spin", include_str!("spin.wgsl")).await?;
        let mut descriptor = render_descriptor("cube", &module, color_target(format));
        descriptor.primitive = Some(GpuPrimitiveState { cull_mode: Some(GpuCullMode::Back), ..Default::default() });
        let cube = gpu.render_pipeline(descriptor).await?;
        let mut descriptor = render_descriptor("corner", &module, color_target(format));
        descriptor.vertex.entry_point = Some("corner_vertex".to_string());
        descriptor.fragment.iter_mut().for_each(|stage| stage.entry_point = Some("corner_fragment".to_string()));
        let corner = gpu.render_pipeline(descriptor).await?;

        let usage = GpuBufferUsage::UNIFORM | GpuBufferUsage::COPY_DST;
        let uniforms = gpu.buffer("uniforms", UNIFORMS as u64 * 4, usage);
        let usage = GpuTextureUsage::TEXTURE_BINDING | GpuTextureUsage::COPY_DST;
        let texture = gpu.texture("squares", SQUARES, SQUARES, GpuTextureFormat::Rgba8unorm, usage);
        let texels: Vec<u8> = (0..SQUARES)
            .flat_map(|y| {
                (0..SQUARES).flat_map(move |x| {
                    let [r, g, b] = square(x, y);
                    [r, g, b, 255]
                })
            })
            .collect();
        gpu.upload_rows(&texture, SQUARES, 4, 0, &texels);
        let view = texture.create_view(None);
        let sampler = gpu.device.create_sampler(None);
        let buffer =
            || GpuBindingResource::GpuBufferBinding(GpuBufferBinding { buffer: &uniforms, offset: None, size: None });
        let resources =
            vec![buffer(), GpuBindingResource::GpuTextureView(&view), GpuBindingResource::GpuSampler(&sampler)];
        let cube_group = gpu.bind_group(&cube.get_bind_group_layout(0), resources);
        let corner_group = gpu.bind_group(&corner.get_bind_group_layout(0), vec![buffer()]);
        Ok(Renderer { cube, corner, cube_group, corner_group, uniforms, gpu })
    }

    pub fn draw(&self, texture: &GpuTexture, (width, height): (u32, u32), state: &State, corner: [u8; 3]) {
        let [x, y, z] = rotation(state);
        let tint = TINTS[state.tint];
        // A vertical field of view of 45 degrees.
        let scale = 1.0 / (std::f32::consts::FRAC_PI_8).tan();
        let row = |[a, b, c]: [f32; 3]| [a, b, c, 0.0];
        let numbers: [[f32; 4]; UNIFORMS / 4] = [
            row(x),
            row(y),
            row(z),
            row(tint),
            row(LIGHT),
            [scale * height as f32 / width as f32, scale, state.distance, AMBIENT],
            row(corner.map(|channel| f32::from(channel) / 255.0)),
        ];
        let bytes: &[u8] = bytemuck::cast_slice(&numbers);
        let _ = self.gpu.queue.write_buffer_with_copy(&self.uniforms, 0, bytes, None, None);
        let view = texture.create_view(None);
        let encoder = self.gpu.encoder("frame");
        let pass = render_pass(&encoder, "frame", vec![color_attachment(&view, BACKGROUND)]);
        pass.set_pipeline(&self.cube);
        let _ = pass.set_bind_group(0, Some(&self.cube_group), None, None, None);
        pass.draw(36, None, None, None);
        pass.set_scissor_rect(0, 0, CORNER.min(width), CORNER.min(height));
        pass.set_pipeline(&self.corner);
        let _ = pass.set_bind_group(0, Some(&self.corner_group), None, None, None);
        pass.draw(3, None, None, None);
        pass.end();
        self.gpu.submit(&encoder);
    }
}
