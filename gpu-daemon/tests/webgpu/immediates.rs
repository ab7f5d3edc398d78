//! Immediate data belongs to its encoder (WebGPU, `setImmediates`).

use airlock_protocol::{
    commands::{binding::*, buffer::BufferUsage, compute_pass::*, pipeline::*},
    ids::*,
};

use crate::{
    common::client::{DEVICE, bytes, words},
    kit::Gpu,
};

/// A pipeline that copies `words` words of immediate data, with a layout of `size` bytes.
fn pipeline(gpu: &mut Gpu, words: u32, size: Option<u32>) -> (ComputePipelineId, BindGroupId, BufferId) {
    let module = gpu.module(&format!(
        "struct Data {{ {} }} var<immediate> data: Data;
        @group(0) @binding(0) var<storage, read_write> out: array<u32>;
        @compute @workgroup_size(1) fn main() {{ {} }}",
        (0..words).map(|n| format!("m{n}: u32,")).collect::<String>(),
        (0..words).map(|n| format!("out[{n}] = data.m{n};")).collect::<String>(),
    ));
    let out = gpu.buffer(64, BufferUsage::STORAGE | BufferUsage::COPY_SRC);
    let resource = BindingResource::Buffer { buffer: out, offset: 0, size: None };
    let Some(size) = size else {
        let pipeline = gpu.compute(module, &[]);
        return (pipeline, gpu.group_of(PipelineId::Compute(pipeline), [resource]), out);
    };
    let (groups, layout) = (BindGroupLayoutId(gpu.id()), PipelineLayoutId(gpu.id()));
    let ty = BindingType::Buffer { ty: BufferBindingType::Storage, has_dynamic_offset: false, min_binding_size: 0 };
    let entries = vec![BindGroupLayoutEntry { binding: 0, visibility: ShaderStage::COMPUTE, ty }];
    gpu.push(CreateBindGroupLayout { device: DEVICE, layout: groups, label: "", entries });
    let (bind_group_layouts, immediate_size) = (vec![Some(groups)], size);
    gpu.push(CreatePipelineLayout { device: DEVICE, layout, label: "", bind_group_layouts, immediate_size });
    let (pipeline, bind_group) = (ComputePipelineId(gpu.id()), BindGroupId(gpu.id()));
    let compute = ProgrammableStage { module, entry_point: None, constants: vec![] };
    gpu.push(CreateComputePipeline {
        device: DEVICE,
        pipeline,
        request: None,
        label: "",
        layout: Some(layout),
        compute,
    });
    let entries = vec![BindGroupEntry { binding: 0, resource }];
    gpu.push(CreateBindGroup { device: DEVICE, bind_group, label: "", layout: groups, entries });
    (pipeline, bind_group, out)
}

#[test]
fn immediate_data_stays_whatever_the_pipeline() {
    let mut gpu = Gpu::new();
    let (small, small_group, small_out) = pipeline(&mut gpu, 2, Some(8));
    let (large, large_group, large_out) = pipeline(&mut gpu, 4, Some(32));
    let (automatic, automatic_group, automatic_out) = pipeline(&mut gpu, 3, None);
    gpu.valid("set before any pipeline, and once for all", |gpu| {
        gpu.encode(|gpu, encoder| {
            gpu.compute_pass(encoder, |gpu, pass| {
                gpu.push(ComputePassSetImmediates { pass, offset: 0, data: &bytes(&[1, 2, 3, 4, 5]) });
                for (pipeline, group) in [(small, small_group), (large, large_group), (automatic, automatic_group)] {
                    gpu.push(ComputePassSetPipeline { pass, pipeline });
                    let bind_group = Some(group);
                    gpu.push(ComputePassSetBindGroup { pass, index: 0, bind_group, dynamic_offsets: vec![] });
                    gpu.push(DispatchWorkgroups { pass, x: 1, y: 1, z: 1 });
                    // For the next dispatch, and not for this one.
                    gpu.push(ComputePassSetImmediates { pass, offset: 4, data: &bytes(&[9]) });
                }
            });
        });
    });
    assert_eq!(words(&gpu.read(small_out, 12)), [1, 2, 0]);
    assert_eq!(words(&gpu.read(large_out, 20)), [1, 9, 3, 4, 0]);
    assert_eq!(words(&gpu.read(automatic_out, 16)), [1, 9, 3, 0]);
}

#[test]
fn immediate_data_is_within_the_limit_and_of_words() {
    let mut gpu = Gpu::new();
    let (pipeline, group, _) = pipeline(&mut gpu, 1, Some(4));
    for (offset, len, is_dispatched, fits) in [
        (0, 64, false, true),
        (60, 4, false, true),
        (64, 0, false, true),
        (60, 8, false, false),
        (64, 4, false, false),
        (u32::MAX - 3, 4, false, false),
        (2, 4, false, false),
        (0, 3, false, false),
        (0, 4, true, true),
        (0, 64, true, true),
        // The word that the shader reads was not set.
        (4, 4, true, false),
    ] {
        let error = gpu.error(|gpu| {
            gpu.encode(|gpu, encoder| {
                gpu.compute_pass(encoder, |gpu, pass| {
                    gpu.push(ComputePassSetImmediates { pass, offset, data: &vec![0; len] });
                    if is_dispatched {
                        gpu.push(ComputePassSetPipeline { pass, pipeline });
                        let bind_group = Some(group);
                        gpu.push(ComputePassSetBindGroup { pass, index: 0, bind_group, dynamic_offsets: vec![] });
                        gpu.push(DispatchWorkgroups { pass, x: 1, y: 1, z: 1 });
                    }
                });
            });
        });
        assert_eq!(error.is_none(), fits, "{offset} {len} {is_dispatched}: {error:?}");
    }
    let message = gpu.invalid("after the end", |gpu| {
        gpu.encode(|gpu, encoder| {
            let pass = ComputePassId(gpu.id());
            gpu.push(BeginComputePass { encoder, pass, label: "", timestamp_writes: None });
            gpu.push(EndComputePass { pass });
            gpu.push(ComputePassSetImmediates { pass, offset: 0, data: &[0; 4] });
        });
    });
    assert!(message.contains("setImmediates"), "{message}");
}
