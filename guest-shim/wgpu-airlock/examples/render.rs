//! Draws a triangle into triangle.png.

const SIZE: u32 = 256;
const FORMAT: wgpu::TextureFormat = wgpu::TextureFormat::Rgba8UnormSrgb;

const SHADER: &str = "
    struct Vertex { @builtin(position) position: vec4<f32>, @location(0) color: vec3<f32> }

    @vertex
    fn vertex(@builtin(vertex_index) i: u32) -> Vertex {
        let corners = array(vec2(0.0, 0.8), vec2(-0.8, -0.8), vec2(0.8, -0.8));
        let colors = array(vec3(1.0, 0.2, 0.2), vec3(0.2, 1.0, 0.2), vec3(0.2, 0.2, 1.0));
        return Vertex(vec4(corners[i], 0.0, 1.0), colors[i]);
    }

    @fragment
    fn fragment(in: Vertex) -> @location(0) vec4<f32> {
        return vec4(in.color, 1.0);
    }
";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let instance = wgpu_airlock::instance(Default::default())?; // in place of wgpu::Instance::default()
    let adapter = pollster::block_on(instance.request_adapter(&Default::default()))?;
    let (device, queue) = pollster::block_on(adapter.request_device(&Default::default()))?;

    let target = device.create_texture(&wgpu::TextureDescriptor {
        label: Some("target"),
        size: wgpu::Extent3d { width: SIZE, height: SIZE, depth_or_array_layers: 1 },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format: FORMAT,
        usage: wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::COPY_SRC,
        view_formats: &[],
    });
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: Some("triangle"),
        source: wgpu::ShaderSource::Wgsl(SHADER.into()),
    });
    let pipeline = device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
        label: Some("triangle"),
        layout: None,
        vertex: wgpu::VertexState {
            module: &module,
            entry_point: None,
            compilation_options: Default::default(),
            buffers: &[],
        },
        primitive: Default::default(),
        depth_stencil: None,
        multisample: Default::default(),
        fragment: Some(wgpu::FragmentState {
            module: &module,
            entry_point: None,
            compilation_options: Default::default(),
            targets: &[Some(FORMAT.into())],
        }),
        multiview_mask: None,
        cache: None,
    });

    // A row of 256 texels is 1024 bytes, which is aligned as rows in a buffer have to be.
    let readback = device.create_buffer(&wgpu::BufferDescriptor {
        label: Some("readback"),
        size: u64::from(SIZE * SIZE * 4),
        usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });
    let mut encoder = device.create_command_encoder(&Default::default());
    {
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
        pass.set_pipeline(&pipeline);
        pass.draw(0..3, 0..1);
    }
    let layout = wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(SIZE * 4), rows_per_image: None };
    let destination = wgpu::TexelCopyBufferInfo { buffer: &readback, layout };
    encoder.copy_texture_to_buffer(target.as_image_copy(), destination, target.size());
    queue.submit([encoder.finish()]);

    readback.map_async(wgpu::MapMode::Read, .., |result| result.expect("a mapped buffer"));
    device.poll(wgpu::PollType::wait_indefinitely())?;
    let mut png = png::Encoder::new(std::fs::File::create("triangle.png")?, SIZE, SIZE);
    png.set_color(png::ColorType::Rgba);
    png.write_header()?.write_image_data(&readback.get_mapped_range(..)?)?;
    println!("{} drew triangle.png", adapter.get_info().name);
    Ok(())
}
