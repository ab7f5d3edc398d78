//! Draws and dispatches.

use airlock_protocol::commands::{buffer::BufferUsage, pipeline::*, render_pass::*};

use crate::{
    common::client::{bytes, words},
    kit::{Gpu, WHOLE, color, floats, target},
};

/// WebGPU, "beginRenderPass": the initial blend constant is transparent black.
#[test]
fn the_blend_constant_is_zero_until_it_is_set() {
    let mut gpu = Gpu::new();
    let module = gpu.module(&format!("{WHOLE} @fragment fn f() -> @location(0) vec4f {{ return vec4f(1); }}"));
    let component = BlendComponent {
        operation: BlendOperation::Add,
        src_factor: BlendFactor::Constant,
        dst_factor: BlendFactor::Zero,
    };
    let pipeline = gpu.render(module, |pipeline| {
        let state = ColorTargetState { blend: Some((component, component)), ..target(pipeline_format()) };
        pipeline.fragment.as_mut().unwrap().targets = vec![Some(state)];
    });
    let texture = gpu.texture(|_| {});
    let view = gpu.view(texture);
    for (constant, expected) in [(None, [0; 4]), (Some([1.0; 4]), [255; 4]), (None, [0; 4])] {
        gpu.valid(&format!("{constant:?}"), |gpu| {
            gpu.encode(|gpu, encoder| {
                gpu.render_pass(encoder, vec![color(view)], None, |gpu, pass| {
                    gpu.push(RenderPassSetPipeline { pass, pipeline });
                    if let Some(color) = constant {
                        gpu.push(SetBlendConstant { pass, color });
                    }
                    gpu.push(whole(pass));
                });
            });
        });
        assert_eq!(gpu.texels(texture, 0), [expected; 16], "{constant:?}");
    }
}

/// Direct and indirect draws apply the index buffer's offset.
///
/// Mesa's llvmpipe 22.3 reads the indices of an indirect draw from the buffer's start, which draws blue here; wgpu
/// passes the same offset to it for both kinds of draw.
#[test]
fn indices_start_at_their_offset() {
    const BLUE: [u8; 4] = [0, 0, 255, 255];
    let mut gpu = Gpu::new();
    let module = gpu.module(
        "struct Out { @builtin(position) at: vec4f, @location(0) color: vec4f }
        @vertex fn v(@builtin(vertex_index) n: u32) -> Out {
            let at = array(vec2f(-1, -1), vec2f(3, -1), vec2f(-1, 3))[n % 3];
            return Out(vec4f(at, 0, 1), select(vec4f(0, 0, 1, 1), vec4f(0, 1, 0, 1), n >= 9));
        }
        @fragment fn f(@location(0) color: vec4f) -> @location(0) vec4f { return color; }",
    );
    let pipeline = gpu.render(module, |_| {});
    let texture = gpu.texture(|_| {});
    let view = gpu.view(texture);
    for (offset, first, base) in [(0, 0, 9), (16, 0, 9), (16, 2, 9), (0, 3, 0), (16, 0, 0), (16, 1, 0), (32, 0, 9)] {
        // As many indices as the offset and the first index skip.
        let skipped: u32 = offset / 4 + first;
        let indices: Vec<u32> = (0..skipped).map(|n| n % 3).chain([9, 10, 11].map(|n| n - base)).collect();
        let buffer = gpu.buffer_of(&bytes(&indices), BufferUsage::INDEX);
        let indirect = gpu.buffer_of(&bytes(&[3, 1, first, base, 0]), BufferUsage::INDIRECT);
        for is_indirect in [false, true] {
            gpu.encode(|gpu, encoder| {
                gpu.render_pass(encoder, vec![color(view)], None, |gpu, pass| {
                    gpu.push(RenderPassSetPipeline { pass, pipeline });
                    let (format, offset, size) = (IndexFormat::Uint32, u64::from(offset), None);
                    gpu.push(RenderPassSetIndexBuffer { pass, buffer, format, offset, size });
                    if is_indirect {
                        gpu.push(RenderPassDrawIndexedIndirect { pass, buffer: indirect, offset: 0 });
                    } else {
                        gpu.push(RenderPassDrawIndexed {
                            pass,
                            index_count: 3,
                            instance_count: 1,
                            first_index: first,
                            base_vertex: base as i32,
                            first_instance: 0,
                        });
                    }
                });
            });
            let found = gpu.texels(texture, 0);
            let is_known = is_indirect && offset > 0 && gpu.adapter.contains("llvmpipe") && found == [BLUE; 16];
            let expected = if is_known { BLUE } else { [0, 255, 0, 255] };
            assert_eq!(found, [expected; 16], "offset {offset}, first {first}, base {base}, {is_indirect}");
        }
    }
}

/// A buffer with a stride of zero has the same value for every vertex.
#[test]
fn a_stride_of_zero_repeats_one_value() {
    let mut gpu = Gpu::new();
    let code = "struct Out { @builtin(position) at: vec4f, @location(0) color: vec4f }
        @vertex fn v(@builtin(vertex_index) n: u32, @location(0) color: vec4f) -> Out {
            return Out(vec4f(array(vec2f(-1, -1), vec2f(3, -1), vec2f(-1, 3))[n], 0, 1), color);
        }
        @fragment fn f(@location(0) color: vec4f) -> @location(0) vec4f { return color; }";
    let module = gpu.module(code);
    for step_mode in [VertexStepMode::Vertex, VertexStepMode::Instance] {
        let pipeline = gpu.render(module, |pipeline| {
            let attribute = VertexAttribute { format: VertexFormat::Float32x4, offset: 0, shader_location: 0 };
            let attributes = vec![attribute];
            pipeline.vertex_buffers = vec![Some(VertexBufferLayout { array_stride: 0, step_mode, attributes })];
        });
        let buffer = gpu.buffer_of(&floats(&[0.0, 1.0, 0.0, 1.0]), BufferUsage::VERTEX);
        let texture = gpu.texture(|_| {});
        let view = gpu.view(texture);
        gpu.valid(&format!("{step_mode:?}"), |gpu| {
            gpu.encode(|gpu, encoder| {
                gpu.render_pass(encoder, vec![color(view)], None, |gpu, pass| {
                    gpu.push(RenderPassSetPipeline { pass, pipeline });
                    let (slot, size) = (0, None);
                    gpu.push(RenderPassSetVertexBuffer { pass, slot, buffer: Some(buffer), offset: 0, size });
                    gpu.push(whole(pass));
                });
            });
        });
        assert_eq!(gpu.texels(texture, 0), [[0, 255, 0, 255]; 16], "{step_mode:?}");
    }
}

/// As many workgroups as the limit allows, in each dimension.
#[test]
fn the_maximum_of_workgroups_is_dispatched() {
    let mut gpu = Gpu::new();
    let module = gpu.module(
        "@group(0) @binding(0) var<storage, read_write> count: atomic<u32>;
        @compute @workgroup_size(1) fn main() { atomicAdd(&count, 1u); }",
    );
    let pipeline = gpu.compute(module, &[]);
    for groups in [[65535, 1, 1], [1, 65535, 1], [1, 1, 65535]] {
        let count = gpu.buffer(4, BufferUsage::STORAGE | BufferUsage::COPY_SRC);
        let group = gpu.group(PipelineId::Compute(pipeline), &[count]);
        gpu.valid(&format!("{groups:?}"), |gpu| gpu.dispatch(pipeline, group, groups));
        assert_eq!(words(&gpu.read(count, 4)), [65535], "{groups:?}");
    }
}

fn whole(pass: airlock_protocol::ids::RenderPassId) -> RenderPassDraw {
    RenderPassDraw { pass, vertex_count: 3, instance_count: 1, first_vertex: 0, first_instance: 0 }
}

fn pipeline_format() -> airlock_protocol::commands::texture::TextureFormat {
    airlock_protocol::commands::texture::TextureFormat::Rgba8unorm
}
