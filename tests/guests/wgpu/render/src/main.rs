//! Draws with a renderer's features: an index buffer, instances, a texture with a sampler, a uniform buffer with dynamic
//! offsets, depth, four samples per pixel, and a render bundle.

use wgpu::util::DeviceExt;

const SIZE: u32 = 192;
/// The offset of the second uniform, WebGPU's alignment of dynamic offsets.
const UNIFORM_STRIDE: u32 = 256;
const SAMPLES: u32 = 4;
const DEPTH: wgpu::TextureFormat = wgpu::TextureFormat::Depth24Plus;
const COLOR: wgpu::TextureFormat = wgpu::TextureFormat::Rgba8Unorm;

const SHADER: &str = "
    struct Uniform { offset: vec2<f32>, scale: f32, depth: f32 }
    @group(0) @binding(0) var<uniform> place: Uniform;
    @group(0) @binding(1) var checks: texture_2d<f32>;
    @group(0) @binding(2) var checks_sampler: sampler;

    struct Vertex { @builtin(position) position: vec4<f32>, @location(0) uv: vec2<f32>, @location(1) tint: vec4<f32> }

    @vertex
    fn vertex(@location(0) corner: vec2<f32>, @location(1) tint: vec4<f32>, @builtin(instance_index) i: u32) -> Vertex {
        let step = vec2(f32(i % 4u), f32(i / 4u)) * 0.5 - 0.75;
        var out: Vertex;
        out.position = vec4(corner * place.scale + step + place.offset, place.depth, 1.0);
        out.uv = corner * 0.5 + 0.5;
        out.tint = tint;
        return out;
    }

    @fragment
    fn fragment(in: Vertex) -> @location(0) vec4<f32> {
        return textureSample(checks, checks_sampler, in.uv) * in.tint;
    }
";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (device, queue) = support::device(wgpu::Features::empty())?;
    let target = support::target(&device, SIZE, SIZE, COLOR);
    let attachment = |format| {
        let texture = device.create_texture(&wgpu::TextureDescriptor {
            label: None,
            size: target.size(),
            mip_level_count: 1,
            sample_count: SAMPLES,
            dimension: wgpu::TextureDimension::D2,
            format,
            usage: wgpu::TextureUsages::RENDER_ATTACHMENT,
            view_formats: &[],
        });
        texture.create_view(&Default::default())
    };
    let (color, depth) = (attachment(COLOR), attachment(DEPTH));

    let scene = Scene::new(&device, &queue);
    let bundle = scene.bundle(&device);

    let mut encoder = device.create_command_encoder(&Default::default());
    {
        let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
            label: Some("scene"),
            color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                view: &color,
                depth_slice: None,
                resolve_target: Some(&target.create_view(&Default::default())),
                ops: wgpu::Operations {
                    load: wgpu::LoadOp::Clear(wgpu::Color { r: 0.1, g: 0.2, b: 0.3, a: 1.0 }),
                    store: wgpu::StoreOp::Discard,
                },
            })],
            depth_stencil_attachment: Some(wgpu::RenderPassDepthStencilAttachment {
                view: &depth,
                depth_ops: Some(wgpu::Operations { load: wgpu::LoadOp::Clear(1.0), store: wgpu::StoreOp::Discard }),
                stencil_ops: None,
            }),
            ..Default::default()
        });
        // In front, but drawn first, so that the depth test decides.
        pass.set_pipeline(&scene.pipeline);
        pass.set_bind_group(0, &scene.bind_group, &[UNIFORM_STRIDE]);
        pass.set_vertex_buffer(0, scene.corners.slice(..));
        pass.set_vertex_buffer(1, scene.tints.slice(..));
        pass.set_index_buffer(scene.indices.slice(..), wgpu::IndexFormat::Uint16);
        pass.set_scissor_rect(0, 0, SIZE, SIZE / 2);
        pass.draw_indexed(0..6, 0, 5..11);
        pass.set_scissor_rect(0, 0, SIZE, SIZE);
        pass.execute_bundles([&bundle]);
    }
    queue.submit([encoder.finish()]);
    support::write_picture(&device, &queue, &target)
}

struct Scene {
    pipeline: wgpu::RenderPipeline,
    bind_group: wgpu::BindGroup,
    corners: wgpu::Buffer,
    tints: wgpu::Buffer,
    indices: wgpu::Buffer,
}

impl Scene {
    fn new(device: &wgpu::Device, queue: &wgpu::Queue) -> Scene {
        let buffer = |contents: &[u8], usage| {
            device.create_buffer_init(&wgpu::util::BufferInitDescriptor { label: None, contents, usage })
        };
        let corners = [[-1.0f32, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]];
        let corners = buffer(&bytes(corners.as_flattened()), wgpu::BufferUsages::VERTEX);
        let tints: Vec<u8> = (0..16u8).flat_map(|i| [255 - i * 8, 128 + i * 7, i * 16, 255]).collect();
        let tints = buffer(&tints, wgpu::BufferUsages::VERTEX);
        let indices: Vec<u8> = [0u16, 1, 2, 0, 2, 3].into_iter().flat_map(u16::to_le_bytes).collect();
        let indices = buffer(&indices, wgpu::BufferUsages::INDEX);

        let uniforms = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("uniforms"),
            size: u64::from(UNIFORM_STRIDE) * 2,
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        queue.write_buffer(&uniforms, 0, &bytes(&[0.0, 0.0, 0.2, 0.5]));
        queue.write_buffer(&uniforms, u64::from(UNIFORM_STRIDE), &bytes(&[0.07, -0.05, 0.15, 0.25]));

        let layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: None,
            entries: &[
                entry(
                    0,
                    wgpu::BindingType::Buffer {
                        ty: wgpu::BufferBindingType::Uniform,
                        has_dynamic_offset: true,
                        min_binding_size: None,
                    },
                ),
                entry(
                    1,
                    wgpu::BindingType::Texture {
                        sample_type: wgpu::TextureSampleType::Float { filterable: true },
                        view_dimension: wgpu::TextureViewDimension::D2,
                        multisampled: false,
                    },
                ),
                entry(2, wgpu::BindingType::Sampler(wgpu::SamplerBindingType::Filtering)),
            ],
        });
        let sampler = device.create_sampler(&wgpu::SamplerDescriptor {
            address_mode_u: wgpu::AddressMode::Repeat,
            mag_filter: wgpu::FilterMode::Linear,
            ..Default::default()
        });
        let bind_group = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &layout,
            entries: &[
                wgpu::BindGroupEntry {
                    binding: 0,
                    resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                        buffer: &uniforms,
                        offset: 0,
                        size: wgpu::BufferSize::new(16),
                    }),
                },
                wgpu::BindGroupEntry {
                    binding: 1,
                    resource: wgpu::BindingResource::TextureView(
                        &checks(device, queue).create_view(&Default::default()),
                    ),
                },
                wgpu::BindGroupEntry { binding: 2, resource: wgpu::BindingResource::Sampler(&sampler) },
            ],
        });
        Scene { pipeline: pipeline(device, &layout), bind_group, corners, tints, indices }
    }

    /// The squares behind, recorded in a bundle.
    fn bundle(&self, device: &wgpu::Device) -> wgpu::RenderBundle {
        let mut encoder = device.create_render_bundle_encoder(&wgpu::RenderBundleEncoderDescriptor {
            label: None,
            color_formats: &[Some(COLOR)],
            depth_stencil: Some(wgpu::RenderBundleDepthStencil {
                format: DEPTH,
                depth_read_only: false,
                stencil_read_only: true,
            }),
            sample_count: SAMPLES,
            multiview: None,
        });
        encoder.set_pipeline(&self.pipeline);
        encoder.set_bind_group(0, &self.bind_group, &[0]);
        encoder.set_vertex_buffer(0, self.corners.slice(..));
        encoder.set_vertex_buffer(1, self.tints.slice(..));
        encoder.set_index_buffer(self.indices.slice(..), wgpu::IndexFormat::Uint16);
        encoder.draw_indexed(0..6, 0, 0..16);
        encoder.finish(&Default::default())
    }
}

fn pipeline(device: &wgpu::Device, layout: &wgpu::BindGroupLayout) -> wgpu::RenderPipeline {
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: Some("squares"),
        source: wgpu::ShaderSource::Wgsl(SHADER.into()),
    });
    let layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label: None,
        bind_group_layouts: &[Some(layout)],
        immediate_size: 0,
    });
    device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
        label: Some("squares"),
        layout: Some(&layout),
        vertex: wgpu::VertexState {
            module: &module,
            entry_point: None,
            compilation_options: Default::default(),
            buffers: &[
                Some(wgpu::VertexBufferLayout {
                    array_stride: 8,
                    step_mode: wgpu::VertexStepMode::Vertex,
                    attributes: &wgpu::vertex_attr_array![0 => Float32x2],
                }),
                Some(wgpu::VertexBufferLayout {
                    array_stride: 4,
                    step_mode: wgpu::VertexStepMode::Instance,
                    attributes: &wgpu::vertex_attr_array![1 => Unorm8x4],
                }),
            ],
        },
        primitive: wgpu::PrimitiveState { cull_mode: Some(wgpu::Face::Back), ..Default::default() },
        depth_stencil: Some(wgpu::DepthStencilState {
            format: DEPTH,
            depth_write_enabled: Some(true),
            depth_compare: Some(wgpu::CompareFunction::Less),
            stencil: Default::default(),
            bias: Default::default(),
        }),
        multisample: wgpu::MultisampleState { count: SAMPLES, ..Default::default() },
        fragment: Some(wgpu::FragmentState {
            module: &module,
            entry_point: None,
            compilation_options: Default::default(),
            targets: &[Some(wgpu::ColorTargetState {
                format: COLOR,
                blend: Some(wgpu::BlendState::ALPHA_BLENDING),
                write_mask: wgpu::ColorWrites::ALL,
            })],
        }),
        multiview_mask: None,
        cache: None,
    })
}

fn entry(binding: u32, ty: wgpu::BindingType) -> wgpu::BindGroupLayoutEntry {
    wgpu::BindGroupLayoutEntry { binding, visibility: wgpu::ShaderStages::VERTEX_FRAGMENT, ty, count: None }
}

/// A texture of eight by eight checks.
fn checks(device: &wgpu::Device, queue: &wgpu::Queue) -> wgpu::Texture {
    let texels: Vec<u8> = (0..64u32)
        .flat_map(|i| if (i + i / 8).is_multiple_of(2) { [255, 255, 255, 255] } else { [40, 40, 40, 255] })
        .collect();
    device.create_texture_with_data(
        queue,
        &wgpu::TextureDescriptor {
            label: Some("checks"),
            size: wgpu::Extent3d { width: 8, height: 8, depth_or_array_layers: 1 },
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format: wgpu::TextureFormat::Rgba8Unorm,
            usage: wgpu::TextureUsages::TEXTURE_BINDING,
            view_formats: &[],
        },
        wgpu::util::TextureDataOrder::LayerMajor,
        &texels,
    )
}

fn bytes(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}
