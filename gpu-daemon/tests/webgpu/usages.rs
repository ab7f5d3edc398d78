//! Usage scopes (WebGPU, "Synchronization"): in a render pass or a dispatch, a subresource is read, or written as storage, or
//! is an attachment.

use airlock_protocol::{
    commands::{
        binding::*, buffer::*, command_encoder::*, compute_pass::*, pipeline::*, render_bundle::*, render_pass::*,
        texture::*,
    },
    ids::*,
};

use crate::{
    common::client::DEVICE,
    kit::{Gpu, WHOLE, color},
};

/// How a subresource is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    /// A texture that is sampled, or a uniform buffer.
    Constant,
    ReadOnly,
    WriteOnly,
    ReadWrite,
    Target,
    Vertex,
    Index,
    Indirect,
}

impl Use {
    fn is_written_storage(self) -> bool {
        matches!(self, Use::WriteOnly | Use::ReadWrite)
    }

    /// "Compatible usage list".
    fn fits(self, other: Use) -> bool {
        let reads = |used: Use| !used.is_written_storage() && used != Use::Target;
        (reads(self) && reads(other)) || (self.is_written_storage() && other.is_written_storage())
    }

    fn of_texture(self) -> BindingType {
        let view_dimension = TextureViewDimension::D2Array;
        let access = match self {
            Use::ReadOnly => StorageTextureAccess::ReadOnly,
            Use::WriteOnly => StorageTextureAccess::WriteOnly,
            Use::ReadWrite => StorageTextureAccess::ReadWrite,
            _ => {
                let sample_type = TextureSampleType::UnfilterableFloat;
                return BindingType::Texture { sample_type, view_dimension, multisampled: false };
            }
        };
        BindingType::StorageTexture { access, format: TextureFormat::R32float, view_dimension }
    }

    fn of_buffer(self) -> BindingType {
        let ty = match self {
            Use::ReadOnly => BufferBindingType::ReadOnlyStorage,
            Use::ReadWrite => BufferBindingType::Storage,
            _ => BufferBindingType::Uniform,
        };
        BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: 0 }
    }
}

/// Bind groups, each with one resource, and a compute pipeline whose layout has them.
fn bound(gpu: &mut Gpu, resources: &[(BindingType, BindingResource)]) -> (Vec<BindGroupId>, ComputePipelineId) {
    let (mut layouts, mut groups) = (Vec::new(), Vec::new());
    for &(ty, resource) in resources {
        let (layout, bind_group) = (BindGroupLayoutId(gpu.id()), BindGroupId(gpu.id()));
        let visibility = ShaderStage::COMPUTE | ShaderStage::FRAGMENT;
        let entries = vec![BindGroupLayoutEntry { binding: 0, visibility, ty }];
        gpu.push(CreateBindGroupLayout { device: DEVICE, layout, label: "", entries });
        let entries = vec![BindGroupEntry { binding: 0, resource }];
        gpu.push(CreateBindGroup { device: DEVICE, bind_group, label: "", layout, entries });
        layouts.push(Some(layout));
        groups.push(bind_group);
    }
    let (layout, pipeline) = (PipelineLayoutId(gpu.id()), ComputePipelineId(gpu.id()));
    let (bind_group_layouts, immediate_size) = (layouts, 0);
    gpu.push(CreatePipelineLayout { device: DEVICE, layout, label: "", bind_group_layouts, immediate_size });
    let module = gpu.module("@compute @workgroup_size(1) fn main() {}");
    let compute = ProgrammableStage { module, entry_point: None, constants: vec![] };
    let (request, label, layout) = (None, "", Some(layout));
    gpu.push(CreateComputePipeline { device: DEVICE, pipeline, request, label, layout, compute });
    (groups, pipeline)
}

fn set_groups(gpu: &mut Gpu, pass: RenderPassId, groups: &[BindGroupId]) {
    for (&group, index) in groups.iter().zip(0..) {
        let (bind_group, dynamic_offsets) = (Some(group), vec![]);
        gpu.push(RenderPassSetBindGroup { pass, index, bind_group, dynamic_offsets });
    }
}

fn dispatch(gpu: &mut Gpu, pass: ComputePassId, pipeline: ComputePipelineId, groups: &[BindGroupId]) {
    gpu.push(ComputePassSetPipeline { pass, pipeline });
    for (&group, index) in groups.iter().zip(0..) {
        let (bind_group, dynamic_offsets) = (Some(group), vec![]);
        gpu.push(ComputePassSetBindGroup { pass, index, bind_group, dynamic_offsets });
    }
    gpu.push(DispatchWorkgroups { pass, x: 1, y: 1, z: 1 });
}

/// Levels and layers: the first and the number of each.
type Range = [u32; 4];

fn overlap(one: Range, other: Range) -> bool {
    let meet = |a: u32, count_a: u32, b: u32, count_b: u32| a < b + count_b && b < a + count_a;
    meet(one[0], one[1], other[0], other[1]) && meet(one[2], one[3], other[2], other[3])
}

fn array_view(gpu: &mut Gpu, texture: TextureId, [level, levels, layer, layers]: Range) -> TextureViewId {
    gpu.view_of(texture, |view| {
        (view.base_mip_level, view.mip_level_count) = (level, Some(levels));
        (view.base_array_layer, view.array_layer_count) = (layer, Some(layers));
        view.dimension = Some(TextureViewDimension::D2Array);
    })
}

#[test]
fn a_subresource_of_a_texture_has_one_kind_of_use() {
    const ALL: [Use; 5] = [Use::Constant, Use::ReadOnly, Use::WriteOnly, Use::ReadWrite, Use::Target];
    const RANGES: [Range; 4] = [[0, 1, 0, 1], [0, 1, 1, 1], [1, 1, 0, 1], [0, 1, 0, 2]];
    let mut gpu = Gpu::new();
    let mut wrong = Vec::new();
    for (place, one) in ALL.into_iter().enumerate() {
        for other in ALL.into_iter().skip(place) {
            for range in RANGES {
                if other == Use::Target && (one == Use::Target || range[3] > 1) {
                    continue;
                }
                let texture = gpu.texture(|texture| {
                    texture.format = TextureFormat::R32float;
                    texture.size.depth_or_array_layers = 2;
                    texture.mip_level_count = 2;
                    texture.usage = TextureUsage::TEXTURE_BINDING | TextureUsage::STORAGE_BINDING;
                    texture.usage |= TextureUsage::RENDER_ATTACHMENT;
                });
                let first = array_view(&mut gpu, texture, RANGES[0]);
                let second = array_view(&mut gpu, texture, range);
                let fits = one.fits(other) || !overlap(RANGES[0], range);
                let mut resources = vec![(one.of_texture(), BindingResource::TextureView(first))];
                if other != Use::Target {
                    resources.push((other.of_texture(), BindingResource::TextureView(second)));
                }
                let (groups, pipeline) = gpu.valid("groups", |gpu| bound(gpu, &resources));
                if other != Use::Target {
                    let error = gpu.error(|gpu| {
                        gpu.encode(|gpu, encoder| {
                            gpu.compute_pass(encoder, |gpu, pass| dispatch(gpu, pass, pipeline, &groups));
                        });
                    });
                    // One dispatch must not write to what two of its bindings have.
                    let fits = fits && !(overlap(RANGES[0], range) && one.is_written_storage());
                    if error.is_none() != fits {
                        wrong.push(format!("a dispatch with {one:?} and {other:?} of {range:?}: {error:?}"));
                    }
                }
                let target = if other == Use::Target {
                    second
                } else {
                    let texture = gpu.texture(|_| {});
                    gpu.view(texture)
                };
                let error = gpu.error(|gpu| {
                    gpu.encode(|gpu, encoder| {
                        gpu.render_pass(encoder, vec![color(target)], None, |gpu, pass| set_groups(gpu, pass, &groups));
                    });
                });
                // wgpu has two states where WebGPU has one usage.
                let is_known = (one, other) == (Use::WriteOnly, Use::ReadWrite) && overlap(RANGES[0], range);
                if error.is_none() != (fits && !is_known) {
                    wrong.push(format!("a pass with {one:?} and {other:?} of {range:?}: {error:?}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// An aspect that a pass only reads may be sampled in it.
#[test]
fn an_aspect_is_read_or_written() {
    let mut gpu = Gpu::new();
    let mut wrong = Vec::new();
    for format in [TextureFormat::Depth24plusStencil8, TextureFormat::Depth16unorm, TextureFormat::Stencil8] {
        let has = [format != TextureFormat::Stencil8, format != TextureFormat::Depth16unorm];
        for bits in 0..4 {
            let read_only = [0, 1].map(|n| bits >> n & 1 == 1);
            for (aspect, number) in [(TextureAspect::DepthOnly, 0), (TextureAspect::StencilOnly, 1)] {
                if !has[number] {
                    continue;
                }
                let texture = gpu.texture(|texture| {
                    texture.format = format;
                    texture.usage = TextureUsage::RENDER_ATTACHMENT | TextureUsage::TEXTURE_BINDING;
                });
                let (view, sampled) = (gpu.view(texture), gpu.view_of(texture, |view| view.aspect = aspect));
                let sample_type = [TextureSampleType::Depth, TextureSampleType::Uint][number];
                let view_dimension = TextureViewDimension::D2;
                let ty = BindingType::Texture { sample_type, view_dimension, multisampled: false };
                let resources = [(ty, BindingResource::TextureView(sampled))];
                let (groups, _) = gpu.valid("groups", |gpu| bound(gpu, &resources));
                let attachment = |read_only: [bool; 2]| {
                    let load = |n: usize| (has[n] && !read_only[n]).then_some(LoadOp::Load);
                    let store = |n: usize| (has[n] && !read_only[n]).then_some(StoreOp::Store);
                    DepthStencilAttachment {
                        view,
                        depth_clear_value: None,
                        depth_load_op: load(0),
                        depth_store_op: store(0),
                        depth_read_only: read_only[0],
                        stencil_clear_value: 0,
                        stencil_load_op: load(1),
                        stencil_store_op: store(1),
                        stencil_read_only: read_only[1],
                    }
                };
                let fits = read_only[number];
                let error = gpu.error(|gpu| {
                    gpu.encode(|gpu, encoder| {
                        gpu.render_pass(encoder, vec![], Some(attachment(read_only)), |gpu, pass| {
                            set_groups(gpu, pass, &groups);
                        });
                    });
                });
                // wgpu knows one state for both aspects: it refuses to sample one while the other is written.
                let is_known = has == [true; 2] && fits && read_only != [true; 2];
                if error.is_none() != (fits && !is_known) {
                    wrong.push(format!("{aspect:?} of {format:?}, of which {read_only:?} are only read: {error:?}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_buffer_has_one_kind_of_use() {
    const ALL: [Use; 6] = [Use::Constant, Use::ReadOnly, Use::ReadWrite, Use::Vertex, Use::Index, Use::Indirect];
    let mut gpu = Gpu::new();
    let module = gpu.module(
        "@vertex fn v() -> @builtin(position) vec4f { return vec4f(); } @fragment fn f() -> @location(0) vec4f { return vec4f(); }",
    );
    let render_pipeline = gpu.render(module, |_| {});
    let texture = gpu.texture(|_| {});
    let target = gpu.view(texture);
    let mut wrong = Vec::new();
    for (place, one) in ALL.into_iter().enumerate() {
        for other in ALL.into_iter().skip(place) {
            for is_same in [true, false] {
                let usage = BufferUsage::UNIFORM
                    | BufferUsage::STORAGE
                    | BufferUsage::VERTEX
                    | BufferUsage::INDEX
                    | BufferUsage::INDIRECT;
                let first = gpu.buffer(256, usage);
                let second = if is_same { first } else { gpu.buffer(256, usage) };
                let uses = [(one, first), (other, second)];
                let is_bound = |used: Use| matches!(used, Use::Constant | Use::ReadOnly | Use::ReadWrite);
                let whole = |buffer| BindingResource::Buffer { buffer, offset: 0, size: None };
                let bindings = uses.iter().filter(|(used, _)| is_bound(*used));
                let resources: Vec<_> = bindings.map(|&(used, buffer)| (used.of_buffer(), whole(buffer))).collect();
                let (groups, pipeline) = gpu.valid("groups", |gpu| bound(gpu, &resources));
                let fits = one.fits(other) || !is_same;
                let in_dispatch = uses.iter().all(|&(used, _)| is_bound(used) || used == Use::Indirect);
                if in_dispatch {
                    let error = gpu.error(|gpu| {
                        gpu.encode(|gpu, encoder| {
                            gpu.compute_pass(encoder, |gpu, pass| {
                                dispatch(gpu, pass, pipeline, &groups);
                                for &(_, buffer) in uses.iter().filter(|(used, _)| *used == Use::Indirect) {
                                    gpu.push(DispatchWorkgroupsIndirect { pass, buffer, offset: 0 });
                                }
                            });
                        });
                    });
                    // One dispatch must not write to what two of its bindings have.
                    let fits = fits && !(is_same && one.is_written_storage());
                    if error.is_none() != fits {
                        wrong.push(format!("a dispatch with {one:?} and {other:?}, {is_same}: {error:?}"));
                    }
                }
                let error = gpu.error(|gpu| {
                    gpu.encode(|gpu, encoder| {
                        gpu.render_pass(encoder, vec![color(target)], None, |gpu, pass| {
                            set_groups(gpu, pass, &groups);
                            gpu.push(RenderPassSetPipeline { pass, pipeline: render_pipeline });
                            for &(used, buffer) in &uses {
                                let (offset, size) = (0, None);
                                match used {
                                    Use::Vertex => {
                                        let (slot, buffer) = (0, Some(buffer));
                                        gpu.push(RenderPassSetVertexBuffer { pass, slot, buffer, offset, size });
                                    }
                                    Use::Index => {
                                        let format = IndexFormat::Uint32;
                                        gpu.push(RenderPassSetIndexBuffer { pass, buffer, format, offset, size });
                                    }
                                    Use::Indirect => gpu.push(RenderPassDrawIndirect { pass, buffer, offset }),
                                    _ => {}
                                }
                            }
                        });
                    });
                });
                if error.is_none() != fits {
                    wrong.push(format!("a pass with {one:?} and {other:?}, {is_same}: {error:?}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// WebGPU, "encoder bind groups alias a writable resource".
#[test]
fn bindings_of_one_draw_do_not_overlap_what_is_written() {
    use BufferBindingType::{ReadOnlyStorage as Read, Storage as Write};
    const ALL: ShaderStage = ShaderStage::COMPUTE.union(ShaderStage::FRAGMENT);
    let mut gpu = Gpu::new();
    let buffer = gpu.buffer(4096, BufferUsage::STORAGE);
    let texture = gpu.texture(|_| {});
    let view = gpu.view(texture);
    let mut wrong = Vec::new();
    // Of each binding: its type, visibility, offset, size, and dynamic offset.
    type Bound = (BufferBindingType, ShaderStage, u64, u64, Option<u32>);
    let cases: [(&[Bound], bool); 12] = [
        (&[(Write, ALL, 0, 256, None), (Write, ALL, 256, 256, None)], true),
        (&[(Write, ALL, 0, 260, None), (Write, ALL, 256, 256, None)], false),
        (&[(Write, ALL, 256, 256, None), (Write, ALL, 0, 260, None)], false),
        (&[(Write, ALL, 0, 1024, None), (Write, ALL, 256, 4, None)], false),
        (&[(Write, ALL, 0, 256, None), (Write, ALL, 256, 256, None), (Write, ALL, 0, 4, None)], false),
        (&[(Read, ALL, 0, 256, None), (Read, ALL, 0, 256, None)], true),
        // No stage sees both.
        (&[(Write, ShaderStage::COMPUTE, 0, 256, None), (Write, ShaderStage::FRAGMENT, 0, 256, None)], true),
        (&[(Write, ShaderStage::COMPUTE, 0, 256, None), (Write, ShaderStage::empty(), 0, 256, None)], true),
        (&[(Write, ALL, 0, 256, Some(0)), (Write, ALL, 0, 256, Some(256))], true),
        (&[(Write, ALL, 0, 256, Some(512)), (Write, ALL, 512, 256, Some(0))], false),
        (&[(Write, ALL, 0, 256, None), (Write, ALL, 0, 256, Some(256)), (Write, ALL, 256, 256, Some(256))], true),
        (&[(Write, ALL, 0, 256, None), (Write, ALL, 0, 256, Some(256)), (Write, ALL, 256, 256, Some(0))], false),
    ];
    for (bound, fits) in cases {
        let (layout, bind_group) = (BindGroupLayoutId(gpu.id()), BindGroupId(gpu.id()));
        let (compute, render) = (ComputePipelineId(gpu.id()), PipelineLayoutId(gpu.id()));
        let entry = |(&(ty, visibility, _, _, dynamic), binding): (&Bound, u32)| {
            let ty = BindingType::Buffer { ty, has_dynamic_offset: dynamic.is_some(), min_binding_size: 0 };
            BindGroupLayoutEntry { binding, visibility, ty }
        };
        let entries = bound.iter().zip(0..).map(entry).collect();
        gpu.push(CreateBindGroupLayout { device: DEVICE, layout, label: "", entries });
        let resource = |(&(.., offset, size, _), binding): (&Bound, u32)| {
            let resource = BindingResource::Buffer { buffer, offset, size: Some(size) };
            BindGroupEntry { binding, resource }
        };
        let entries = bound.iter().zip(0..).map(resource).collect();
        gpu.push(CreateBindGroup { device: DEVICE, bind_group, label: "", layout, entries });
        let (bind_group_layouts, immediate_size) = (vec![Some(layout)], 0);
        gpu.push(CreatePipelineLayout {
            device: DEVICE,
            layout: render,
            label: "",
            bind_group_layouts,
            immediate_size,
        });
        let module = gpu.module(&format!(
            "{WHOLE} @fragment fn f() -> @location(0) vec4f {{ return vec4f(); }}
            @compute @workgroup_size(1) fn main() {{}}"
        ));
        let stage = ProgrammableStage { module, entry_point: None, constants: vec![] };
        gpu.push(CreateComputePipeline {
            device: DEVICE,
            pipeline: compute,
            request: None,
            label: "",
            layout: Some(render),
            compute: stage,
        });
        let pipeline = gpu.render(module, |pipeline| pipeline.layout = Some(render));
        let dynamic_offsets: Vec<u32> = bound.iter().filter_map(|&(.., dynamic)| dynamic).collect();
        let (index, bind_group) = (0, Some(bind_group));
        let draw = |gpu: &mut Gpu, pass| {
            let (vertex_count, instance_count, first_vertex, first_instance) = (3, 1, 0, 0);
            gpu.push(RenderPassDraw { pass, vertex_count, instance_count, first_vertex, first_instance });
        };
        let outcomes = [
            gpu.error(|gpu| {
                gpu.encode(|gpu, encoder| {
                    gpu.compute_pass(encoder, |gpu, pass| {
                        gpu.push(ComputePassSetPipeline { pass, pipeline: compute });
                        let dynamic_offsets = dynamic_offsets.clone();
                        gpu.push(ComputePassSetBindGroup { pass, index, bind_group, dynamic_offsets });
                        gpu.push(DispatchWorkgroups { pass, x: 1, y: 1, z: 1 });
                    });
                });
            }),
            gpu.error(|gpu| {
                gpu.encode(|gpu, encoder| {
                    gpu.render_pass(encoder, vec![color(view)], None, |gpu, pass| {
                        let dynamic_offsets = dynamic_offsets.clone();
                        gpu.push(RenderPassSetBindGroup { pass, index, bind_group, dynamic_offsets });
                        gpu.push(RenderPassSetPipeline { pass, pipeline });
                        draw(gpu, pass);
                    });
                });
            }),
            gpu.error(|gpu| {
                let (encoder, bundle) = (RenderBundleEncoderId(gpu.id()), RenderBundleId(gpu.id()));
                gpu.push(CreateRenderBundleEncoder {
                    device: DEVICE,
                    encoder,
                    label: "",
                    color_formats: vec![Some(TextureFormat::Rgba8unorm)],
                    depth_stencil_format: None,
                    sample_count: 1,
                    depth_read_only: false,
                    stencil_read_only: false,
                });
                gpu.push(BundleSetPipeline { encoder, pipeline });
                gpu.push(BundleSetBindGroup { encoder, index, bind_group, dynamic_offsets });
                let (vertex_count, instance_count, first_vertex, first_instance) = (3, 1, 0, 0);
                gpu.push(BundleDraw { encoder, vertex_count, instance_count, first_vertex, first_instance });
                gpu.push(FinishRenderBundle { encoder, bundle, label: "" });
            }),
        ];
        for (error, what) in outcomes.into_iter().zip(["a dispatch", "a draw", "a bundle"]) {
            if error.is_none() != fits {
                wrong.push(format!("{what} with {bound:?}: {error:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// As above, with the layouts that pipelines make of their shaders.
#[test]
fn automatic_layouts_know_what_is_written() {
    let mut gpu = Gpu::new();
    for (first, second, fits) in
        [("storage, read", "storage, read", true), ("storage, read_write", "storage, read_write", false)]
    {
        let module = gpu.module(&format!(
            "@group(0) @binding(0) var<{first}> a: u32; @group(0) @binding(1) var<{second}> b: u32;
            @compute @workgroup_size(1) fn main() {{ _ = a; _ = b; }}"
        ));
        let pipeline = gpu.compute(module, &[]);
        let buffers = [gpu.buffer(16, BufferUsage::STORAGE), gpu.buffer(16, BufferUsage::STORAGE)];
        for (bound, fits) in [([0, 1], true), ([1, 1], fits)] {
            let group = gpu.group(PipelineId::Compute(pipeline), &bound.map(|at: usize| buffers[at]));
            let error = gpu.error(|gpu| gpu.dispatch(pipeline, group, [1, 1, 1]));
            assert_eq!(error.is_none(), fits, "{first} {second} {bound:?}: {error:?}");
        }
    }
}

/// In a dispatch, a group counts if the pipeline's layout has it; in a render pass, as soon as it is set.
#[test]
fn groups_count_where_they_are_used() {
    let mut gpu = Gpu::new();
    let buffer = gpu.buffer(256, BufferUsage::UNIFORM | BufferUsage::STORAGE);
    let whole = BindingResource::Buffer { buffer, offset: 0, size: None };
    let (both, _) = bound(&mut gpu, &[(Use::Constant.of_buffer(), whole), (Use::ReadWrite.of_buffer(), whole)]);
    let (_, only_first) = bound(&mut gpu, &[(Use::Constant.of_buffer(), whole)]);
    gpu.valid("a dispatch without the second group", |gpu| {
        gpu.encode(|gpu, encoder| gpu.compute_pass(encoder, |gpu, pass| dispatch(gpu, pass, only_first, &both)));
    });
    let texture = gpu.texture(|_| {});
    let view = gpu.view(texture);
    let replaced = |gpu: &mut Gpu, groups: [BindGroupId; 2]| {
        gpu.encode(|gpu, encoder| {
            gpu.render_pass(encoder, vec![color(view)], None, |gpu, pass| {
                for group in groups {
                    set_groups(gpu, pass, &[group]);
                }
            });
        });
    };
    gpu.invalid("a group that is replaced", |gpu| replaced(gpu, [both[0], both[1]]));
    gpu.valid("one group twice", |gpu| replaced(gpu, [both[1], both[1]]));
}

/// A command after a pass's end is an error by itself, and leaves the recording as it is.
#[test]
fn what_follows_the_end_is_no_part_of_a_pass() {
    let mut gpu = Gpu::new();
    let buffer = gpu.buffer(256, BufferUsage::STORAGE);
    let whole = (Use::ReadWrite.of_buffer(), BindingResource::Buffer { buffer, offset: 0, size: None });
    let (groups, pipeline) = bound(&mut gpu, &[whole, whole]);
    let (encoder, pass, command_buffer) =
        (CommandEncoderId(gpu.id()), ComputePassId(gpu.id()), CommandBufferId(gpu.id()));
    gpu.push(CreateCommandEncoder { device: DEVICE, encoder, label: "" });
    gpu.push(BeginComputePass { encoder, pass, label: "", timestamp_writes: None });
    gpu.push(EndComputePass { pass });
    gpu.invalid("a dispatch", |gpu| dispatch(gpu, pass, pipeline, &groups));
    gpu.valid("the finish", |gpu| gpu.push(FinishCommandEncoder { encoder, command_buffer, label: "" }));
}
