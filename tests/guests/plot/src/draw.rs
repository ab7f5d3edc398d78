//! The chart on the GPU: one vertex buffer, one draw, four samples per pixel.

use guest_support::gpu::*;
use guest_support::passes::{color_attachment, color_target, render_descriptor, render_pass};
use guest_support::pictures::Picture;
use guest_support::{ErrorScopes, Failure, Gpu, Outcome, textures};

use crate::chart::{BACKGROUND, Chart};
use crate::shapes::{VERTEX_BYTES, Vertex};

const FORMAT: GpuTextureFormat = GpuTextureFormat::Rgba8unorm;
const SAMPLES: u32 = 4;

/// Draws the chart; returns the picture and the number of triangles.
pub async fn draw(gpu: &Gpu, chart: &Chart, width: u32, height: u32) -> Outcome<(Picture, usize)> {
    let mut vertices: Vec<Vertex> = Vec::new();
    for layer in &chart.layers {
        for shape in &layer.shapes {
            shape.triangulate(layer.color, &mut vertices);
        }
    }

    let module = gpu.shader("plot", include_str!("plot.wgsl")).await?;
    let mut descriptor = render_descriptor("plot", &module, color_target(FORMAT));
    descriptor.multisample = Some(GpuMultisampleState { count: Some(SAMPLES), ..Default::default() });
    let attribute = |format, offset, shader_location| GpuVertexAttribute { format, offset, shader_location };
    descriptor.vertex.buffers = Some(vec![Some(GpuVertexBufferLayout {
        array_stride: VERTEX_BYTES,
        step_mode: None,
        attributes: vec![attribute(GpuVertexFormat::Float32x2, 0, 0), attribute(GpuVertexFormat::Unorm8x4, 8, 1)],
    })]);
    let pipeline = gpu.render_pipeline(descriptor).await?;

    let scopes = ErrorScopes::open(&gpu.device);
    let buffer = gpu.buffer_with("triangles", &vertices, GpuBufferUsage::VERTEX)?;
    let size = gpu.buffer_with("size", &[width as f32, height as f32], GpuBufferUsage::UNIFORM)?;
    let group = gpu.bind_group(&pipeline.get_bind_group_layout(0), vec![GpuBindingResource::GpuBuffer(&size)]);
    let usage = GpuTextureUsage::RENDER_ATTACHMENT;
    let samples = gpu.device.create_texture(&GpuTextureDescriptor {
        sample_count: Some(SAMPLES),
        ..textures::descriptor("samples", width, height, FORMAT, usage)
    });
    let picture = gpu.texture("picture", width, height, FORMAT, usage | GpuTextureUsage::COPY_SRC);
    let (samples_view, picture_view) = (samples.create_view(None), picture.create_view(None));

    let encoder = gpu.encoder("plot");
    let background = BACKGROUND.map(|channel| f64::from(channel) / 255.0);
    let target = GpuRenderPassColorAttachment {
        resolve_target: Some(&picture_view),
        store_op: GpuStoreOp::Discard,
        ..color_attachment(&samples_view, background)
    };
    let pass = render_pass(&encoder, "plot", vec![target]);
    pass.set_pipeline(&pipeline);
    pass.set_bind_group(0, Some(&group), None, None, None).map_err(|error| Failure::new(error.message))?;
    pass.set_vertex_buffer(0, Some(&buffer), None, None);
    pass.draw(vertices.len() as u32, None, None, None);
    pass.end();
    gpu.submit(&encoder);

    let rgba = gpu.download_rgba(&picture, width, height).await?;
    scopes.close("drawing").await?;
    Ok((Picture { width, height, rgba }, vertices.len() / 3))
}
