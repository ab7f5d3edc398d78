//! Every command of a list, in a render pass, a render bundle and a compute pass.

use airlock_passes::{IndexFormat, List, Offsets, Size, Token, Tokens};
use guest_support::gpu::{
    GpuBindingResource, GpuBuffer, GpuBufferUsage, GpuColor, GpuIndexFormat, GpuPrimitiveState, GpuPrimitiveTopology,
    GpuQuerySetDescriptor, GpuQueryType, GpuRenderBundle, GpuRenderBundleEncoderDescriptor, GpuRenderPassDescriptor,
    GpuRenderPipeline, GpuTextureFormat, GpuTextureUsage, GpuVertexAttribute, GpuVertexBufferLayout, GpuVertexFormat,
};
use guest_support::passes::{color_attachment, color_target, compute_pass, render_descriptor};
use guest_support::{Failure, Gpu, Outcome, fail};

use crate::{Way, bindings::passes};

const SIZE: u32 = 16;
/// Two triangles over the whole target: the corners and their indices.
const CORNERS: [f32; 8] = [-1.0, -1.0, 1.0, -1.0, -1.0, 1.0, 1.0, 1.0];
const INDICES: [u16; 6] = [0, 1, 2, 2, 1, 3];

pub async fn run(gpu: &Gpu, way: Way) -> Outcome {
    compute(gpu, way).await?;
    draw(gpu, way).await
}

async fn compute(gpu: &Gpu, way: Way) -> Outcome {
    let pipeline = gpu.compute_pipeline("tour", include_str!("tour.wgsl"), "main").await?;
    let numbers = gpu.buffer("numbers", 32, GpuBufferUsage::STORAGE | GpuBufferUsage::COPY_SRC);
    let indirect = gpu.buffer_with("indirect", &[0, 4_u32, 1, 1], GpuBufferUsage::INDIRECT)?;
    let group = gpu.bind_group(&pipeline.get_bind_group_layout(0), vec![GpuBindingResource::GpuBuffer(&numbers)]);
    let encoder = gpu.encoder("tour");
    let pass = compute_pass(&encoder, "tour");
    match way {
        Way::Lists => {
            let mut list = List::new();
            list.push_debug_group("numbers");
            list.set_pipeline(Token::of(passes::compute_pipeline_token(&pipeline)));
            list.set_bind_group(0, Some(Token::of(passes::bind_group_token(&group))), Offsets::NONE);
            list.dispatch_workgroups(8, 2, 1);
            list.insert_debug_marker("indirect");
            list.dispatch_workgroups_indirect(Token::of(passes::buffer_token(&indirect)), 4);
            list.pop_debug_group();
            passes::encode_compute_pass(&pass, list.bytes());
        }
        Way::Calls => {
            pass.push_debug_group("numbers");
            pass.set_pipeline(&pipeline);
            guest_support::passes::bind(&pass, 0, &group)?;
            pass.dispatch_workgroups(8, Some(2), Some(1));
            pass.insert_debug_marker("indirect");
            pass.dispatch_workgroups_indirect(&indirect, 4);
            pass.pop_debug_group();
        }
    }
    pass.end();
    gpu.submit(&encoder);
    let found: Vec<u32> = gpu.download(&numbers).await?;
    // A dispatch's workgroups add to the same number without an order, so that one addition may be lost.
    if found[..4].iter().any(|&number| !(2..=4).contains(&number)) || found[4..].iter().any(|&number| number == 0) {
        fail!("the numbers are {found:?}");
    }
    Ok(())
}

async fn draw(gpu: &Gpu, way: Way) -> Outcome {
    let module = gpu.shader("picture", include_str!("picture.wgsl")).await?;
    let target = color_target(GpuTextureFormat::Rgba8unorm);
    let mut descriptor = render_descriptor("picture", &module, target);
    descriptor.vertex.buffers = Some(vec![Some(GpuVertexBufferLayout {
        array_stride: 8,
        step_mode: None,
        attributes: vec![GpuVertexAttribute { format: GpuVertexFormat::Float32x2, offset: 0, shader_location: 0 }],
    })]);
    descriptor.primitive =
        Some(GpuPrimitiveState { topology: Some(GpuPrimitiveTopology::TriangleList), ..Default::default() });
    let pipeline = gpu.render_pipeline(descriptor).await?;
    let corners = gpu.buffer_with("corners", &CORNERS, GpuBufferUsage::VERTEX)?;
    let indices = gpu.buffer_with("indices", &INDICES, GpuBufferUsage::INDEX)?;
    // Arguments of an empty draw, then of an indexed one.
    let indirect = gpu.buffer_with("indirect", &[3_u32, 0, 0, 0, 6, 1, 0, 0, 0], GpuBufferUsage::INDIRECT)?;
    let usage = GpuTextureUsage::RENDER_ATTACHMENT | GpuTextureUsage::COPY_SRC;
    let picture = gpu.texture("picture", SIZE, SIZE, GpuTextureFormat::Rgba8unorm, usage);
    let view = picture.create_view(None);
    let queries = gpu
        .device
        .create_query_set(&GpuQuerySetDescriptor { type_: GpuQueryType::Occlusion, count: 2, label: None })
        .map_err(|error| Failure::new(format!("no query set: {}", error.message)))?;
    let bundle = bundle(gpu, way, &pipeline, &corners);

    let encoder = gpu.encoder("tour");
    let pass = encoder.begin_render_pass(&GpuRenderPassDescriptor {
        color_attachments: vec![Some(color_attachment(&view, [0.0; 4]))],
        depth_stencil_attachment: None,
        occlusion_query_set: Some(&queries),
        timestamp_writes: None,
        max_draw_count: None,
        label: None,
    });
    let half = SIZE / 2;
    match way {
        Way::Lists => {
            let (corners, indices) =
                (Token::of(passes::buffer_token(&corners)), Token::of(passes::buffer_token(&indices)));
            let indirect = Token::of(passes::buffer_token(&indirect));
            let mut list = List::new();
            list.push_debug_group("picture");
            list.set_viewport(0.0, 0.0, SIZE as f32, SIZE as f32, 0.0, 1.0);
            list.set_scissor_rect(0, 0, half, SIZE);
            list.set_blend_constant(0.25, 0.5, 0.75, 1.0);
            list.set_stencil_reference(3);
            list.set_pipeline(Token::of(passes::render_pipeline_token(&pipeline)));
            list.set_bind_group(0, None, Offsets::NONE);
            list.set_vertex_buffer(0, Some(corners), 0, Size::Bytes(32));
            list.set_vertex_buffer(1, None, 0, Size::Rest);
            list.set_index_buffer(indices, IndexFormat::Uint16, 0, Size::Rest);
            list.begin_occlusion_query(1);
            list.draw_indexed(3, 1, 0, 0, 0);
            list.end_occlusion_query();
            list.draw(0, 1, 0, 0);
            list.draw_indirect(indirect, 0);
            list.draw_indexed_indirect(indirect, 16);
            list.insert_debug_marker("bundle");
            list.set_scissor_rect(half, 0, half, half);
            list.execute_bundles(Tokens::new(&[passes::render_bundle_token(&bundle)]));
            list.pop_debug_group();
            passes::encode_render_pass(&pass, list.bytes());
        }
        Way::Calls => {
            pass.push_debug_group("picture");
            pass.set_viewport(0.0, 0.0, SIZE as f32, SIZE as f32, 0.0, 1.0);
            pass.set_scissor_rect(0, 0, half, SIZE);
            pass.set_blend_constant(GpuColor { r: 0.25, g: 0.5, b: 0.75, a: 1.0 });
            pass.set_stencil_reference(3);
            pass.set_pipeline(&pipeline);
            pass.set_bind_group(0, None, None, None, None)
                .map_err(|error| Failure::new(format!("cannot unset a bind group: {}", error.message)))?;
            pass.set_vertex_buffer(0, Some(&corners), Some(0), Some(32));
            pass.set_vertex_buffer(1, None, Some(0), None);
            pass.set_index_buffer(&indices, GpuIndexFormat::Uint16, Some(0), None);
            pass.begin_occlusion_query(1);
            pass.draw_indexed(3, Some(1), Some(0), Some(0), Some(0));
            pass.end_occlusion_query();
            pass.draw(0, Some(1), Some(0), Some(0));
            pass.draw_indirect(&indirect, 0);
            pass.draw_indexed_indirect(&indirect, 16);
            pass.insert_debug_marker("bundle");
            pass.set_scissor_rect(half, 0, half, half);
            pass.execute_bundles(&[&bundle]);
            pass.pop_debug_group();
        }
    }
    pass.end();
    gpu.submit(&encoder);
    let texels = gpu.download_rows(&picture, SIZE, 4, 0, SIZE).await?;
    for (at, texel) in (0..).zip(texels.chunks_exact(4)) {
        let (x, y) = (at % SIZE, at / SIZE);
        let expected = if x < half || y < half { [255, 0, 0, 255] } else { [0; 4] };
        if texel != expected {
            fail!("the texel at {x}, {y} is {texel:?}, expected {expected:?}");
        }
    }
    Ok(())
}

/// A bundle that draws over the whole target.
fn bundle(gpu: &Gpu, way: Way, pipeline: &GpuRenderPipeline, corners: &GpuBuffer) -> GpuRenderBundle {
    let encoder = gpu.device.create_render_bundle_encoder(&GpuRenderBundleEncoderDescriptor {
        depth_read_only: None,
        stencil_read_only: None,
        color_formats: vec![Some(GpuTextureFormat::Rgba8unorm)],
        depth_stencil_format: None,
        sample_count: None,
        label: None,
    });
    match way {
        Way::Lists => {
            let mut list = List::new();
            list.set_pipeline(Token::of(passes::render_pipeline_token(pipeline)));
            list.set_vertex_buffer(0, Some(Token::of(passes::buffer_token(corners))), 0, Size::Rest);
            list.draw(3, 1, 0, 0);
            list.draw(3, 1, 1, 0);
            passes::encode_render_bundle(&encoder, list.bytes());
        }
        Way::Calls => {
            encoder.set_pipeline(pipeline);
            encoder.set_vertex_buffer(0, Some(corners), Some(0), None);
            encoder.draw(3, Some(1), Some(0), Some(0));
            encoder.draw(3, Some(1), Some(1), Some(0));
        }
    }
    encoder.finish(None)
}
