//! Indirect draws, queries, and timestamps.

use std::error::Error;

use wgpu::BufferUsages as Usage;
use wgpu::util::DeviceExt;

use crate::Gpu;

const SIZE: u32 = 64;

/// A triangle that covers the right half of a quarter of the target, by its instance.
const SHADER: &str = "
    @vertex
    fn vertex(@builtin(vertex_index) v: u32, @builtin(instance_index) i: u32) -> @builtin(position) vec4<f32> {
        let corner = vec2(f32(v & 1u), f32(v >> 1u));
        return vec4(corner + vec2(f32(i & 1u), f32(i >> 1u)) - 1.0, 0.0, 1.0);
    }
    @fragment
    fn fragment() -> @location(0) vec4<f32> { return vec4(1.0, 0.5, 0.25, 1.0); }
";

pub fn run(gpu: &Gpu) -> Result<(), Box<dyn Error>> {
    let module = gpu.device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: None,
        source: wgpu::ShaderSource::Wgsl(SHADER.into()),
    });
    let pipeline = gpu.device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
        label: None,
        layout: None,
        vertex: wgpu::VertexState {
            module: &module,
            entry_point: None,
            compilation_options: Default::default(),
            buffers: &[],
        },
        primitive: Default::default(),
        depth_stencil: None,
        multisample: Default::default(),
        fragment: Some(wgpu::FragmentState {
            module: &module,
            entry_point: None,
            compilation_options: Default::default(),
            targets: &[Some(wgpu::TextureFormat::Rgba8Unorm.into())],
        }),
        multiview_mask: None,
        cache: None,
    });
    // Arguments of two draws of one instance each, with different first vertices or first indices.
    let arguments: Vec<u8> = [3u32, 1, 0, 0, 3, 1, 1, 0].into_iter().flat_map(u32::to_le_bytes).collect();
    let indexed: Vec<u8> = [3u32, 1, 0, 0, 0, 3, 1, 3, 0, 0].into_iter().flat_map(u32::to_le_bytes).collect();
    let indices: Vec<u8> = [0u32, 1, 2, 1, 3, 2].into_iter().flat_map(u32::to_le_bytes).collect();
    let init = |contents: &[u8], usage| {
        gpu.device.create_buffer_init(&wgpu::util::BufferInitDescriptor { label: None, contents, usage })
    };
    let (arguments, indexed) = (init(&arguments, Usage::INDIRECT), init(&indexed, Usage::INDIRECT));
    let indices = init(&indices, Usage::INDEX);

    let target = support::target(&gpu.device, SIZE, SIZE, wgpu::TextureFormat::Rgba8Unorm);
    let queries = gpu.device.create_query_set(&wgpu::QuerySetDescriptor {
        label: None,
        ty: wgpu::QueryType::Occlusion,
        count: 2,
    });
    let timestamps = gpu.device.features().contains(wgpu::Features::TIMESTAMP_QUERY).then(|| {
        gpu.device.create_query_set(&wgpu::QuerySetDescriptor { label: None, ty: wgpu::QueryType::Timestamp, count: 2 })
    });
    let results = gpu.buffer(512, Usage::QUERY_RESOLVE | Usage::COPY_SRC);
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    encoder.push_debug_group("frame");
    {
        let view = target.create_view(&Default::default());
        let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
            color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                view: &view,
                depth_slice: None,
                resolve_target: None,
                ops: Default::default(),
            })],
            timestamp_writes: timestamps.as_ref().map(|query_set| wgpu::RenderPassTimestampWrites {
                query_set,
                beginning_of_pass_write_index: Some(0),
                end_of_pass_write_index: Some(1),
            }),
            occlusion_query_set: Some(&queries),
            ..Default::default()
        });
        pass.insert_debug_marker("draws");
        pass.set_pipeline(&pipeline);
        pass.begin_occlusion_query(0);
        pass.multi_draw_indirect(&arguments, 0, 2);
        pass.end_occlusion_query();
        pass.set_index_buffer(indices.slice(..), wgpu::IndexFormat::Uint32);
        pass.set_viewport(0.0, 0.0, 32.0, 64.0, 0.0, 1.0);
        pass.multi_draw_indexed_indirect(&indexed, 0, 2);
        pass.begin_occlusion_query(1);
        pass.set_scissor_rect(0, 0, 0, 0);
        pass.draw(0..3, 0..4);
        pass.end_occlusion_query();
    }
    encoder.pop_debug_group();
    encoder.resolve_query_set(&queries, 0..2, &results, 0);
    if let Some(timestamps) = &timestamps {
        encoder.resolve_query_set(timestamps, 0..2, &results, 256);
    }
    gpu.queue.submit([encoder.finish()]);

    let texels = support::read_texture(&gpu.device, &gpu.queue, &target)?;
    println!("drawn: {:016x}", support::digest(&texels));
    let results = gpu.read(&results)?;
    let result = |offset: usize| results[offset..].first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    println!("samples passed: {} {}", result(0) > 0, result(8) > 0);
    println!("time goes on: {}", timestamps.is_none() || (result(256) > 0 && result(264) >= result(256)));
    println!("timestamps have a period: {}", gpu.queue.get_timestamp_period() > 0.0);
    Ok(())
}
