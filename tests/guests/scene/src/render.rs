//! Rendering: the buffers, three passes over the objects (shadow, picture, probe) and the sky.

use guest_support::gpu::*;
use guest_support::passes::{color_attachment, color_target};
use guest_support::{ErrorScopes, Failure, Gpu, Outcome, bytemuck, textures};

use crate::mesh::{Meshes, Part, VERTEX_BYTES};
use crate::tiles;
use crate::world::{Camera, GROUND_HALF, Object, Shape, sun, sun_view_projection};

const PICTURE_FORMAT: GpuTextureFormat = GpuTextureFormat::Rgba8unormSrgb;
const PROBE_FORMAT: GpuTextureFormat = GpuTextureFormat::R32uint;
const DEPTH_FORMAT: GpuTextureFormat = GpuTextureFormat::Depth32float;
const SAMPLES: u32 = 4;
const SHADOW_SIZE: u32 = 2048;
/// The distance between two objects' uniforms: WebGPU's default alignment of dynamic offsets.
const OBJECT_STRIDE: usize = 256;
/// The part of a stride that the shader reads: a matrix, a colour, an id and a scale, rounded up to 16 bytes.
const OBJECT_BYTES: u64 = 96;
/// The period of the texture on the ground.
const GROUND_TILE: f32 = 7.0;

/// The readbacks of the scene.
pub struct Rendered {
    /// 8-bit sRGB with alpha.
    pub picture: Vec<u8>,
    /// Per pixel, the object's number plus one, or 0.
    pub ids: Vec<u32>,
    /// Per pixel, the depth buffer.
    pub depths: Vec<f32>,
    pub draws: u32,
}

struct Pipelines {
    shadow: GpuRenderPipeline,
    picture: GpuRenderPipeline,
    sky: GpuRenderPipeline,
    probe: GpuRenderPipeline,
}

struct Layouts {
    frame: GpuBindGroupLayout,
    object: GpuBindGroupLayout,
    material: GpuBindGroupLayout,
}

/// The scene's data on the GPU.
struct Stage {
    parts: Vec<Part>,
    vertices: GpuBuffer,
    indices: GpuBuffer,
    frame: GpuBindGroup,
    objects: GpuBindGroup,
    material: GpuBindGroup,
    shadow_view: GpuTextureView,
}

pub async fn render(gpu: &Gpu, width: u32, height: u32, camera: &Camera, objects: &[Object]) -> Outcome<Rendered> {
    let layouts = layouts(gpu);
    let pipelines = pipelines(gpu, &layouts).await?;

    let scopes = ErrorScopes::open(&gpu.device);
    let stage = stage(gpu, &layouts, camera, objects).await?;
    let attachment = |label, format, samples, usage| {
        gpu.device.create_texture(&GpuTextureDescriptor {
            sample_count: Some(samples),
            ..textures::descriptor(label, width, height, format, GpuTextureUsage::RENDER_ATTACHMENT | usage)
        })
    };
    let nothing = GpuTextureUsage::empty();
    let color = attachment("samples", PICTURE_FORMAT, SAMPLES, nothing);
    let picture = attachment("picture", PICTURE_FORMAT, 1, GpuTextureUsage::COPY_SRC);
    let depth = attachment("depth samples", DEPTH_FORMAT, SAMPLES, nothing);
    let ids = attachment("ids", PROBE_FORMAT, 1, GpuTextureUsage::COPY_SRC);
    let probe_depth = attachment("depth", DEPTH_FORMAT, 1, GpuTextureUsage::COPY_SRC);
    let views = [&color, &picture, &depth, &ids, &probe_depth].map(|texture| texture.create_view(None));
    let [color_view, picture_view, depth_view, ids_view, probe_depth_view] = &views;

    let encoder = gpu.encoder("scene");
    let mut draws = 0;

    // The sun's view, without the ground, whose shadow would be invisible.
    let pass = begin(&encoder, "shadow", vec![], &stage.shadow_view);
    let spiral = &stage.parts[..stage.parts.len() - 1];
    draws += stage.draw(&pass, &pipelines.shadow, spiral)?;
    pass.end();

    let target = GpuRenderPassColorAttachment {
        resolve_target: Some(picture_view),
        store_op: GpuStoreOp::Discard,
        ..color_attachment(color_view, [0.0, 0.0, 0.0, 1.0])
    };
    let pass = begin(&encoder, "picture", vec![target], depth_view);
    pass.set_bind_group(2, Some(&stage.material), None, None, None).map_err(bind_failed)?;
    draws += stage.draw(&pass, &pipelines.picture, &stage.parts)?;
    pass.set_pipeline(&pipelines.sky);
    pass.draw(3, None, None, None);
    draws += 1;
    pass.end();

    let pass = begin(&encoder, "probe", vec![color_attachment(ids_view, [0.0; 4])], probe_depth_view);
    draws += stage.draw(&pass, &pipelines.probe, &stage.parts)?;
    pass.end();
    gpu.submit(&encoder);

    let picture = gpu.download_rgba(&picture, width, height).await?;
    let ids = gpu.download_rgba(&ids, width, height).await?;
    let depths = gpu.download_rgba(&probe_depth, width, height).await?;
    scopes.close("drawing the scene").await?;
    Ok(Rendered {
        picture,
        ids: bytemuck::allocation::pod_collect_to_vec(&ids),
        depths: bytemuck::allocation::pod_collect_to_vec(&depths),
        draws,
    })
}

fn bind_failed(error: SetBindGroupError) -> Failure {
    Failure::new(format!("cannot set a bind group: {}", error.message))
}

fn begin(
    encoder: &GpuCommandEncoder,
    label: &str,
    colors: Vec<GpuRenderPassColorAttachment<'_>>,
    depth: &GpuTextureView,
) -> GpuRenderPassEncoder {
    encoder.begin_render_pass(&GpuRenderPassDescriptor {
        color_attachments: colors.into_iter().map(Some).collect(),
        depth_stencil_attachment: Some(GpuRenderPassDepthStencilAttachment {
            view: depth,
            depth_clear_value: Some(1.0),
            depth_load_op: Some(GpuLoadOp::Clear),
            depth_store_op: Some(GpuStoreOp::Store),
            depth_read_only: None,
            stencil_clear_value: None,
            stencil_load_op: None,
            stencil_store_op: None,
            stencil_read_only: None,
        }),
        occlusion_query_set: None,
        timestamp_writes: None,
        max_draw_count: None,
        label: Some(label.to_string()),
    })
}

impl Stage {
    /// One indexed draw per part, each with its own dynamic offset into the objects' uniforms.
    fn draw(&self, pass: &GpuRenderPassEncoder, pipeline: &GpuRenderPipeline, parts: &[Part]) -> Outcome<u32> {
        pass.set_pipeline(pipeline);
        pass.set_vertex_buffer(0, Some(&self.vertices), None, None);
        pass.set_index_buffer(&self.indices, GpuIndexFormat::Uint32, None, None);
        pass.set_bind_group(0, Some(&self.frame), None, None, None).map_err(bind_failed)?;
        for (index, part) in parts.iter().enumerate() {
            let offset = (index * OBJECT_STRIDE) as u32;
            pass.set_bind_group(1, Some(&self.objects), Some(&[offset]), None, None).map_err(bind_failed)?;
            pass.draw_indexed(part.index_count, None, Some(part.first_index), Some(part.base_vertex), None);
        }
        Ok(parts.len() as u32)
    }
}

fn layouts(gpu: &Gpu) -> Layouts {
    let entry = |binding, visibility| GpuBindGroupLayoutEntry {
        binding,
        visibility,
        buffer: None,
        sampler: None,
        texture: None,
        storage_texture: None,
    };
    let uniform = |dynamic| GpuBindGroupLayoutEntry {
        buffer: Some(GpuBufferBindingLayout {
            type_: Some(GpuBufferBindingType::Uniform),
            has_dynamic_offset: Some(dynamic),
            min_binding_size: None,
        }),
        ..entry(0, GpuShaderStage::VERTEX | GpuShaderStage::FRAGMENT)
    };
    let texture = |binding, sample_type| GpuBindGroupLayoutEntry {
        texture: Some(GpuTextureBindingLayout { sample_type: Some(sample_type), ..Default::default() }),
        ..entry(binding, GpuShaderStage::FRAGMENT)
    };
    let sampler = |binding, kind| GpuBindGroupLayoutEntry {
        sampler: Some(GpuSamplerBindingLayout { type_: Some(kind) }),
        ..entry(binding, GpuShaderStage::FRAGMENT)
    };
    let layout = |label: &str, entries| {
        gpu.device.create_bind_group_layout(&GpuBindGroupLayoutDescriptor { entries, label: Some(label.to_string()) })
    };
    Layouts {
        frame: layout("frame", vec![uniform(false)]),
        object: layout("object", vec![uniform(true)]),
        material: layout(
            "material",
            vec![
                texture(0, GpuTextureSampleType::Float),
                sampler(1, GpuSamplerBindingType::Filtering),
                texture(2, GpuTextureSampleType::Depth),
                sampler(3, GpuSamplerBindingType::Comparison),
            ],
        ),
    }
}

async fn pipelines(gpu: &Gpu, layouts: &Layouts) -> Outcome<Pipelines> {
    let module = gpu.shader("scene", include_str!("scene.wgsl")).await?;
    let layout = |groups: &[&GpuBindGroupLayout]| {
        gpu.device.create_pipeline_layout(&GpuPipelineLayoutDescriptor {
            bind_group_layouts: groups.iter().map(|group| Some(*group)).collect(),
            immediate_size: None,
            label: None,
        })
    };
    let plain = layout(&[&layouts.frame, &layouts.object]);
    let shaded = layout(&[&layouts.frame, &layouts.object, &layouts.material]);
    let sky = layout(&[&layouts.frame]);

    let stage = |label: &str, vertex: &str, fragment: Option<(&str, GpuTextureFormat)>, layout| {
        let fragment = fragment.map(|(entry, format)| GpuFragmentState {
            targets: vec![color_target(format)],
            module: &module,
            entry_point: Some(entry.to_string()),
            constants: None,
        });
        GpuRenderPipelineDescriptor {
            vertex: GpuVertexState {
                buffers: Some(vec![Some(vertex_layout())]),
                module: &module,
                entry_point: Some(vertex.to_string()),
                constants: None,
            },
            primitive: Some(GpuPrimitiveState { cull_mode: Some(GpuCullMode::Back), ..Default::default() }),
            depth_stencil: Some(depth_state(true, GpuCompareFunction::Less)),
            multisample: None,
            fragment,
            layout: GpuLayoutMode::Specific(layout),
            label: Some(label.to_string()),
        }
    };
    let multisample = || Some(GpuMultisampleState { count: Some(SAMPLES), ..Default::default() });

    let mut shadow = stage("shadow", "shadow_vertex", None, &plain);
    shadow.depth_stencil = Some(GpuDepthStencilState {
        depth_bias: Some(2),
        depth_bias_slope_scale: Some(1.5),
        ..depth_state(true, GpuCompareFunction::Less)
    });
    let mut picture = stage("picture", "vertex", Some(("fragment", PICTURE_FORMAT)), &shaded);
    picture.multisample = multisample();
    let mut behind = stage("sky", "sky_vertex", Some(("sky_fragment", PICTURE_FORMAT)), &sky);
    behind.vertex.buffers = None;
    behind.primitive = None;
    behind.multisample = multisample();
    behind.depth_stencil = Some(depth_state(false, GpuCompareFunction::LessEqual));
    let probe = stage("probe", "vertex", Some(("probe", PROBE_FORMAT)), &plain);

    Ok(Pipelines {
        shadow: gpu.render_pipeline(shadow).await?,
        picture: gpu.render_pipeline(picture).await?,
        sky: gpu.render_pipeline(behind).await?,
        probe: gpu.render_pipeline(probe).await?,
    })
}

fn vertex_layout() -> GpuVertexBufferLayout {
    let attribute = |format, offset, shader_location| GpuVertexAttribute { format, offset, shader_location };
    GpuVertexBufferLayout {
        array_stride: VERTEX_BYTES,
        step_mode: None,
        attributes: vec![
            attribute(GpuVertexFormat::Float32x3, 0, 0),
            attribute(GpuVertexFormat::Float32x3, 12, 1),
            attribute(GpuVertexFormat::Float32x2, 24, 2),
        ],
    }
}

fn depth_state(write: bool, compare: GpuCompareFunction) -> GpuDepthStencilState {
    GpuDepthStencilState {
        format: DEPTH_FORMAT,
        depth_write_enabled: Some(write),
        depth_compare: Some(compare),
        stencil_front: None,
        stencil_back: None,
        stencil_read_mask: None,
        stencil_write_mask: None,
        depth_bias: None,
        depth_bias_slope_scale: None,
        depth_bias_clamp: None,
    }
}

async fn stage(gpu: &Gpu, layouts: &Layouts, camera: &Camera, objects: &[Object]) -> Outcome<Stage> {
    let meshes = Meshes::new();
    let parts = objects.iter().map(|object| match object.shape {
        Shape::Cube => meshes.cube,
        Shape::Sphere => meshes.sphere,
        Shape::Torus => meshes.torus,
        Shape::Ground => meshes.ground,
    });
    let frame = gpu.buffer_with("frame", &frame_uniform(camera), GpuBufferUsage::UNIFORM)?;
    let uniforms = gpu.buffer_with("objects", &object_uniforms(objects), GpuBufferUsage::UNIFORM)?;

    let tiles = tiles::texture(gpu).await?;
    let tiles_sampler = gpu.device.create_sampler(Some(&GpuSamplerDescriptor {
        address_mode_u: Some(GpuAddressMode::Repeat),
        address_mode_v: Some(GpuAddressMode::Repeat),
        mag_filter: Some(GpuFilterMode::Linear),
        min_filter: Some(GpuFilterMode::Linear),
        mipmap_filter: Some(GpuMipmapFilterMode::Linear),
        max_anisotropy: Some(8),
        ..Default::default()
    }));
    let usage = GpuTextureUsage::RENDER_ATTACHMENT | GpuTextureUsage::TEXTURE_BINDING;
    let shadow_map = gpu.texture("shadow map", SHADOW_SIZE, SHADOW_SIZE, DEPTH_FORMAT, usage);
    let shadow_sampler = gpu.device.create_sampler(Some(&GpuSamplerDescriptor {
        mag_filter: Some(GpuFilterMode::Linear),
        min_filter: Some(GpuFilterMode::Linear),
        compare: Some(GpuCompareFunction::LessEqual),
        ..Default::default()
    }));
    let (tiles_view, shadow_view) = (tiles.create_view(None), shadow_map.create_view(None));

    let one_object = GpuBufferBinding { buffer: &uniforms, offset: None, size: Some(OBJECT_BYTES) };
    let material = vec![
        GpuBindingResource::GpuTextureView(&tiles_view),
        GpuBindingResource::GpuSampler(&tiles_sampler),
        GpuBindingResource::GpuTextureView(&shadow_view),
        GpuBindingResource::GpuSampler(&shadow_sampler),
    ];
    Ok(Stage {
        parts: parts.collect(),
        vertices: gpu.buffer_with("vertices", &meshes.vertices, GpuBufferUsage::VERTEX)?,
        indices: gpu.buffer_with("indices", &meshes.indices, GpuBufferUsage::INDEX)?,
        frame: gpu.bind_group(&layouts.frame, vec![GpuBindingResource::GpuBuffer(&frame)]),
        objects: gpu.bind_group(&layouts.object, vec![GpuBindingResource::GpuBufferBinding(one_object)]),
        material: gpu.bind_group(&layouts.material, material),
        shadow_view,
    })
}

/// The contents of the shader's `Frame`.
fn frame_uniform(camera: &Camera) -> Vec<f32> {
    let mut numbers = Vec::new();
    numbers.extend(camera.view_projection().as_flattened());
    numbers.extend(sun_view_projection().as_flattened());
    let right = camera.right.map(|c| c * camera.tangents[0]);
    let up = camera.up.map(|c| c * camera.tangents[1]);
    for vector in [camera.eye, sun(), right, up, camera.forward] {
        numbers.extend(vector);
        numbers.push(0.0);
    }
    numbers
}

/// The shader's `Object`s, one per stride.
fn object_uniforms(objects: &[Object]) -> Vec<f32> {
    let stride = OBJECT_STRIDE / size_of::<f32>();
    let mut numbers = vec![0.0; objects.len() * stride];
    for (index, (object, slot)) in objects.iter().zip(numbers.chunks_exact_mut(stride)).enumerate() {
        slot[..16].copy_from_slice(object.model().as_flattened());
        slot[16..20].copy_from_slice(&object.color);
        slot[20] = f32::from_bits(index as u32 + 1);
        slot[21] = match object.shape {
            Shape::Ground => 2.0 * GROUND_HALF / GROUND_TILE,
            _ => 1.0,
        };
    }
    numbers
}
