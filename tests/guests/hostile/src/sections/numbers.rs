//! Numbers that overflow, are undefined, or are not finite: every range and every float of the interface.

use guest_support::gpu::*;
use guest_support::passes::{color_attachment, color_target, compute_pass, render_descriptor, render_pass};
use guest_support::{Gpu, Outcome, gpu};

use crate::check::Check;
use crate::objects::{COMPUTE, RENDER, good_job, idle, module, query_set, target};

const MAX: u64 = u64::MAX;
/// Ranges whose ends overflow or exceed the size.
const RANGES: [(u64, u64); 8] =
    [(MAX, 4), (4, MAX), (MAX - 3, MAX - 3), (MAX - 7, 8), (1 << 63, 1 << 63), (1 << 32, 1 << 32), (64, 4), (0, 68)];

/// Ranges of buffers and textures.
pub async fn ranges(check: &mut Check) -> Outcome {
    let gpu = Gpu::request("ranges").await?;
    let all = GpuBufferUsage::from_bits_retain(0b11_1111_1100);
    let (a, b) = (gpu.buffer("a", 64, all), gpu.buffer("b", 64, all));
    let texture = target(&gpu);
    let set = query_set(&gpu);
    for (offset, size) in RANGES {
        let what = |call: &str| format!("{call} of {size} at {offset}");
        let mut recorded: Vec<(&str, Box<dyn Fn(&GpuCommandEncoder)>)> = vec![
            ("copy", Box::new(|e| e.copy_buffer_to_buffer(&a, Some(offset), &b, Some(0), Some(size)))),
            ("copy to", Box::new(|e| e.copy_buffer_to_buffer(&a, Some(0), &b, Some(offset), Some(size)))),
            ("clear", Box::new(|e| e.clear_buffer(&a, Some(offset), Some(size)))),
            (
                "dispatch",
                Box::new(|e| {
                    let pass = compute_pass(e, "indirect");
                    pass.dispatch_workgroups_indirect(&a, offset.max(size));
                    pass.end();
                }),
            ),
            (
                "buffers",
                Box::new(|e| {
                    let view = texture.create_view(None);
                    let pass = render_pass(e, "buffers", vec![color_attachment(&view, [0.0; 4])]);
                    pass.set_index_buffer(&a, GpuIndexFormat::Uint32, Some(offset), Some(size));
                    pass.set_vertex_buffer(0, Some(&a), Some(offset), Some(size));
                    pass.set_vertex_buffer(u32::MAX, Some(&a), None, None);
                    pass.draw_indirect(&a, offset);
                    pass.draw_indexed_indirect(&a, offset);
                    pass.end();
                }),
            ),
            (
                "texture",
                Box::new(|e| {
                    let layout = |offset| GpuTexelCopyBufferInfo {
                        buffer: &a,
                        offset: Some(offset),
                        bytes_per_row: Some(u32::MAX & !255),
                        rows_per_image: Some(u32::MAX),
                    };
                    let side = GpuTexelCopyTextureInfo {
                        texture: &texture,
                        mip_level: Some(31),
                        origin: Some(GpuOrigin3D { x: Some(u32::MAX), y: Some(u32::MAX), z: Some(u32::MAX) }),
                        aspect: None,
                    };
                    let extent =
                        GpuExtent3D { width: u32::MAX, height: Some(u32::MAX), depth_or_array_layers: Some(u32::MAX) };
                    e.copy_buffer_to_texture(&layout(offset), &side, extent);
                    e.copy_texture_to_buffer(&side, &layout(size), extent);
                    e.copy_texture_to_texture(&side, &side, extent);
                }),
            ),
        ];
        if let Some(set) = &set {
            let (first, count) = (offset as u32 | 1, size as u32 | 1 << 31);
            let a = &a;
            recorded.push(("resolve", Box::new(move |e| e.resolve_query_set(set, first, count, a, offset))));
        }
        for (call, record) in &recorded {
            let encoder = gpu.encoder(call);
            record(&encoder);
            check.refused(&gpu, &what(call), || encoder.finish(None)).await;
        }
        // The host checks the data's length, the daemon the buffer's.
        let inside = gpu.queue.write_buffer_with_copy(&a, 0, &[0; 64], Some(offset), Some(size));
        check.that(&what("write from"), inside.is_err());
        if offset >= 64 {
            check
                .refused(&gpu, &what("write to"), || gpu.queue.write_buffer_with_copy(&a, offset, &[0; 4], None, None))
                .await
                .ok();
        }
        let wide = GpuTexelCopyBufferLayout {
            offset: Some(offset),
            bytes_per_row: Some(u32::MAX),
            rows_per_image: Some(u32::MAX),
        };
        let side = GpuTexelCopyTextureInfo { texture: &texture, mip_level: None, origin: None, aspect: None };
        let extent = GpuExtent3D { width: 16, height: Some(16), depth_or_array_layers: Some(u32::MAX) };
        check
            .refused(&gpu, &what("texture"), || gpu.queue.write_texture_with_copy(&side, &[0; 64], wide, extent))
            .await;
        let mapped = gpu.device.create_buffer(&GpuBufferDescriptor {
            size: 64,
            usage: GpuBufferUsage::MAP_WRITE,
            mapped_at_creation: Some(true),
            label: None,
        });
        check.that(&what("range"), mapped.get_mapped_range_get_with_copy(Some(offset), Some(size)).is_err());
        let set = mapped.get_mapped_range_set_with_copy(&[0; 64], Some(offset), Some(size));
        check.that(&what("range to write"), set.is_err());
        check.that("unmap", mapped.unmap().is_ok());
        check
            .that(&what("map"), mapped.map_async(GpuMapMode::WRITE, Some(offset & !7), Some(size & !3)).await.is_err());
        check.that("no mode", mapped.map_async(GpuMapMode::empty(), None, None).await.is_err());
        check.that("any mode", mapped.map_async(GpuMapMode::from_bits_retain(0xff), None, None).await.is_err());
    }
    drop_errors(&gpu).await;
    good_job(&gpu).await
}

/// Awaits an empty error scope, after calls whose errors no scope catches.
async fn drop_errors(gpu: &Gpu) {
    gpu.device.push_error_scope(GpuErrorFilter::Validation);
    let _ = gpu.device.pop_error_scope().await;
}

/// Non-finite and huge floats, in all places for a float.
pub async fn floats(check: &mut Check) -> Outcome {
    const ODD: [f32; 4] = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -1e38];
    let gpu = Gpu::request("floats").await?;
    let view = target(&gpu).create_view(None);
    let depth = gpu
        .texture("depth", 16, 16, GpuTextureFormat::Depth32float, GpuTextureUsage::RENDER_ATTACHMENT)
        .create_view(None);
    let shader = module(&gpu, RENDER);
    let overridden =
        module(&gpu, "override k: f32; override i: i32; @compute @workgroup_size(1) fn main() { var x = k + f32(i); }");
    for odd in ODD {
        let name = format!("{odd}");
        let sampler = GpuSamplerDescriptor { lod_min_clamp: Some(odd), lod_max_clamp: Some(odd), ..Default::default() };
        check.refused(&gpu, &format!("a sampler with {name}"), || gpu.device.create_sampler(Some(&sampler))).await;
        type Set = fn(&GpuRenderPassEncoder, f32);
        let viewports: [(&str, Set); 6] = [
            ("x", |pass, v| pass.set_viewport(v, 0.0, 1.0, 1.0, 0.0, 1.0)),
            ("y", |pass, v| pass.set_viewport(0.0, v, 1.0, 1.0, 0.0, 1.0)),
            ("width", |pass, v| pass.set_viewport(0.0, 0.0, v, 1.0, 0.0, 1.0)),
            ("height", |pass, v| pass.set_viewport(0.0, 0.0, 1.0, v, 0.0, 1.0)),
            ("min depth", |pass, v| pass.set_viewport(0.0, 0.0, 1.0, 1.0, v, 1.0)),
            ("max depth", |pass, v| pass.set_viewport(0.0, 0.0, 1.0, 1.0, 0.0, v)),
        ];
        for (what, set) in viewports {
            let encoder = gpu.encoder("viewport");
            let pass = render_pass(&encoder, "viewport", vec![color_attachment(&view, [0.0; 4])]);
            set(&pass, odd);
            pass.end();
            check.refused(&gpu, &format!("a viewport's {what} of {name}"), || encoder.finish(None)).await;
        }
        let encoder = gpu.encoder("depth");
        let attachment = GpuRenderPassDepthStencilAttachment {
            view: &depth,
            depth_clear_value: Some(odd),
            depth_load_op: Some(GpuLoadOp::Clear),
            depth_store_op: Some(GpuStoreOp::Store),
            depth_read_only: None,
            stencil_clear_value: None,
            stencil_load_op: None,
            stencil_store_op: None,
            stencil_read_only: None,
        };
        let descriptor = GpuRenderPassDescriptor {
            color_attachments: vec![],
            depth_stencil_attachment: Some(attachment),
            occlusion_query_set: None,
            timestamp_writes: None,
            max_draw_count: None,
            label: None,
        };
        encoder.begin_render_pass(&descriptor).end();
        check.refused(&gpu, &format!("a depth of {name}"), || encoder.finish(None)).await;

        // Colours are any doubles: these are converted somehow, without an error.
        let encoder = gpu.encoder("colour");
        let pass = render_pass(&encoder, "colour", vec![color_attachment(&view, [f64::from(odd); 4])]);
        pass.set_blend_constant(GpuColor { r: f64::from(odd), g: f64::MAX, b: -0.0, a: f64::MIN_POSITIVE });
        pass.end();
        gpu.submit(&encoder);

        let state = GpuDepthStencilState {
            format: GpuTextureFormat::Depth32float,
            depth_write_enabled: Some(true),
            depth_compare: Some(GpuCompareFunction::Less),
            stencil_front: None,
            stencil_back: None,
            stencil_read_mask: None,
            stencil_write_mask: None,
            depth_bias: Some(i32::MIN),
            depth_bias_slope_scale: Some(odd),
            depth_bias_clamp: Some(odd),
        };
        let target = color_target(GpuTextureFormat::Rgba8unorm);
        if !odd.is_finite() {
            check
                .refused(&gpu, &format!("a depth bias of {name}"), || {
                    gpu.device.create_render_pipeline(GpuRenderPipelineDescriptor {
                        depth_stencil: Some(state),
                        ..render_descriptor("bias", &shader, target)
                    })
                })
                .await;
        }
        for (k, i) in [(f64::from(odd), 0.0), (0.0, f64::from(odd)), (1e300, 0.0), (0.0, 1e300)] {
            if k == f64::from(-1e38f32) || idle(&gpu) {
                continue;
            }
            let constants = RecordGpuPipelineConstantValue::new();
            constants.add("k", k);
            constants.add("i", i);
            check
                .refused(&gpu, &format!("constants {k} and {i}"), || {
                    gpu.device.create_compute_pipeline(GpuComputePipelineDescriptor {
                        compute: GpuProgrammableStage {
                            module: &overridden,
                            entry_point: None,
                            constants: Some(constants),
                        },
                        layout: GpuLayoutMode::Auto,
                        label: None,
                    })
                })
                .await;
        }
    }
    drop_errors(&gpu).await;
    good_job(&gpu).await
}

/// Names and numbers of nonexistent things.
pub async fn names(check: &mut Check) -> Outcome {
    let gpu = Gpu::request("names").await?;
    let entry = gpu::get_gpu();
    for name in ["", "\0", "core\0", "CORE", "compatibility ", "\u{1f980}"] {
        let options =
            GpuRequestAdapterOptions { feature_level: Some(name.to_owned()), ..GpuRequestAdapterOptions::default() };
        check.that("no such feature level", entry.request_adapter(Some(options)).await.is_none());
        check.that("no such feature", !gpu.device.features().has(name) && !gpu.adapter.features().has(name));
        check.that("no such extension", !entry.wgsl_language_features().has(name));
        let Some(adapter) = entry.request_adapter(None).await else { continue };
        let limits = RecordOptionGpuSize64::new();
        limits.add(name, Some(1));
        let descriptor = GpuDeviceDescriptor { required_limits: Some(limits), ..GpuDeviceDescriptor::default() };
        let refused = adapter.request_device(Some(descriptor)).await;
        check.that("no such limit", matches!(refused.map_err(|e| e.kind), Err(RequestDeviceErrorKind::OperationError)));
        let compute = module(&gpu, COMPUTE);
        let pipeline = GpuComputePipelineDescriptor {
            compute: GpuProgrammableStage { module: &compute, entry_point: Some(name.to_owned()), constants: None },
            layout: GpuLayoutMode::Auto,
            label: None,
        };
        check.that("no such function", gpu.device.create_compute_pipeline_async(pipeline).await.is_err());
        let constants = RecordGpuPipelineConstantValue::new();
        constants.add(name, 1.0);
        let pipeline = GpuComputePipelineDescriptor {
            compute: GpuProgrammableStage { module: &compute, entry_point: None, constants: Some(constants) },
            layout: GpuLayoutMode::Auto,
            label: None,
        };
        check.that("no such constant", idle(&gpu) || gpu.device.create_compute_pipeline_async(pipeline).await.is_err());
    }
    for (limit, value) in [
        ("maxBufferSize", u64::MAX),
        ("maxBindGroups", u64::MAX),
        ("minUniformBufferOffsetAlignment", 0),
        ("minUniformBufferOffsetAlignment", 3),
        ("minStorageBufferOffsetAlignment", 1),
        ("maxComputeWorkgroupsPerDimension", 1 << 32),
    ] {
        let Some(adapter) = entry.request_adapter(None).await else { continue };
        let limits = RecordOptionGpuSize64::new();
        limits.add(limit, Some(value));
        let descriptor = GpuDeviceDescriptor { required_limits: Some(limits), ..GpuDeviceDescriptor::default() };
        let refused = adapter.request_device(Some(descriptor)).await;
        check.that(
            &format!("{limit} {value}"),
            matches!(refused.map_err(|e| e.kind), Err(RequestDeviceErrorKind::OperationError)),
        );
        // A failed request does not consume the adapter; a successful one does.
        check.that("the adapter still serves", adapter.request_device(None).await.is_ok());
        check.that("once", adapter.request_device(None).await.is_err());
    }
    good_job(&gpu).await
}
