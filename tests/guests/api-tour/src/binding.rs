//! `gpu-bind-group-layout`, `gpu-bind-group`, `gpu-pipeline-layout`: layouts of every kind, groups of every resource, and
//! one shader that reads all of them.

use guest_support::gpu::*;
use guest_support::passes::compute_pass;
use guest_support::{Gpu, Outcome};

use crate::check::{Check, check_error, check_label, check_success, plain_device};

pub async fn tour(check: &mut Check) -> Outcome {
    let gpu = plain_device("binding").await?;
    layouts(check, &gpu).await;
    groups(check, &gpu).await?;
    pipeline_layouts(check, &gpu).await;
    everything_at_once(check, &gpu).await?;
    dynamic_offsets(check, &gpu).await
}

pub fn entry(binding: u32, visibility: GpuShaderStage) -> GpuBindGroupLayoutEntry {
    GpuBindGroupLayoutEntry { binding, visibility, buffer: None, sampler: None, texture: None, storage_texture: None }
}

pub fn buffer_entry(binding: u32, kind: GpuBufferBindingType, dynamic: bool) -> GpuBindGroupLayoutEntry {
    let layout =
        GpuBufferBindingLayout { type_: Some(kind), has_dynamic_offset: Some(dynamic), min_binding_size: Some(16) };
    GpuBindGroupLayoutEntry { buffer: Some(layout), ..entry(binding, GpuShaderStage::COMPUTE) }
}

fn storage_texture(access: GpuStorageTextureAccess, format: GpuTextureFormat) -> GpuStorageTextureBindingLayout {
    GpuStorageTextureBindingLayout { access: Some(access), format, view_dimension: Some(GpuTextureViewDimension::D2) }
}

fn layout(gpu: &Gpu, entries: Vec<GpuBindGroupLayoutEntry>) -> GpuBindGroupLayout {
    gpu.device.create_bind_group_layout(&GpuBindGroupLayoutDescriptor { entries, label: Some("layout".to_string()) })
}

async fn layouts(check: &mut Check, gpu: &Gpu) {
    let device = &gpu.device;
    let empty = check.valid(device, "a layout without entries", || layout(gpu, vec![])).await;
    check_label!(check, empty, "layout");
    let compute = GpuShaderStage::COMPUTE;
    let everywhere = GpuShaderStage::VERTEX | GpuShaderStage::FRAGMENT | compute;

    use GpuBufferBindingType::{ReadOnlyStorage, Storage, Uniform};
    for kind in [Uniform, Storage, ReadOnlyStorage] {
        for dynamic in [false, true] {
            let what = format!("{kind:?}, dynamic {dynamic}");
            check.valid(device, &what, || layout(gpu, vec![buffer_entry(0, kind, dynamic)])).await;
        }
    }
    use GpuSamplerBindingType::{Comparison, Filtering, NonFiltering};
    for kind in [Filtering, NonFiltering, Comparison] {
        let sampler = Some(GpuSamplerBindingLayout { type_: Some(kind) });
        let wanted = GpuBindGroupLayoutEntry { sampler, ..entry(3, everywhere) };
        check.valid(device, &format!("{kind:?}"), || layout(gpu, vec![wanted])).await;
    }
    use GpuTextureSampleType::{Depth, Float, Sint, Uint, UnfilterableFloat};
    use GpuTextureViewDimension::{Cube, CubeArray, D1, D2, D2Array, D3};
    for sample_type in [Float, UnfilterableFloat, Depth, Sint, Uint] {
        for view in [D1, D2, D2Array, Cube, CubeArray, D3] {
            let texture = GpuTextureBindingLayout {
                sample_type: Some(sample_type),
                view_dimension: Some(view),
                multisampled: Some(false),
            };
            let wanted = GpuBindGroupLayoutEntry { texture: Some(texture), ..entry(0, everywhere) };
            check.valid(device, &format!("{sample_type:?} {view:?}"), || layout(gpu, vec![wanted])).await;
        }
    }
    for sample_type in [UnfilterableFloat, Depth, Sint, Uint] {
        let texture =
            GpuTextureBindingLayout { sample_type: Some(sample_type), view_dimension: None, multisampled: Some(true) };
        let wanted = GpuBindGroupLayoutEntry { texture: Some(texture), ..entry(0, everywhere) };
        check.valid(device, &format!("{sample_type:?} multisampled"), || layout(gpu, vec![wanted])).await;
    }
    use GpuStorageTextureAccess::{ReadOnly, ReadWrite, WriteOnly};
    for (access, format) in [
        (WriteOnly, GpuTextureFormat::Rgba8unorm),
        (WriteOnly, GpuTextureFormat::Rgba16float),
        (ReadOnly, GpuTextureFormat::Rgba32uint),
        (ReadWrite, GpuTextureFormat::R32float),
    ] {
        let storage = Some(storage_texture(access, format));
        let wanted = GpuBindGroupLayoutEntry { storage_texture: storage, ..entry(0, compute) };
        check.valid(device, &format!("{access:?} {format:?}"), || layout(gpu, vec![wanted])).await;
    }

    let multisampled = |sample_type, view_dimension| GpuTextureBindingLayout {
        sample_type: Some(sample_type),
        view_dimension,
        multisampled: Some(true),
    };
    let storage = |access, format| Some(storage_texture(access, format));
    for (what, entries) in [
        ("an entry of no kind", vec![entry(0, compute)]),
        (
            "an entry of two kinds",
            vec![GpuBindGroupLayoutEntry {
                sampler: Some(GpuSamplerBindingLayout::default()),
                ..buffer_entry(0, Uniform, false)
            }],
        ),
        ("one number twice", vec![buffer_entry(1, Uniform, false), buffer_entry(1, Storage, false)]),
        ("a number above the limit", vec![buffer_entry(1000, Uniform, false)]),
        (
            "writable storage for vertices",
            vec![GpuBindGroupLayoutEntry { visibility: GpuShaderStage::VERTEX, ..buffer_entry(0, Storage, false) }],
        ),
        (
            "multisampled and filtered",
            vec![GpuBindGroupLayoutEntry { texture: Some(multisampled(Float, None)), ..entry(0, compute) }],
        ),
        (
            "a multisampled cube",
            vec![GpuBindGroupLayoutEntry {
                texture: Some(multisampled(UnfilterableFloat, Some(Cube))),
                ..entry(0, compute)
            }],
        ),
        (
            "storage of a format that has none",
            vec![GpuBindGroupLayoutEntry {
                storage_texture: storage(WriteOnly, GpuTextureFormat::Rgba8unormSrgb),
                ..entry(0, compute)
            }],
        ),
        (
            "read-write storage of four channels",
            vec![GpuBindGroupLayoutEntry {
                storage_texture: storage(ReadWrite, GpuTextureFormat::Rgba8unorm),
                ..entry(0, compute)
            }],
        ),
        ("thirteen uniform buffers", (0..13).map(|i| buffer_entry(i, Uniform, false)).collect()),
    ] {
        let refused = check.invalid(device, what, || layout(gpu, entries)).await;
        check.same("an invalid layout keeps its label", refused.label(), "layout".to_string());
    }
}

async fn groups(check: &mut Check, gpu: &Gpu) -> Outcome {
    let device = &gpu.device;
    let group = |layout: &GpuBindGroupLayout, entries: Vec<GpuBindGroupEntry<'_>>| {
        let label = Some("group".to_string());
        device.create_bind_group(&GpuBindGroupDescriptor { layout, entries, label })
    };
    let wanted = layout(gpu, vec![buffer_entry(7, GpuBufferBindingType::Uniform, false)]);
    let buffer = gpu.buffer("uniform", 1024, GpuBufferUsage::UNIFORM);
    let other = gpu.buffer("vertices", 1024, GpuBufferUsage::VERTEX);
    let sampler = device.create_sampler(None);
    let part = |offset, size| {
        GpuBindingResource::GpuBufferBinding(GpuBufferBinding { buffer: &buffer, offset: Some(offset), size })
    };
    let at = |binding, resource| vec![GpuBindGroupEntry { binding, resource }];

    for (what, entries) in [
        ("a whole buffer", at(7, GpuBindingResource::GpuBuffer(&buffer))),
        ("a part of a buffer", at(7, part(256, Some(64)))),
        ("the rest of a buffer", at(7, part(512, None))),
    ] {
        let bound = check.valid(device, what, || group(&wanted, entries)).await;
        check_label!(check, bound, "group");
    }
    for (what, entries) in [
        ("no entry", vec![]),
        ("an entry with another number", at(6, GpuBindingResource::GpuBuffer(&buffer))),
        ("an entry of another kind", at(7, GpuBindingResource::GpuSampler(&sampler))),
        ("a buffer without the usage", at(7, GpuBindingResource::GpuBuffer(&other))),
        ("an offset that is not aligned", at(7, part(16, Some(64)))),
        ("a part over the end", at(7, part(768, Some(512)))),
        ("less than the layout's minimum", at(7, part(0, Some(8)))),
    ] {
        check.invalid(device, what, || group(&wanted, entries)).await;
    }
    Ok(())
}

async fn pipeline_layouts(check: &mut Check, gpu: &Gpu) {
    let device = &gpu.device;
    let make = |groups: Vec<Option<&GpuBindGroupLayout>>, immediate_size| {
        let label = Some("pipeline layout".to_string());
        device.create_pipeline_layout(&GpuPipelineLayoutDescriptor {
            bind_group_layouts: groups,
            immediate_size,
            label,
        })
    };
    let (a, b) = (layout(gpu, vec![]), layout(gpu, vec![buffer_entry(0, GpuBufferBindingType::Uniform, false)]));
    let made = check.valid(device, "no groups", || make(vec![], None)).await;
    check_label!(check, made, "pipeline layout");
    check.valid(device, "two groups", || make(vec![Some(&a), Some(&b)], Some(0))).await;
    check.valid(device, "a gap between groups", || make(vec![None, Some(&b)], None)).await;
    check.invalid(device, "five groups", || make(vec![Some(&a); 5], None)).await;
    let limit = device.limits().max_immediate_size();
    check.invalid(device, "immediates above the limit", || make(vec![], Some(limit + 4))).await;
}

/// One shader reads a uniform, a read-only buffer, a sampled texture and a storage texture, and writes a buffer and a
/// storage texture.
async fn everything_at_once(check: &mut Check, gpu: &Gpu) -> Outcome {
    const CODE: &str = "
        @group(0) @binding(0) var<uniform> scale: vec4<f32>;
        @group(0) @binding(1) var<storage, read> numbers: array<f32>;
        @group(0) @binding(2) var<storage, read_write> result: array<f32>;
        @group(1) @binding(0) var picture: texture_2d<f32>;
        @group(1) @binding(1) var linear: sampler;
        @group(1) @binding(2) var depth: texture_depth_2d;
        @group(1) @binding(3) var compare: sampler_comparison;
        @group(2) @binding(5) var written: texture_storage_2d<r32float, write>;
        @compute @workgroup_size(4) fn main(@builtin(global_invocation_id) id: vec3<u32>) {
            let i = id.x;
            // Between the two texels: the mean of 0 and 255.
            let between = textureSampleLevel(picture, linear, vec2(0.5, 0.5), 0.0).r;
            let corner = textureLoad(picture, vec2(1, 0), 0).r;
            // The depth texture is zero: 0.5 is not less.
            let lit = textureSampleCompareLevel(depth, compare, vec2(0.5, 0.5), 0.5);
            result[i] = numbers[i] * scale.x + between * 100.0 + corner * 1000.0 + lit * 10000.0;
            textureStore(written, vec2(i32(i), 0), vec4(f32(i) + scale.y));
        }";
    let device = &gpu.device;
    let pipeline = gpu.compute_pipeline("everything", CODE, "main").await?;
    let uniform = gpu.buffer_with("scale", &[2.0f32, 0.25, 0.0, 0.0], GpuBufferUsage::UNIFORM)?;
    let numbers = gpu.buffer_with("numbers", &[1.0f32, 2.0, 3.0, 4.0], GpuBufferUsage::STORAGE)?;
    let result = gpu.buffer("result", 16, GpuBufferUsage::STORAGE | GpuBufferUsage::COPY_SRC);
    let usage = GpuTextureUsage::TEXTURE_BINDING | GpuTextureUsage::COPY_DST;
    let picture = gpu.texture("picture", 2, 1, GpuTextureFormat::Rgba8unorm, usage);
    gpu.upload_rows(&picture, 2, 4, 0, &[0, 0, 0, 255, 255, 255, 255, 255]);
    let usage = GpuTextureUsage::TEXTURE_BINDING | GpuTextureUsage::RENDER_ATTACHMENT;
    let depth = gpu.texture("depth", 4, 4, GpuTextureFormat::Depth32float, usage);
    let usage = GpuTextureUsage::STORAGE_BINDING | GpuTextureUsage::COPY_SRC;
    let written = gpu.texture("written", 4, 1, GpuTextureFormat::R32float, usage);
    let linear = device.create_sampler(Some(&GpuSamplerDescriptor {
        mag_filter: Some(GpuFilterMode::Linear),
        min_filter: Some(GpuFilterMode::Linear),
        ..Default::default()
    }));
    let compare = device
        .create_sampler(Some(&GpuSamplerDescriptor { compare: Some(GpuCompareFunction::Less), ..Default::default() }));
    let depth_view = depth.create_view(None);

    let layouts: Vec<GpuBindGroupLayout> = (0..3).map(|i| pipeline.get_bind_group_layout(i)).collect();
    let buffers = [&uniform, &numbers, &result].map(GpuBindingResource::GpuBuffer);
    let groups = check
        .valid(device, "groups for layouts that a shader implies", || {
            let written = GpuBindGroupEntry { binding: 5, resource: GpuBindingResource::GpuTexture(&written) };
            let storage = GpuBindGroupDescriptor { layout: &layouts[2], entries: vec![written], label: None };
            [
                gpu.bind_group(&layouts[0], Vec::from(buffers)),
                gpu.bind_group(
                    &layouts[1],
                    vec![
                        // A texture in place of a view is replaced by its default view.
                        GpuBindingResource::GpuTexture(&picture),
                        GpuBindingResource::GpuSampler(&linear),
                        GpuBindingResource::GpuTextureView(&depth_view),
                        GpuBindingResource::GpuSampler(&compare),
                    ],
                ),
                device.create_bind_group(&storage),
            ]
        })
        .await;
    let encoder = gpu.encoder("everything");
    let pass = compute_pass(&encoder, "everything");
    pass.set_pipeline(&pipeline);
    for (i, group) in (0..).zip(&groups) {
        check_success!(check, "set a group", pass.set_bind_group(i, Some(group), None, None, None));
    }
    pass.dispatch_workgroups(1, None, None);
    pass.end();
    check.valid(device, "the submit", || gpu.submit(&encoder)).await;

    let found = gpu.download::<f32>(&result).await?;
    for (i, found) in found.iter().enumerate() {
        let expected = (i + 1) as f32 * 2.0 + 50.0 + 1000.0;
        // Filtering may be coarse.
        check.that(&format!("result {i} is {found}, about {expected}"), (found - expected).abs() < 0.5);
    }
    let texels = gpu.download_rows(&written, 4, 4, 0, 1).await?;
    let expected: Vec<u8> = (0..4).flat_map(|i| (i as f32 + 0.25).to_le_bytes()).collect();
    check.same_list("the storage texture", &texels, &expected);
    Ok(())
}

/// Dynamic offsets, from a whole list and from a range of it, and range errors of the host.
async fn dynamic_offsets(check: &mut Check, gpu: &Gpu) -> Outcome {
    const CODE: &str = "
        @group(0) @binding(0) var<uniform> a: vec4<u32>;
        @group(0) @binding(1) var<storage, read> b: vec4<u32>;
        @group(0) @binding(2) var<storage, read_write> result: array<u32>;
        @compute @workgroup_size(1) fn main() {
            result[a.y] = a.x * 1000u + b.x;
        }";
    let device = &gpu.device;
    let module = gpu.shader("dynamic", CODE).await?;
    let group_layout = layout(
        gpu,
        vec![
            buffer_entry(0, GpuBufferBindingType::Uniform, true),
            buffer_entry(1, GpuBufferBindingType::ReadOnlyStorage, true),
            buffer_entry(2, GpuBufferBindingType::Storage, false),
        ],
    );
    let pipeline_layout = device.create_pipeline_layout(&GpuPipelineLayoutDescriptor {
        bind_group_layouts: vec![Some(&group_layout)],
        immediate_size: None,
        label: None,
    });
    let pipeline = device.create_compute_pipeline(GpuComputePipelineDescriptor {
        compute: GpuProgrammableStage { module: &module, entry_point: None, constants: None },
        layout: GpuLayoutMode::Specific(&pipeline_layout),
        label: None,
    });
    let mut numbers = [0u32; 256];
    for slot in 0..4 {
        numbers[slot * 64] = slot as u32 + 1;
        numbers[slot * 64 + 1] = slot as u32;
    }
    let buffer = gpu.buffer_with("slots", &numbers, GpuBufferUsage::UNIFORM | GpuBufferUsage::STORAGE)?;
    let result = gpu.buffer("result", 16, GpuBufferUsage::STORAGE | GpuBufferUsage::COPY_SRC);
    let slot =
        || GpuBindingResource::GpuBufferBinding(GpuBufferBinding { buffer: &buffer, offset: None, size: Some(16) });
    let group = gpu.bind_group(&group_layout, vec![slot(), slot(), GpuBindingResource::GpuBuffer(&result)]);

    let encoder = gpu.encoder("dynamic");
    let pass = compute_pass(&encoder, "dynamic");
    pass.set_pipeline(&pipeline);
    let set = |offsets: &[u32], start, length| pass.set_bind_group(0, Some(&group), Some(offsets), start, length);
    check_success!(check, "two offsets", set(&[0, 768], None, None));
    pass.dispatch_workgroups(1, None, None);
    check_success!(check, "two of four offsets", set(&[9, 256, 512, 9], Some(1), Some(2)));
    pass.dispatch_workgroups(1, None, None);
    check_success!(check, "a start and a length", set(&[9, 768, 0], Some(1), Some(2)));
    pass.dispatch_workgroups(1, None, None);
    use SetBindGroupErrorKind::RangeError;
    check_error!(check, "a length over the end", set(&[0, 256], Some(1), Some(2)), RangeError);
    check_error!(check, "a start behind the end", set(&[0, 256], Some(3), Some(0)), RangeError);
    check_error!(check, "a huge start", set(&[0, 256], Some(u64::MAX), Some(2)), RangeError);
    pass.end();
    check.valid(device, "what the host refused never reached the pass", || gpu.submit(&encoder)).await;
    check.same_list("result", &gpu.download::<u32>(&result).await?, &[1004, 2003, 0, 4001]);

    for (what, offsets) in [
        ("too few offsets", vec![0]),
        ("an offset that is not aligned", vec![0, 16]),
        ("an offset over the end", vec![0, 1024]),
    ] {
        let encoder = gpu.encoder("wrong");
        let pass = compute_pass(&encoder, "wrong");
        pass.set_pipeline(&pipeline);
        let set = pass.set_bind_group(0, Some(&group), Some(&offsets), None, None);
        check_success!(check, "not the host's error", set);
        pass.end();
        check.invalid(device, what, || encoder.finish(None)).await;
    }
    Ok(())
}
