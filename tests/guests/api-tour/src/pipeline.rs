//! `gpu-compute-pipeline` and `gpu-render-pipeline`: created synchronously and asynchronously, with constants, with every
//! state, and with invalid descriptors.

use guest_support::gpu::*;
use guest_support::passes::{color_target, compute_pass, render_descriptor};
use guest_support::{Gpu, Outcome};

use crate::check::{Check, check_label, needed, plain_device, rich_device};

const FORMAT: GpuTextureFormat = GpuTextureFormat::Rgba8unorm;

pub async fn tour(check: &mut Check) -> Outcome {
    let gpu = plain_device("pipeline").await?;
    compute(check, &gpu).await?;
    constants(check, &gpu).await?;
    render(check, &gpu).await?;
    states(check, &gpu).await?;
    vertex_formats(check, &gpu).await?;
    dual_source(check, &gpu).await?;
    let rich = rich_device("pipeline, all features").await?;
    dual_source(check, &rich).await
}

fn stage<'a>(module: &'a GpuShaderModule, entry: Option<&str>) -> GpuProgrammableStage<'a> {
    GpuProgrammableStage { module, entry_point: entry.map(str::to_string), constants: None }
}

fn compute_descriptor<'a>(compute: GpuProgrammableStage<'a>) -> GpuComputePipelineDescriptor<'a> {
    GpuComputePipelineDescriptor { compute, layout: GpuLayoutMode::Auto, label: Some("pipeline".to_string()) }
}

/// Whether an asynchronous creation was rejected: a pipeline error with the reason "validation".
fn is_refused<T>(result: &Result<T, CreatePipelineError>) -> bool {
    matches!(
        result,
        Err(CreatePipelineError {
            kind: CreatePipelineErrorKind::GpuPipelineError(GpuPipelineErrorReason::Validation),
            message,
        }) if !message.is_empty()
    )
}

async fn compute(check: &mut Check, gpu: &Gpu) -> Outcome {
    let device = &gpu.device;
    let code = "
        @group(1) @binding(0) var<storage, read_write> result: array<u32>;
        @compute @workgroup_size(1) fn one() { result[0] = 1u; }
        @compute @workgroup_size(1) fn two() { result[0] = 2u; }";
    let module = gpu.shader("two entries", code).await?;
    let make = |entry| device.create_compute_pipeline(compute_descriptor(stage(&module, entry)));
    let pipeline = check.valid(device, "a compute pipeline", || make(Some("two"))).await;
    check_label!(check, pipeline, "pipeline");
    let group = check.valid(device, "its layout 1", || pipeline.get_bind_group_layout(1)).await;
    check_label!(check, group, "");
    check.valid(device, "its empty layout 0", || pipeline.get_bind_group_layout(0)).await;
    check.invalid(device, "a layout above the limit", || pipeline.get_bind_group_layout(4)).await;
    check.invalid(device, "two entry points and no name", || make(None)).await;
    let refused = check.invalid(device, "an unknown entry point", || make(Some("three"))).await;
    check.same("an invalid pipeline keeps its label", refused.label(), "pipeline".to_string());
    check.invalid(device, "a layout of an invalid pipeline", || refused.get_bind_group_layout(0)).await;

    device.push_error_scope(GpuErrorFilter::Validation);
    let good = device.create_compute_pipeline_async(compute_descriptor(stage(&module, Some("one")))).await;
    check.same("asynchronously", needed("a pipeline", good)?.label(), "pipeline".to_string());
    let bad = device.create_compute_pipeline_async(compute_descriptor(stage(&module, Some("three")))).await;
    check.that("an asynchronous refusal", is_refused(&bad));
    let caught = device.pop_error_scope().await;
    check.that("... is no error of the device", matches!(caught, Ok(None)));
    Ok(())
}

async fn constants(check: &mut Check, gpu: &Gpu) -> Outcome {
    let device = &gpu.device;
    let code = "
        override factor: f32 = 3.0;
        @id(7) override offset: u32;
        override negate: bool = false;
        @group(0) @binding(0) var<storage, read_write> result: array<f32>;
        @compute @workgroup_size(1) fn main() {
            result[0] = select(1.0, -1.0, negate) * (factor * 10.0 + f32(offset));
        }";
    let module = gpu.shader("constants", code).await?;
    let make = |values: &[(&str, f64)]| {
        let constants = RecordGpuPipelineConstantValue::new();
        for (name, value) in values {
            constants.add(name, *value);
        }
        let compute = GpuProgrammableStage { constants: Some(constants), ..stage(&module, None) };
        device.create_compute_pipeline(compute_descriptor(compute))
    };
    for (values, expected) in [
        (vec![("7", 4.0)], 34.0),
        (vec![("factor", 0.5), ("7", 2.0)], 7.0),
        (vec![("factor", -2.0), ("7", 0.0), ("negate", 1.0)], 20.0),
    ] {
        let pipeline = check.valid(device, "a pipeline with constants", || make(&values)).await;
        let result = gpu.buffer("result", 4, GpuBufferUsage::STORAGE | GpuBufferUsage::COPY_SRC);
        let layout = pipeline.get_bind_group_layout(0);
        let group = gpu.bind_group(&layout, vec![GpuBindingResource::GpuBuffer(&result)]);
        let encoder = gpu.encoder("constants");
        let pass = compute_pass(&encoder, "constants");
        pass.set_pipeline(&pipeline);
        guest_support::passes::bind(&pass, 0, &group)?;
        pass.dispatch_workgroups(1, None, None);
        pass.end();
        gpu.submit(&encoder);
        check.same_list(&format!("with {values:?}"), &gpu.download::<f32>(&result).await?, &[expected]);
    }
    check.invalid(device, "a constant without a value", || make(&[])).await;
    check.invalid(device, "an unknown constant", || make(&[("7", 1.0), ("nothing", 1.0)])).await;
    check.invalid(device, "a constant with an id, by name", || make(&[("offset", 1.0)])).await;
    check.invalid(device, "a value that does not fit", || make(&[("7", -1.0)])).await;
    Ok(())
}

const TRIANGLE: &str = "
    @vertex fn vertex(@builtin(vertex_index) i: u32) -> @builtin(position) vec4<f32> {
        return vec4(f32(i), f32(i & 1u), 0.0, 1.0);
    }
    @fragment fn fragment() -> @location(0) vec4<f32> { return vec4(1.0); }
    @fragment fn two() -> @location(0) vec2<u32> { return vec2(1u); }";

async fn render(check: &mut Check, gpu: &Gpu) -> Outcome {
    let device = &gpu.device;
    let module = gpu.shader("triangle", TRIANGLE).await?;
    let descriptor = || render_descriptor("pipeline", &module, color_target(FORMAT));
    let pipeline = check.valid(device, "a render pipeline", || device.create_render_pipeline(descriptor())).await;
    check_label!(check, pipeline, "pipeline");
    check.valid(device, "its empty layout", || pipeline.get_bind_group_layout(0)).await;
    check.invalid(device, "a layout above the limit", || pipeline.get_bind_group_layout(9)).await;
    needed("asynchronously", device.create_render_pipeline_async(descriptor()).await)?;

    let mut no_such_entry = descriptor();
    no_such_entry.vertex.entry_point = Some("nothing".to_string());
    check.that("an unknown entry point", is_refused(&device.create_render_pipeline_async(no_such_entry).await));
    let fragment = |targets, entry: &str| {
        Some(GpuFragmentState { targets, module: &module, entry_point: Some(entry.to_string()), constants: None })
    };
    let depth = |format| GpuDepthStencilState {
        format,
        depth_write_enabled: Some(true),
        depth_compare: Some(GpuCompareFunction::Less),
        stencil_front: None,
        stencil_back: None,
        stencil_read_mask: None,
        stencil_write_mask: None,
        depth_bias: None,
        depth_bias_slope_scale: None,
        depth_bias_clamp: None,
    };
    let none = GpuRenderPipelineDescriptor { fragment: None, ..descriptor() };
    for (what, wanted) in [
        ("no attachment at all", none),
        ("a colour as depth", GpuRenderPipelineDescriptor { depth_stencil: Some(depth(FORMAT)), ..descriptor() }),
        (
            "numbers for a colour",
            GpuRenderPipelineDescriptor { fragment: fragment(vec![color_target(FORMAT)], "two"), ..descriptor() },
        ),
        (
            "nine targets",
            GpuRenderPipelineDescriptor {
                fragment: fragment((0..9).map(|_| color_target(FORMAT)).collect(), "fragment"),
                ..descriptor()
            },
        ),
        (
            "two samples",
            GpuRenderPipelineDescriptor {
                multisample: Some(GpuMultisampleState { count: Some(2), ..Default::default() }),
                ..descriptor()
            },
        ),
        (
            "a strip's index format for a list",
            GpuRenderPipelineDescriptor {
                primitive: Some(GpuPrimitiveState {
                    strip_index_format: Some(GpuIndexFormat::Uint16),
                    ..Default::default()
                }),
                ..descriptor()
            },
        ),
        (
            "unclipped depth without the feature",
            GpuRenderPipelineDescriptor {
                primitive: Some(GpuPrimitiveState { unclipped_depth: Some(true), ..Default::default() }),
                ..descriptor()
            },
        ),
    ] {
        check.invalid(device, what, || device.create_render_pipeline(wanted)).await;
    }
    // A gap among the targets is valid.
    let gap = GpuRenderPipelineDescriptor {
        fragment: fragment(vec![color_target(FORMAT), None], "fragment"),
        ..descriptor()
    };
    check.valid(device, "a gap among the targets", || device.create_render_pipeline(gap)).await;
    let depth_only = GpuRenderPipelineDescriptor {
        fragment: None,
        depth_stencil: Some(depth(GpuTextureFormat::Depth32float)),
        ..descriptor()
    };
    check.valid(device, "depth alone", || device.create_render_pipeline(depth_only)).await;
    Ok(())
}

/// Every case of every enum in a render pipeline's state.
async fn states(check: &mut Check, gpu: &Gpu) -> Outcome {
    let device = &gpu.device;
    let module = gpu.shader("triangle", TRIANGLE).await?;
    let descriptor = || render_descriptor("state", &module, color_target(FORMAT));

    use GpuPrimitiveTopology::{LineList, LineStrip, PointList, TriangleList, TriangleStrip};
    for topology in [PointList, LineList, LineStrip, TriangleList, TriangleStrip] {
        let strip = matches!(topology, LineStrip | TriangleStrip);
        for front_face in [GpuFrontFace::Ccw, GpuFrontFace::Cw] {
            for cull_mode in [GpuCullMode::None, GpuCullMode::Front, GpuCullMode::Back] {
                let mut wanted = descriptor();
                wanted.primitive = Some(GpuPrimitiveState {
                    topology: Some(topology),
                    strip_index_format: strip.then_some(GpuIndexFormat::Uint16),
                    front_face: Some(front_face),
                    cull_mode: Some(cull_mode),
                    unclipped_depth: Some(false),
                });
                let what = format!("{topology:?} {front_face:?} {cull_mode:?}");
                check.valid(device, &what, || device.create_render_pipeline(wanted)).await;
            }
        }
    }

    use GpuBlendFactor::*;
    use GpuBlendOperation::{Add, Max, Min, ReverseSubtract, Subtract};
    let blend = |color, alpha| {
        let mut wanted = descriptor();
        let blend = Some(GpuBlendState { color, alpha });
        let write_mask = Some(GpuColorWrite::RED | GpuColorWrite::ALPHA);
        if let Some(fragment) = &mut wanted.fragment {
            fragment.targets = vec![Some(GpuColorTargetState { format: FORMAT, blend, write_mask })];
        }
        wanted
    };
    for factor in [
        Zero,
        One,
        Src,
        OneMinusSrc,
        SrcAlpha,
        OneMinusSrcAlpha,
        Dst,
        OneMinusDst,
        DstAlpha,
        OneMinusDstAlpha,
        SrcAlphaSaturated,
        Constant,
        OneMinusConstant,
    ] {
        let component =
            || GpuBlendComponent { operation: Some(Add), src_factor: Some(factor), dst_factor: Some(factor) };
        let wanted = blend(component(), component());
        check.valid(device, &format!("blend {factor:?}"), || device.create_render_pipeline(wanted)).await;
    }
    for operation in [Add, Subtract, ReverseSubtract, Min, Max] {
        // Min and max require the factor one; the default of the second factor is zero.
        let component = || GpuBlendComponent { operation: Some(operation), src_factor: None, dst_factor: Some(One) };
        let wanted = blend(component(), component());
        check.valid(device, &format!("blend {operation:?}"), || device.create_render_pipeline(wanted)).await;
    }
    let minimum = |factor| GpuBlendComponent { operation: Some(Min), src_factor: Some(factor), dst_factor: Some(One) };
    let wanted = blend(minimum(Src), minimum(One));
    check.invalid(device, "a factor beside min", || device.create_render_pipeline(wanted)).await;

    use GpuCompareFunction::{Always, Equal, Greater, GreaterEqual, Less, LessEqual, Never, NotEqual};
    use GpuStencilOperation::{
        DecrementClamp, DecrementWrap, IncrementClamp, IncrementWrap, Invert, Keep, Replace, Zero as Clear,
    };
    let compares = [Never, Less, Equal, LessEqual, Greater, NotEqual, GreaterEqual, Always];
    let operations = [Keep, Clear, Replace, Invert, IncrementClamp, DecrementClamp, IncrementWrap, DecrementWrap];
    for (i, (compare, operation)) in compares.into_iter().zip(operations).enumerate() {
        let face = |turn: usize| {
            Some(GpuStencilFaceState {
                compare: Some(compares[(i + turn) % 8]),
                fail_op: Some(operation),
                depth_fail_op: Some(operations[(i + turn) % 8]),
                pass_op: Some(operations[(i + 2 * turn) % 8]),
            })
        };
        let mut wanted = descriptor();
        wanted.depth_stencil = Some(GpuDepthStencilState {
            format: GpuTextureFormat::Depth24plusStencil8,
            depth_write_enabled: Some(i % 2 == 0),
            depth_compare: Some(compare),
            stencil_front: face(0),
            stencil_back: face(3),
            stencil_read_mask: Some(0x0f),
            stencil_write_mask: Some(0xf0),
            depth_bias: Some(-3),
            depth_bias_slope_scale: Some(0.5),
            depth_bias_clamp: Some(0.25),
        });
        let what = format!("{compare:?} {operation:?}");
        check.valid(device, &what, || device.create_render_pipeline(wanted)).await;
    }

    for alpha_to_coverage in [false, true] {
        let mut wanted = descriptor();
        wanted.multisample = Some(GpuMultisampleState {
            count: Some(4),
            mask: Some(0b0110),
            alpha_to_coverage_enabled: Some(alpha_to_coverage),
        });
        let what = format!("four samples, alpha to coverage {alpha_to_coverage}");
        check.valid(device, &what, || device.create_render_pipeline(wanted)).await;
    }
    Ok(())
}

/// Every vertex format, in a pipeline whose shader reads the format's type.
async fn vertex_formats(check: &mut Check, gpu: &Gpu) -> Outcome {
    use GpuVertexFormat::*;
    let groups: [(&str, &[GpuVertexFormat]); 3] = [
        ("u32", &[Uint8, Uint8x2, Uint8x4, Uint16, Uint16x2, Uint16x4, Uint32, Uint32x2, Uint32x3, Uint32x4]),
        ("i32", &[Sint8, Sint8x2, Sint8x4, Sint16, Sint16x2, Sint16x4, Sint32, Sint32x2, Sint32x3, Sint32x4]),
        (
            "f32",
            &[
                Unorm8,
                Unorm8x2,
                Unorm8x4,
                Snorm8,
                Snorm8x2,
                Snorm8x4,
                Unorm16,
                Unorm16x2,
                Unorm16x4,
                Snorm16,
                Snorm16x2,
                Snorm16x4,
                Float16,
                Float16x2,
                Float16x4,
                Float32,
                Float32x2,
                Float32x3,
                Float32x4,
                Unorm1010102,
                Unorm8x4Bgra,
            ],
        ),
    ];
    let device = &gpu.device;
    for (scalar, formats) in groups {
        let code = format!(
            "@vertex fn vertex(@location(3) v: vec4<{scalar}>) -> @builtin(position) vec4<f32> {{
                return vec4<f32>(v);
            }}
            @fragment fn fragment() -> @location(0) vec4<f32> {{ return vec4(1.0); }}"
        );
        let module = gpu.shader(scalar, &code).await?;
        for (i, &format) in formats.iter().enumerate() {
            let step = if i % 2 == 0 { GpuVertexStepMode::Vertex } else { GpuVertexStepMode::Instance };
            let mut wanted = render_descriptor("vertices", &module, color_target(FORMAT));
            let attributes = vec![GpuVertexAttribute { format, offset: 4, shader_location: 3 }];
            let layout = GpuVertexBufferLayout { array_stride: 20, step_mode: Some(step), attributes };
            // The first slot stays empty.
            wanted.vertex.buffers = Some(vec![None, Some(layout)]);
            check.valid(device, &format!("{format:?}"), || device.create_render_pipeline(wanted)).await;
        }
    }
    let module = gpu.shader("no input", TRIANGLE).await?;
    let with = |array_stride, offset| {
        let mut wanted = render_descriptor("vertices", &module, color_target(FORMAT));
        let attributes = vec![GpuVertexAttribute { format: Float32x4, offset, shader_location: 0 }];
        wanted.vertex.buffers = Some(vec![Some(GpuVertexBufferLayout { array_stride, step_mode: None, attributes })]);
        wanted
    };
    for (what, wanted) in [
        ("an odd stride", with(18, 0)),
        ("a stride above the limit", with(2052, 0)),
        ("an attribute over it", with(16, 4)),
    ] {
        check.invalid(device, what, || device.create_render_pipeline(wanted)).await;
    }
    Ok(())
}

/// Blend factors of a second source are valid with a feature and invalid without it.
async fn dual_source(check: &mut Check, gpu: &Gpu) -> Outcome {
    use GpuBlendFactor::{OneMinusSrc1, OneMinusSrc1Alpha, Src1, Src1Alpha};
    let device = &gpu.device;
    let has = device.features().has("dual-source-blending");
    let code = "
        enable dual_source_blending;
        struct Two {
            @location(0) @blend_src(0) a: vec4<f32>,
            @location(0) @blend_src(1) b: vec4<f32>,
        }
        @vertex fn vertex() -> @builtin(position) vec4<f32> { return vec4(0.0); }
        @fragment fn fragment() -> Two { return Two(vec4(1.0), vec4(0.5)); }";
    let module = gpu.shader("two sources", if has { code } else { TRIANGLE }).await?;
    for (src, dst) in [(Src1, OneMinusSrc1), (Src1Alpha, OneMinusSrc1Alpha)] {
        let component = || GpuBlendComponent { operation: None, src_factor: Some(src), dst_factor: Some(dst) };
        let blend = Some(GpuBlendState { color: component(), alpha: component() });
        let target = Some(GpuColorTargetState { format: FORMAT, blend, write_mask: Some(GpuColorWrite::ALL) });
        let wanted = render_descriptor("two sources", &module, target);
        let what = format!("{src:?}, feature {has}");
        if has {
            check.valid(device, &what, || device.create_render_pipeline(wanted)).await;
        } else {
            check.invalid(device, &what, || device.create_render_pipeline(wanted)).await;
        }
    }
    Ok(())
}
