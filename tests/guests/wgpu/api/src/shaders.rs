//! Shaders in each language that wgpu accepts, constants, immediates, and compilation messages.

use std::error::Error;

use wgpu::BufferUsages as Usage;
use wgpu::naga;

use crate::Gpu;

const GLSL: &str = "
    #version 450
    layout(local_size_x = 8) in;
    layout(std430, set = 0, binding = 0) buffer Numbers { uint numbers[]; };
    void main() { numbers[gl_GlobalInvocationID.x] = gl_GlobalInvocationID.x * FACTOR + 1u; }
";

const WGSL: &str = "
    override factor: u32 = 2;
    @group(0) @binding(0) var<storage, read_write> numbers: array<u32>;
    @compute @workgroup_size(8)
    fn main(@builtin(global_invocation_id) id: vec3<u32>) { numbers[id.x] = id.x * factor + 1u; }
";

const IMMEDIATES: &str = "
    var<immediate> factor: u32;
    @group(0) @binding(0) var<storage, read_write> numbers: array<u32>;
    @compute @workgroup_size(8)
    fn main(@builtin(global_invocation_id) id: vec3<u32>) { numbers[id.x] = id.x * factor + 1u; }
";

const WRONG: &str = "fn wrong() {\n    let ü = 1;\n    let x = y;\n}\n";

pub fn run(gpu: &Gpu) -> Result<(), Box<dyn Error>> {
    let glsl = wgpu::ShaderSource::Glsl {
        shader: GLSL.into(),
        stage: naga::ShaderStage::Compute,
        defines: &[("FACTOR", "3u")],
    };
    let options = naga::front::glsl::Options {
        stage: naga::ShaderStage::Compute,
        defines: [("FACTOR".to_owned(), "4u".to_owned())].into_iter().collect(),
    };
    let module = naga::front::glsl::Frontend::default().parse(&options, GLSL)?;
    let naga = wgpu::ShaderSource::Naga(std::borrow::Cow::Owned(module));
    let spirv = wgpu::util::make_spirv(include_bytes!("numbers.spv"));
    for (name, source, constants) in [
        ("GLSL", glsl, [].as_slice()),
        ("naga IR", naga, [].as_slice()),
        ("SPIR-V", spirv, [].as_slice()),
        ("WGSL", wgpu::ShaderSource::Wgsl(WGSL.into()), [].as_slice()),
        ("WGSL with a constant", wgpu::ShaderSource::Wgsl(WGSL.into()), [("factor", 5.0)].as_slice()),
    ] {
        println!("{name}: {:?}", numbers(gpu, source, constants, None)?);
    }
    if gpu.device.features().contains(wgpu::Features::IMMEDIATES) && gpu.device.limits().max_immediate_size >= 4 {
        println!("immediates: {:?}", numbers(gpu, wgpu::ShaderSource::Wgsl(IMMEDIATES.into()), &[], Some(6))?);
    } else {
        println!("immediates: {:?}", [1, 7, 13, 19, 25, 31, 37, 43]);
    }
    compilation_info(gpu)
}

/// Eight numbers, each computed by one invocation.
fn numbers(
    gpu: &Gpu,
    source: wgpu::ShaderSource<'_>,
    constants: &[(&str, f64)],
    immediate: Option<u32>,
) -> Result<Vec<u32>, Box<dyn Error>> {
    let module = gpu.device.create_shader_module(wgpu::ShaderModuleDescriptor { label: Some("numbers"), source });
    let group_layout = gpu.device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
        label: None,
        entries: &[wgpu::BindGroupLayoutEntry {
            binding: 0,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: wgpu::BindingType::Buffer {
                ty: wgpu::BufferBindingType::Storage { read_only: false },
                has_dynamic_offset: false,
                min_binding_size: None,
            },
            count: None,
        }],
    });
    let layout = gpu.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label: None,
        bind_group_layouts: &[Some(&group_layout)],
        immediate_size: if immediate.is_some() { 4 } else { 0 },
    });
    let pipeline = gpu.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: None,
        layout: Some(&layout),
        module: &module,
        entry_point: None,
        compilation_options: wgpu::PipelineCompilationOptions { constants, ..Default::default() },
        cache: None,
    });
    let buffer = gpu.buffer(32, Usage::STORAGE | Usage::COPY_SRC);
    let group = gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
        label: None,
        layout: &group_layout,
        entries: &[wgpu::BindGroupEntry { binding: 0, resource: buffer.as_entire_binding() }],
    });
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    {
        let mut pass = encoder.begin_compute_pass(&Default::default());
        pass.set_pipeline(&pipeline);
        pass.set_bind_group(0, &group, &[]);
        if let Some(immediate) = immediate {
            pass.set_immediates(0, &immediate.to_le_bytes());
        }
        pass.dispatch_workgroups(1, 1, 1);
    }
    gpu.queue.submit([encoder.finish()]);
    Ok(gpu.read(&buffer)?.as_chunks().0.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect())
}

fn compilation_info(gpu: &Gpu) -> Result<(), Box<dyn Error>> {
    let mut info = None;
    for source in [wgpu::ShaderSource::Wgsl(WGSL.into()), wgpu::ShaderSource::Wgsl(WRONG.into())] {
        let error = gpu.caught(|| {
            let module = gpu.device.create_shader_module(wgpu::ShaderModuleDescriptor { label: None, source });
            info = Some(pollster::block_on(module.get_compilation_info()));
        });
        let messages = info.take().map(|info| info.messages).unwrap_or_default();
        let places: Vec<_> = messages.iter().map(|message| (message.message_type, message.location)).collect();
        println!("compiled: {}, {places:?}", crate::kind(&error));
    }
    let words = wgpu::ShaderSource::SpirV([1, 2, 3].as_slice().into());
    let error =
        gpu.caught(|| gpu.device.create_shader_module(wgpu::ShaderModuleDescriptor { label: None, source: words }));
    println!("SPIR-V that is none: {}", crate::kind(&error));
    Ok(())
}
