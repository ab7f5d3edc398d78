//! Initial objects: valid ones of each resource on each device, invalid ones, and a job that checks that a device still
//! works.

use guest_support::gpu::*;
use guest_support::passes::{bind, color_attachment, color_target, compute_pass, render_descriptor, render_pass};
use guest_support::{ErrorScopes, Gpu, Outcome, fail};

use crate::calls::Pools;
use crate::world::{INVALID, Random};

pub const COMPUTE: &str = "
    @group(0) @binding(0) var<storage, read_write> a: array<u32>;
    @compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {
        if id.x < arrayLength(&a) { a[id.x] = a[id.x] * a[id.x] + 1u; }
    }";
pub const RENDER: &str = "
    @vertex fn vertex(@builtin(vertex_index) n: u32) -> @builtin(position) vec4f {
        return vec4f(f32(n & 1u), f32(n >> 1u), 0, 1);
    }
    @fragment fn fragment() -> @location(0) vec4f { return vec4f(1); }";
const FORMAT: GpuTextureFormat = GpuTextureFormat::Rgba8unorm;

/// The noop adapter executes nothing, and compiles no shader for a pipeline.
pub fn idle(gpu: &Gpu) -> bool {
    gpu.adapter_name().to_lowercase().contains("noop")
}

/// A valid job: squares on the GPU, compared with the CPU.
pub async fn good_job(gpu: &Gpu) -> Outcome {
    let scopes = ErrorScopes::open(&gpu.device);
    let pipeline = gpu.compute_pipeline("good job", COMPUTE, "main").await?;
    let numbers: Vec<u32> = (0..256).collect();
    let buffer = gpu.buffer_with("numbers", &numbers, GpuBufferUsage::STORAGE | GpuBufferUsage::COPY_SRC)?;
    let group = gpu.bind_group(&pipeline.get_bind_group_layout(0), vec![GpuBindingResource::GpuBuffer(&buffer)]);
    let encoder = gpu.encoder("good job");
    let pass = compute_pass(&encoder, "good job");
    pass.set_pipeline(&pipeline);
    bind(&pass, 0, &group)?;
    pass.dispatch_workgroups(4, None, None);
    pass.end();
    gpu.submit(&encoder);
    let found = gpu.download::<u32>(&buffer).await?;
    scopes.close("the good job").await?;
    let expected: Vec<u32> = numbers.iter().map(|n| n * n + 1).collect();
    if !idle(gpu) && found != expected {
        fail!("the good job gives {:?} ...", found.get(..4));
    }
    Ok(())
}

/// A valid job on a new device.
pub async fn good_job_on_a_new_device() -> Outcome {
    good_job(&Gpu::request("good job").await?).await
}

pub fn target(gpu: &Gpu) -> GpuTexture {
    let usage = GpuTextureUsage::RENDER_ATTACHMENT
        | GpuTextureUsage::COPY_SRC
        | GpuTextureUsage::COPY_DST
        | GpuTextureUsage::TEXTURE_BINDING;
    gpu.texture("target", 16, 16, FORMAT, usage)
}

pub fn module(gpu: &Gpu, code: &str) -> GpuShaderModule {
    gpu.device.create_shader_module(&GpuShaderModuleDescriptor {
        code: code.to_owned(),
        compilation_hints: None,
        label: None,
    })
}

pub fn compute_pipeline(gpu: &Gpu, module: &GpuShaderModule) -> GpuComputePipeline {
    gpu.device.create_compute_pipeline(GpuComputePipelineDescriptor {
        compute: GpuProgrammableStage { module, entry_point: None, constants: None },
        layout: GpuLayoutMode::Auto,
        label: None,
    })
}

pub fn render_pipeline(gpu: &Gpu, module: &GpuShaderModule) -> GpuRenderPipeline {
    gpu.device.create_render_pipeline(render_descriptor("render", module, color_target(FORMAT)))
}

pub fn bundle_encoder(gpu: &Gpu) -> GpuRenderBundleEncoder {
    gpu.device.create_render_bundle_encoder(&GpuRenderBundleEncoderDescriptor {
        depth_read_only: None,
        stencil_read_only: None,
        color_formats: vec![Some(FORMAT)],
        depth_stencil_format: None,
        sample_count: None,
        label: None,
    })
}

pub fn query_set(gpu: &Gpu) -> Option<GpuQuerySet> {
    let descriptor = GpuQuerySetDescriptor { type_: GpuQueryType::Occlusion, count: 8, label: None };
    gpu.device.create_query_set(&descriptor).ok()
}

/// Adds a device's objects to all pools; `device` is its number.
pub async fn fill(p: &mut Pools, gpu: Gpu, device: u32, g: &Random) {
    let d = &gpu.device;
    let all = GpuBufferUsage::from_bits_retain(0b11_1111_1100);
    p.gpu_buffer.keep(gpu.buffer("good", 4096, all), device, g);
    let read = GpuBufferUsage::MAP_READ | GpuBufferUsage::COPY_DST;
    p.gpu_buffer.keep(gpu.buffer("readable", 256, read), device, g);
    let write = GpuBufferUsage::MAP_WRITE | GpuBufferUsage::COPY_SRC;
    p.gpu_buffer.keep(
        d.create_buffer(&GpuBufferDescriptor { size: 256, usage: write, mapped_at_creation: Some(true), label: None }),
        device,
        g,
    );
    p.gpu_buffer.put(gpu.buffer("invalid", 3, GpuBufferUsage::empty()), device, INVALID, g);

    let texture = target(&gpu);
    let view = texture.create_view(None);
    let broken = gpu.texture("invalid", 0, 0, FORMAT, GpuTextureUsage::empty());
    p.gpu_texture_view.put(broken.create_view(None), device, INVALID, g);
    p.gpu_texture.put(broken, device, INVALID, g);
    p.gpu_sampler.keep(d.create_sampler(None), device, g);
    let odd = GpuSamplerDescriptor { lod_min_clamp: Some(f32::NAN), ..Default::default() };
    p.gpu_sampler.put(d.create_sampler(Some(&odd)), device, INVALID, g);

    let (compute, render) = (module(&gpu, COMPUTE), module(&gpu, RENDER));
    let broken = module(&gpu, "nonsense");
    let pipeline = compute_pipeline(&gpu, &compute);
    let layout = pipeline.get_bind_group_layout(0);
    let storage = gpu.buffer("storage", 1024, GpuBufferUsage::STORAGE | GpuBufferUsage::COPY_DST);
    p.gpu_bind_group.keep(gpu.bind_group(&layout, vec![GpuBindingResource::GpuBuffer(&storage)]), device, g);
    p.gpu_bind_group.put(gpu.bind_group(&layout, Vec::new()), device, INVALID, g);
    p.gpu_buffer.keep(storage, device, g);
    p.gpu_bind_group_layout.keep(layout, device, g);
    p.gpu_bind_group_layout.put(pipeline.get_bind_group_layout(99), device, INVALID, g);
    let plain = |layouts: &[Option<&GpuBindGroupLayout>], immediate_size| {
        d.create_pipeline_layout(&GpuPipelineLayoutDescriptor {
            bind_group_layouts: layouts.to_vec(),
            immediate_size,
            label: None,
        })
    };
    p.gpu_pipeline_layout.keep(plain(&[], None), device, g);
    p.gpu_pipeline_layout.put(plain(&[], Some(u32::MAX)), device, INVALID, g);
    p.gpu_compute_pipeline.put(compute_pipeline(&gpu, &broken), device, INVALID, g);
    p.gpu_compute_pipeline.keep(pipeline, device, g);
    p.gpu_render_pipeline.put(render_pipeline(&gpu, &broken), device, INVALID, g);
    p.gpu_render_pipeline.keep(render_pipeline(&gpu, &render), device, g);
    let info = broken.get_compilation_info().await;
    info.messages().into_iter().for_each(|message| p.gpu_compilation_message.keep(message, device, g));
    p.gpu_compilation_info.keep(info, device, g);
    p.gpu_shader_module.put(broken, device, INVALID, g);
    p.gpu_shader_module.keep(compute, device, g);
    p.gpu_shader_module.keep(render, device, g);
    if let Some(set) = query_set(&gpu) {
        p.gpu_query_set.keep(set, device, g);
    }
    let none = GpuQuerySetDescriptor { type_: GpuQueryType::Occlusion, count: u32::MAX, label: None };
    if let Ok(set) = d.create_query_set(&none) {
        p.gpu_query_set.put(set, device, INVALID, g);
    }
    p.gpu_texture.keep(texture, device, g);
    recorders(p, &gpu, &view, device, g);
    p.gpu_texture_view.keep(view, device, g);
    d.push_error_scope(GpuErrorFilter::Validation);
    gpu.buffer("invalid", 4, GpuBufferUsage::empty());
    if let Ok(Some(error)) = d.pop_error_scope().await {
        p.gpu_error.keep(error, device, g);
    }
    p.gpu_supported_features.keep(d.features(), device, g);
    p.gpu_supported_limits.keep(d.limits(), device, g);
    p.gpu_adapter_info.keep(d.adapter_info(), device, g);
    p.record_gpu_pipeline_constant_value.keep(RecordGpuPipelineConstantValue::new(), device, g);
    p.record_option_gpu_size64.keep(RecordOptionGpuSize64::new(), device, g);
    p.gpu_adapter.keep(gpu.adapter, device, g);
    p.gpu_queue.keep(gpu.queue, device, g);
    p.gpu_device.keep(gpu.device, device, g);
}

/// Adds open encoders and passes, which calls soon end.
pub fn recorders(p: &mut Pools, gpu: &Gpu, view: &GpuTextureView, device: u32, g: &Random) {
    let bundles = bundle_encoder(gpu);
    p.gpu_render_bundle.keep(bundle_encoder(gpu).finish(None), device, g);
    p.gpu_render_bundle.put(bundles.finish(None), device, INVALID, g);
    p.gpu_render_bundle_encoder.keep(bundle_encoder(gpu), device, g);
    p.gpu_command_buffer.keep(gpu.encoder("done").finish(None), device, g);
    let (open, rendering, computing) = (gpu.encoder("open"), gpu.encoder("rendering"), gpu.encoder("computing"));
    p.gpu_render_pass_encoder.keep(render_pass(&rendering, "open", vec![color_attachment(view, [0.0; 4])]), device, g);
    p.gpu_compute_pass_encoder.keep(compute_pass(&computing, "open"), device, g);
    // A second pass while one is open, and the command buffer of an encoder whose pass is open.
    p.gpu_compute_pass_encoder.put(compute_pass(&rendering, "second"), device, INVALID, g);
    p.gpu_render_pass_encoder.put(render_pass(&computing, "none", Vec::new()), device, INVALID, g);
    for encoder in [open, rendering, computing] {
        p.gpu_command_encoder.keep(encoder, device, g);
    }
    let broken = gpu.encoder("broken");
    broken.pop_debug_group();
    p.gpu_command_buffer.put(broken.finish(None), device, INVALID, g);
    p.gpu_command_encoder.put(broken, device, INVALID, g);
}
