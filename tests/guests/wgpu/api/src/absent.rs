//! Features that `wasi:webgpu` does not have: requesting one fails, and using one is a validation error, never a panic.
//! Native drivers have some of them, so there is no comparison, and nothing is printed.

use std::error::Error;

use crate::{Gpu, kind};

pub fn run() -> Result<(), Box<dyn Error>> {
    if !cfg!(target_family = "wasm") {
        return Ok(());
    }
    requests()?;
    let (device, queue) = support::device(wgpu::Features::empty())?;
    let gpu = Gpu { device, queue };
    objects(&gpu);
    commands(&gpu);
    Ok(())
}

fn requests() -> Result<(), Box<dyn Error>> {
    let adapter = pollster::block_on(support::instance().request_adapter(&Default::default()))?;
    let features =
        wgpu::DeviceDescriptor { required_features: wgpu::Features::POLYGON_MODE_LINE, ..Default::default() };
    let error = pollster::block_on(adapter.request_device(&features)).err().map(|error| error.to_string());
    assert!(error.is_some_and(|error| error.starts_with("Unsupported features were requested: ")));
    let limits = wgpu::Limits { max_bind_groups: 1000, ..Default::default() };
    let limits = wgpu::DeviceDescriptor { required_limits: limits, ..Default::default() };
    let error = pollster::block_on(adapter.request_device(&limits)).err().map(|error| error.to_string());
    assert!(error.is_some_and(|error| error.starts_with("Limit 'max_bind_groups' value 1000 is better than allowed")));
    // A rejected request does not consume the adapter.
    pollster::block_on(adapter.request_device(&Default::default()))?;
    Ok(())
}

/// Asserts that `run` raises one validation error that names `feature`.
fn lacks<T>(gpu: &Gpu, feature: &str, run: impl FnOnce() -> T) -> T {
    let mut made = None;
    let error = gpu.caught(|| made = Some(run()));
    assert_eq!(kind(&error), "validation error", "{feature}");
    let message = error.map(|error| error.to_string()).unwrap_or_default();
    assert!(message.contains(feature), "{message}");
    made.expect("the closure ran")
}

fn objects(gpu: &Gpu) {
    let device = &gpu.device;
    let texture = lacks(gpu, "TEXTURE_FORMAT_NV12", || support::target(device, 64, 64, wgpu::TextureFormat::NV12));
    // An object made from an invalid one is invalid.
    assert_eq!(kind(&gpu.caught(|| texture.create_view(&Default::default()))), "validation error");
    lacks(gpu, "ADDRESS_MODE_CLAMP_TO_BORDER", || {
        device.create_sampler(&wgpu::SamplerDescriptor {
            address_mode_u: wgpu::AddressMode::ClampToBorder,
            ..Default::default()
        })
    });
    lacks(gpu, "EXPERIMENTAL_RAY_QUERY", || gpu.buffer(16, wgpu::BufferUsages::BLAS_INPUT));
    let set = lacks(gpu, "PIPELINE_STATISTICS_QUERY", || {
        device.create_query_set(&wgpu::QuerySetDescriptor {
            label: None,
            ty: wgpu::QueryType::PipelineStatistics(wgpu::PipelineStatisticsTypes::all()),
            count: 1,
        })
    });
    lacks(gpu, "QuerySet is invalid", || {
        let buffer = gpu.buffer(256, wgpu::BufferUsages::QUERY_RESOLVE);
        let mut encoder = device.create_command_encoder(&Default::default());
        encoder.resolve_query_set(&set, 0..1, &buffer, 0);
        encoder.finish()
    });
    lacks(gpu, "TEXTURE_BINDING_ARRAY", || {
        device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: None,
            entries: &[wgpu::BindGroupLayoutEntry {
                binding: 0,
                visibility: wgpu::ShaderStages::FRAGMENT,
                ty: wgpu::BindingType::Sampler(wgpu::SamplerBindingType::Filtering),
                count: std::num::NonZeroU32::new(4),
            }],
        })
    });
    lacks(gpu, "MULTIVIEW", || {
        device.create_render_bundle_encoder(&wgpu::RenderBundleEncoderDescriptor {
            label: None,
            color_formats: &[Some(wgpu::TextureFormat::Rgba8Unorm)],
            depth_stencil: None,
            sample_count: 1,
            multiview: std::num::NonZeroU32::new(2),
        })
    });
}

fn commands(gpu: &Gpu) {
    let target = support::target(&gpu.device, 16, 16, wgpu::TextureFormat::Rgba8Unorm);
    let buffer = gpu.buffer(256, wgpu::BufferUsages::INDIRECT);
    let buffer_of_results = lacks(gpu, "CLEAR_TEXTURE", || {
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        encoder.clear_texture(&target, &Default::default());
        encoder.finish()
    });
    // An encoder with an error finishes to an invalid buffer, which the submit reports.
    assert_eq!(kind(&gpu.caught(|| gpu.queue.submit([buffer_of_results]))), "validation error");
    lacks(gpu, "MULTI_DRAW_INDIRECT_COUNT", || {
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        let view = target.create_view(&Default::default());
        let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
            color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                view: &view,
                depth_slice: None,
                resolve_target: None,
                ops: Default::default(),
            })],
            ..Default::default()
        });
        pass.multi_draw_indirect_count(&buffer, 0, &buffer, 16, 1);
        drop(pass);
        encoder.finish()
    });
}
