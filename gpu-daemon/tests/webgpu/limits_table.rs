//! Each of `GPUSupportedLimits`, at the limit and over it, on a device with the defaults and on one with all that the
//! adapter has.

use airlock_protocol::{
    commands::{adapter::LimitName, binding::*, buffer::*, compute_pass::*, pipeline::*, render_pass::*, texture::*},
    ids::*,
};

use crate::{
    common::client::DEVICE,
    kit::{Gpu, WHOLE, target},
};

/// Calls that use as much of a limit as the number says.
type Calls = fn(&mut Gpu, u32);

/// What a limit is tried with: the calls with their names, or why there are none.
enum Tries {
    /// One more is too much.
    Of(&'static [(&'static str, Calls)]),
    /// The limit counts words: four more are too much.
    Words(&'static [(&'static str, Calls)]),
    /// An alignment: half of it is too little.
    Alignment(&'static [(&'static str, Calls)]),
    /// No call reaches it.
    None(&'static str),
}

fn tries(limit: LimitName) -> Tries {
    use LimitName as L;
    use Tries::*;
    match limit {
        L::MaxTextureDimension1D => Of(&[("a 1D texture", |gpu, n| sized(gpu, TextureDimension::D1, [n, 1, 1]))]),
        L::MaxTextureDimension2D => Of(&[
            ("a width", |gpu, n| sized(gpu, TextureDimension::D2, [n, 1, 1])),
            ("a height", |gpu, n| sized(gpu, TextureDimension::D2, [1, n, 1])),
        ]),
        L::MaxTextureDimension3D => Of(&[
            ("a width", |gpu, n| sized(gpu, TextureDimension::D3, [n, 1, 1])),
            ("a height", |gpu, n| sized(gpu, TextureDimension::D3, [1, n, 1])),
            ("a depth", |gpu, n| sized(gpu, TextureDimension::D3, [1, 1, n])),
        ]),
        L::MaxTextureArrayLayers => Of(&[("layers", |gpu, n| sized(gpu, TextureDimension::D2, [1, 1, n]))]),
        L::MaxBindGroups => Of(&[
            ("a layout", |gpu, n| {
                let empty = group_layout(gpu, vec![]);
                pipeline_layout(gpu, vec![Some(empty); n as usize], 0);
            }),
            ("setBindGroup", |gpu, n| {
                let layout = group_layout(gpu, vec![]);
                let bind_group = group(gpu, layout, vec![]);
                in_compute_pass(gpu, |gpu, pass| set_group(gpu, pass, n - 1, bind_group, vec![]));
            }),
            ("an automatic layout", |gpu, n| {
                let group = n - 1;
                let code = format!("@group({group}) @binding(0) var<storage, read_write> b: u32; {}", main("b = 1u;"));
                compute(gpu, &code);
            }),
        ]),
        L::MaxBindGroupsPlusVertexBuffers => {
            None("it is as large as the limits on bind groups and on vertex buffers together allow, or larger")
        }
        L::MaxImmediateSize => Words(&[
            ("a layout", |gpu, n| pipeline_layout(gpu, vec![], n)),
            ("setImmediates", |gpu, n| {
                in_compute_pass(gpu, |gpu, pass| {
                    gpu.push(ComputePassSetImmediates { pass, offset: n - 4, data: &[0; 4] });
                });
            }),
            ("an automatic layout", |gpu, n| {
                let members: String = (0..n / 4).map(|at| format!("m{at}: u32, ")).collect();
                let code = format!(
                    "struct Data {{ {members} }} var<immediate> data: Data;
                    @group(0) @binding(0) var<storage, read_write> b: u32; {}",
                    main("b = data.m0;")
                );
                compute(gpu, &code);
            }),
        ]),
        L::MaxBindingsPerBindGroup => Of(&[
            ("a layout", |gpu, n| {
                group_layout(gpu, vec![entry(n - 1, ShaderStage::COMPUTE, uniform(false))]);
            }),
            ("an automatic layout", |gpu, n| {
                let code = format!("@group(0) @binding({}) var<uniform> b: u32; {}", n - 1, main("_ = b;"));
                compute(gpu, &code);
            }),
        ]),
        L::MaxDynamicUniformBuffersPerPipelineLayout => Of(&[
            ("one group", |gpu, n| in_one_group(gpu, n, ShaderStage::COMPUTE, uniform(true))),
            ("two groups", |gpu, n| in_two_groups(gpu, n, ShaderStage::VERTEX, uniform(true))),
        ]),
        L::MaxDynamicStorageBuffersPerPipelineLayout => Of(&[
            ("one group", |gpu, n| in_one_group(gpu, n, ShaderStage::COMPUTE, storage(true))),
            ("two groups", |gpu, n| in_two_groups(gpu, n, ShaderStage::COMPUTE, storage(true))),
        ]),
        L::MaxSampledTexturesPerShaderStage => Of(&[
            ("one group", |gpu, n| in_one_group(gpu, n, ShaderStage::COMPUTE, sampled())),
            ("two groups", |gpu, n| in_two_groups(gpu, n, ShaderStage::FRAGMENT, sampled())),
            ("a shader", |gpu, n| {
                declared(gpu, n, "", "texture_2d<f32>", |v| format!("_ = textureLoad({v}, vec2u(), 0);"))
            }),
        ]),
        L::MaxSamplersPerShaderStage => Of(&[
            ("one group", |gpu, n| in_one_group(gpu, n, ShaderStage::COMPUTE, sampler())),
            ("two groups", |gpu, n| in_two_groups(gpu, n, ShaderStage::VERTEX, sampler())),
            ("a shader", |gpu, n| {
                declared(gpu, n, "", "sampler", |v| format!("_ = textureSampleLevel(t, {v}, vec2f(), 0);"))
            }),
        ]),
        L::MaxStorageBuffersPerShaderStage => Of(&[
            ("one group", |gpu, n| in_one_group(gpu, n, ShaderStage::COMPUTE, storage(false))),
            ("two groups", |gpu, n| in_two_groups(gpu, n, ShaderStage::COMPUTE, storage(false))),
            ("a shader", |gpu, n| declared(gpu, n, "<storage, read_write>", "u32", |v| format!("{v} = 1u;"))),
        ]),
        L::MaxStorageBuffersInVertexStage => Of(&[
            ("one group", |gpu, n| in_one_group(gpu, n, ShaderStage::VERTEX, read_only())),
            ("two groups", |gpu, n| in_two_groups(gpu, n, ShaderStage::VERTEX, read_only())),
        ]),
        L::MaxStorageBuffersInFragmentStage => Of(&[
            ("one group", |gpu, n| in_one_group(gpu, n, ShaderStage::FRAGMENT, storage(false))),
            ("two groups", |gpu, n| in_two_groups(gpu, n, ShaderStage::FRAGMENT, storage(false))),
        ]),
        L::MaxStorageTexturesPerShaderStage => Of(&[
            ("one group", |gpu, n| in_one_group(gpu, n, ShaderStage::COMPUTE, written())),
            ("two groups", |gpu, n| in_two_groups(gpu, n, ShaderStage::COMPUTE, written())),
            ("a shader", |gpu, n| {
                declared(gpu, n, "", "texture_storage_2d<r32float, write>", |v| {
                    format!("textureStore({v}, vec2u(), vec4f());")
                })
            }),
        ]),
        L::MaxStorageTexturesInVertexStage => Of(&[
            ("one group", |gpu, n| in_one_group(gpu, n, ShaderStage::VERTEX, read())),
            ("two groups", |gpu, n| in_two_groups(gpu, n, ShaderStage::VERTEX, read())),
        ]),
        L::MaxStorageTexturesInFragmentStage => Of(&[
            ("one group", |gpu, n| in_one_group(gpu, n, ShaderStage::FRAGMENT, written())),
            ("two groups", |gpu, n| in_two_groups(gpu, n, ShaderStage::FRAGMENT, written())),
        ]),
        L::MaxUniformBuffersPerShaderStage => Of(&[
            ("one group", |gpu, n| in_one_group(gpu, n, ShaderStage::COMPUTE, uniform(false))),
            ("two groups", |gpu, n| in_two_groups(gpu, n, ShaderStage::VERTEX, uniform(false))),
            ("a shader", |gpu, n| declared(gpu, n, "<uniform>", "u32", |v| format!("_ = {v};"))),
        ]),
        L::MaxUniformBufferBindingSize => Words(&[
            ("a size", |gpu, n| bound(gpu, uniform(false), n + 256, 0, Some(n))),
            ("a whole buffer", |gpu, n| bound(gpu, uniform(false), n, 0, Option::None)),
            ("the rest of a buffer", |gpu, n| bound(gpu, uniform(false), n + 256, 256, Option::None)),
        ]),
        L::MaxStorageBufferBindingSize => Words(&[
            ("a size", |gpu, n| bound(gpu, storage(false), n + 256, 0, Some(n))),
            ("a whole buffer", |gpu, n| bound(gpu, read_only(), n, 0, Option::None)),
        ]),
        L::MinUniformBufferOffsetAlignment => Alignment(&[
            ("a group", |gpu, n| bound(gpu, uniform(false), 1024, n, Some(16))),
            ("a dynamic offset", |gpu, n| at_offset(gpu, uniform(true), n)),
        ]),
        L::MinStorageBufferOffsetAlignment => Alignment(&[
            ("a group", |gpu, n| bound(gpu, storage(false), 1024, n, Some(16))),
            ("a dynamic offset", |gpu, n| at_offset(gpu, storage(true), n)),
        ]),
        L::MaxVertexBuffers => Of(&[
            ("a pipeline", |gpu, n| vertices(gpu, vec![(16, vec![]); n as usize])),
            ("setVertexBuffer", |gpu, n| {
                let buffer = Some(gpu.buffer(16, BufferUsage::VERTEX));
                in_render_pass(gpu, |gpu, pass| {
                    gpu.push(RenderPassSetVertexBuffer { pass, slot: n - 1, buffer, offset: 0, size: Option::None });
                });
            }),
        ]),
        L::MaxBufferSize => Of(&[("a buffer", |gpu, n| _ = gpu.buffer(u64::from(n), BufferUsage::COPY_DST))]),
        L::MaxVertexAttributes => Of(&[
            ("attributes", |gpu, n| vertices(gpu, vec![(1024, (0..n).map(|at| (0, at)).collect())])),
            ("a location", |gpu, n| vertices(gpu, vec![(1024, vec![(0, n - 1)])])),
        ]),
        L::MaxVertexBufferArrayStride => Words(&[
            ("a stride", |gpu, n| vertices(gpu, vec![(u64::from(n), vec![])])),
            ("an attribute without a stride", |gpu, n| vertices(gpu, vec![(0, vec![(u64::from(n) - 4, 0)])])),
        ]),
        L::MaxInterStageShaderVariables => Of(&[
            ("triangles", |gpu, n| between(gpu, n, "", PrimitiveTopology::TriangleList)),
            ("points", |gpu, n| between(gpu, n - 1, "", PrimitiveTopology::PointList)),
            ("a front-facing input", |gpu, n| between(gpu, n - 1, FRONT, PrimitiveTopology::TriangleList)),
            ("a sample mask", |gpu, n| between(gpu, n - 2, BOTH, PrimitiveTopology::TriangleList)),
            ("a location", |gpu, n| {
                let code = format!(
                    "struct Out {{ @builtin(position) at: vec4f, @location({0}) v: vec4f }}
                    @vertex fn v() -> Out {{ return Out(); }}
                    @fragment fn f(@location({0}) v: vec4f) -> @location(0) vec4f {{ return v; }}",
                    n - 1
                );
                let module = gpu.module(&code);
                gpu.render(module, |_| {});
            }),
        ]),
        L::MaxColorAttachments => Of(&[
            ("a pipeline", |gpu, n| {
                let module = gpu.module(&format!("{WHOLE} @fragment fn f() {{}}"));
                gpu.render(module, |pipeline| {
                    let unwritten =
                        ColorTargetState { write_mask: ColorWrite::empty(), ..target(TextureFormat::R8unorm) };
                    pipeline.fragment.as_mut().unwrap().targets = vec![Some(unwritten); n as usize];
                });
            }),
            ("a pass", |gpu, n| {
                let colors = (0..n).map(|_| {
                    let texture = gpu.texture(|texture| texture.format = TextureFormat::R8unorm);
                    crate::kit::color(gpu.view(texture))
                });
                let colors = colors.collect::<Vec<_>>();
                gpu.encode(|gpu, encoder| gpu.render_pass(encoder, colors, Option::None, |_, _| {}));
            }),
            ("a bundle", |gpu, n| bundle_encoder(gpu, vec![TextureFormat::R8unorm; n as usize])),
            ("a location", |gpu, n| {
                let code = format!("{WHOLE} @fragment fn f() -> @location({}) vec4f {{ return vec4f(); }}", n - 1);
                let module = gpu.module(&code);
                gpu.render(module, |pipeline| {
                    let unwritten =
                        ColorTargetState { write_mask: ColorWrite::empty(), ..target(TextureFormat::R8unorm) };
                    pipeline.fragment.as_mut().unwrap().targets = vec![Some(unwritten)];
                });
            }),
        ]),
        // Pipelines and passes are tried with more formats in `limits`.
        L::MaxColorAttachmentBytesPerSample => Of(&[("a bundle", |gpu, n| {
            let mut formats = vec![TextureFormat::Rgba32float; (n / 16) as usize];
            formats.extend((0..n % 16).map(|_| TextureFormat::R8unorm));
            bundle_encoder(gpu, formats);
        })]),
        L::MaxComputeWorkgroupStorageSize => Words(&[("a variable", |gpu, n| {
            let code = format!(
                "var<workgroup> w: array<u32, {}>; @group(0) @binding(0) var<storage, read_write> b: u32; {}",
                n / 4,
                main("w[b] = 1u; b = w[1];")
            );
            compute(gpu, &code);
        })]),
        L::MaxComputeInvocationsPerWorkgroup => Of(&[
            ("a size", |gpu, n| grouped(gpu, [n / 2 + n % 2, 2, 1])),
            ("constants", |gpu, n| by_constants(gpu, [n / 2 + n % 2, 2, 1])),
        ]),
        L::MaxComputeWorkgroupSizeX => {
            Of(&[("a size", |gpu, n| grouped(gpu, [n, 1, 1])), ("constants", |gpu, n| by_constants(gpu, [n, 1, 1]))])
        }
        L::MaxComputeWorkgroupSizeY => {
            Of(&[("a size", |gpu, n| grouped(gpu, [1, n, 1])), ("constants", |gpu, n| by_constants(gpu, [1, n, 1]))])
        }
        L::MaxComputeWorkgroupSizeZ => {
            Of(&[("a size", |gpu, n| grouped(gpu, [1, 1, n])), ("constants", |gpu, n| by_constants(gpu, [1, 1, n]))])
        }
        L::MaxComputeWorkgroupsPerDimension => Of(&[
            ("x", |gpu, n| dispatched(gpu, [n, 1, 1])),
            ("y", |gpu, n| dispatched(gpu, [1, n, 1])),
            ("z", |gpu, n| dispatched(gpu, [1, 1, n])),
            ("nothing at all", |gpu, n| dispatched(gpu, [0, n, 0])),
        ]),
    }
}

/// A texture for samplers, unless it is not used.
const SAMPLED: &str = "@group(0) @binding(999) var t: texture_2d<f32>;";
const FRONT: &str = "@builtin(front_facing) front: bool,";
const BOTH: &str = "@builtin(front_facing) front: bool, @builtin(sample_mask) mask: u32,";

#[test]
fn each_limit_is_reached_and_not_passed() {
    for is_most in [false, true] {
        let mut gpu = if is_most { Gpu::with_all_limits() } else { Gpu::new() };
        let mut wrong = Vec::new();
        for &name in LimitName::ALL {
            // What is larger than this is larger than any buffer that a test should make.
            let Ok(limit) = u32::try_from(gpu.limits.get(name)) else { continue };
            if limit >= 1 << 29 {
                continue;
            }
            let (all, over) = match tries(name) {
                Tries::Of(all) => (all, limit + 1),
                Tries::Words(all) => (all, limit + 4),
                Tries::Alignment(all) => (all, limit / 2),
                Tries::None(reason) => {
                    assert!(!reason.is_empty());
                    continue;
                }
            };
            for &(what, calls) in all {
                for (n, fits) in [(limit, true), (over, false)] {
                    let error = gpu.error(|gpu| calls(gpu, n));
                    if error.is_none() != fits {
                        wrong.push(format!("{} of {limit}, {what} with {n}: {error:?}", name.as_str()));
                    }
                }
            }
        }
        assert!(wrong.is_empty(), "the most: {is_most}\n{}", wrong.join("\n"));
    }
}

fn main(body: &str) -> String {
    format!("@compute @workgroup_size(1) fn main() {{ {body} }}")
}

fn sized(gpu: &mut Gpu, dimension: TextureDimension, [width, height, depth_or_array_layers]: [u32; 3]) {
    gpu.texture(|texture| {
        texture.dimension = dimension;
        texture.size = Extent3d { width, height, depth_or_array_layers };
        texture.usage = TextureUsage::COPY_SRC;
        texture.format = TextureFormat::R8unorm;
    });
}

fn entry(binding: u32, visibility: ShaderStage, ty: BindingType) -> BindGroupLayoutEntry {
    BindGroupLayoutEntry { binding, visibility, ty }
}

fn uniform(has_dynamic_offset: bool) -> BindingType {
    BindingType::Buffer { ty: BufferBindingType::Uniform, has_dynamic_offset, min_binding_size: 0 }
}

fn storage(has_dynamic_offset: bool) -> BindingType {
    BindingType::Buffer { ty: BufferBindingType::Storage, has_dynamic_offset, min_binding_size: 0 }
}

fn read_only() -> BindingType {
    BindingType::Buffer { ty: BufferBindingType::ReadOnlyStorage, has_dynamic_offset: false, min_binding_size: 0 }
}

fn sampler() -> BindingType {
    BindingType::Sampler(SamplerBindingType::Filtering)
}

fn sampled() -> BindingType {
    let view_dimension = TextureViewDimension::D2;
    BindingType::Texture { sample_type: TextureSampleType::Float, view_dimension, multisampled: false }
}

fn written() -> BindingType {
    let (format, view_dimension) = (TextureFormat::R32float, TextureViewDimension::D2);
    BindingType::StorageTexture { access: StorageTextureAccess::WriteOnly, format, view_dimension }
}

fn read() -> BindingType {
    let (format, view_dimension) = (TextureFormat::R32float, TextureViewDimension::D2);
    BindingType::StorageTexture { access: StorageTextureAccess::ReadOnly, format, view_dimension }
}

fn group_layout(gpu: &mut Gpu, entries: Vec<BindGroupLayoutEntry>) -> BindGroupLayoutId {
    let layout = BindGroupLayoutId(gpu.id());
    gpu.push(CreateBindGroupLayout { device: DEVICE, layout, label: "", entries });
    layout
}

fn pipeline_layout(gpu: &mut Gpu, bind_group_layouts: Vec<Option<BindGroupLayoutId>>, immediate_size: u32) {
    let layout = PipelineLayoutId(gpu.id());
    gpu.push(CreatePipelineLayout { device: DEVICE, layout, label: "", bind_group_layouts, immediate_size });
}

fn group(gpu: &mut Gpu, layout: BindGroupLayoutId, entries: Vec<BindGroupEntry>) -> BindGroupId {
    let bind_group = BindGroupId(gpu.id());
    gpu.push(CreateBindGroup { device: DEVICE, bind_group, label: "", layout, entries });
    bind_group
}

fn in_one_group(gpu: &mut Gpu, n: u32, visibility: ShaderStage, ty: BindingType) {
    group_layout(gpu, (0..n).map(|binding| entry(binding, visibility, ty)).collect());
}

fn in_two_groups(gpu: &mut Gpu, n: u32, visibility: ShaderStage, ty: BindingType) {
    let one = group_layout(gpu, vec![entry(0, visibility, ty)]);
    let others = group_layout(gpu, (1..n).map(|binding| entry(binding, visibility, ty)).collect());
    pipeline_layout(gpu, vec![Some(one), Some(others)], 0);
}

/// A pipeline with an automatic layout whose shader uses `n` variables of a type.
fn declared(gpu: &mut Gpu, n: u32, space: &str, ty: &str, uses: fn(&str) -> String) {
    let variables: String = (0..n).map(|at| format!("@group(0) @binding({at}) var{space} v{at}: {ty};\n")).collect();
    let uses: String = (0..n).map(|at| uses(&format!("v{at}"))).collect();
    compute(gpu, &format!("{SAMPLED} {variables} {}", main(&uses)));
}

fn compute(gpu: &mut Gpu, code: &str) {
    let module = gpu.module(code);
    gpu.compute(module, &[]);
}

fn bound(gpu: &mut Gpu, ty: BindingType, bytes: u32, offset: u32, size: Option<u32>) {
    let layout = group_layout(gpu, vec![entry(0, ShaderStage::COMPUTE, ty)]);
    let buffer = gpu.buffer(u64::from(bytes), BufferUsage::UNIFORM | BufferUsage::STORAGE);
    let resource = BindingResource::Buffer { buffer, offset: u64::from(offset), size: size.map(u64::from) };
    group(gpu, layout, vec![BindGroupEntry { binding: 0, resource }]);
}

fn at_offset(gpu: &mut Gpu, ty: BindingType, offset: u32) {
    let layout = group_layout(gpu, vec![entry(0, ShaderStage::COMPUTE, ty)]);
    let buffer = gpu.buffer(1024, BufferUsage::UNIFORM | BufferUsage::STORAGE);
    let resource = BindingResource::Buffer { buffer, offset: 0, size: Some(16) };
    let bind_group = group(gpu, layout, vec![BindGroupEntry { binding: 0, resource }]);
    in_compute_pass(gpu, |gpu, pass| set_group(gpu, pass, 0, bind_group, vec![offset]));
}

fn set_group(gpu: &mut Gpu, pass: ComputePassId, index: u32, bind_group: BindGroupId, dynamic_offsets: Vec<u32>) {
    gpu.push(ComputePassSetBindGroup { pass, index, bind_group: Some(bind_group), dynamic_offsets });
}

fn in_compute_pass(gpu: &mut Gpu, record: impl FnOnce(&mut Gpu, ComputePassId)) {
    gpu.encode(|gpu, encoder| gpu.compute_pass(encoder, record));
}

fn in_render_pass(gpu: &mut Gpu, record: impl FnOnce(&mut Gpu, RenderPassId)) {
    let texture = gpu.texture(|_| {});
    let view = gpu.view(texture);
    gpu.encode(|gpu, encoder| gpu.render_pass(encoder, vec![crate::kit::color(view)], None, record));
}

/// A pipeline with vertex buffers of these strides, whose `f32` attributes lie at these offsets and locations.
fn vertices(gpu: &mut Gpu, buffers: Vec<(u64, Vec<(u64, u32)>)>) {
    let module = gpu.module(&format!("{WHOLE} @fragment fn f() -> @location(0) vec4f {{ return vec4f(); }}"));
    gpu.render(module, |pipeline| {
        let buffers = buffers.into_iter().map(|(array_stride, attributes)| {
            let format = VertexFormat::Float32;
            let attribute = |(offset, shader_location)| VertexAttribute { format, offset, shader_location };
            let attributes = attributes.into_iter().map(attribute).collect();
            Some(VertexBufferLayout { array_stride, step_mode: VertexStepMode::Vertex, attributes })
        });
        pipeline.vertex_buffers = buffers.collect();
    });
}

/// A pipeline with `n` variables between its stages, and more inputs of the fragment stage.
fn between(gpu: &mut Gpu, n: u32, inputs: &str, topology: PrimitiveTopology) {
    let variables: String = (0..n).map(|at| format!("@location({at}) v{at}: vec4f, ")).collect();
    let code = format!(
        "struct Out {{ @builtin(position) at: vec4f, {variables} }}
        @vertex fn v() -> Out {{ return Out(); }}
        @fragment fn f({inputs} {variables}) -> @location(0) vec4f {{ return vec4f(); }}"
    );
    let module = gpu.module(&code);
    gpu.render(module, |pipeline| pipeline.primitive.topology = topology);
}

fn bundle_encoder(gpu: &mut Gpu, formats: Vec<TextureFormat>) {
    use airlock_protocol::commands::render_bundle::CreateRenderBundleEncoder;
    let encoder = RenderBundleEncoderId(gpu.id());
    gpu.push(CreateRenderBundleEncoder {
        device: DEVICE,
        encoder,
        label: "",
        color_formats: formats.into_iter().map(Some).collect(),
        depth_stencil_format: None,
        sample_count: 1,
        depth_read_only: false,
        stencil_read_only: false,
    });
}

fn grouped(gpu: &mut Gpu, [x, y, z]: [u32; 3]) {
    compute(gpu, &format!("@compute @workgroup_size({x}, {y}, {z}) fn main() {{}}"));
}

fn by_constants(gpu: &mut Gpu, [x, y, z]: [u32; 3]) {
    let code = "override x = 1u; override y = 1u; override z = 1u; @compute @workgroup_size(x, y, z) fn main() {}";
    let module = gpu.module(code);
    gpu.compute(module, &[("x", f64::from(x)), ("y", f64::from(y)), ("z", f64::from(z))]);
}

fn dispatched(gpu: &mut Gpu, [x, y, z]: [u32; 3]) {
    let module = gpu.module(&main(""));
    let pipeline = gpu.compute(module, &[]);
    in_compute_pass(gpu, |gpu, pass| {
        gpu.push(ComputePassSetPipeline { pass, pipeline });
        gpu.push(DispatchWorkgroups { pass, x, y, z });
    });
}
