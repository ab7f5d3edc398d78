//! The cost of a draw through wgpu: the same calls as the guest `draws` makes on the bare interface, with the same shader.
//! The times go to standard error; the picture is checked.

use std::time::Instant;

use wgpu::util::DeviceExt;

const SIZE: u32 = 64;
const FORMAT: wgpu::TextureFormat = wgpu::TextureFormat::Rgba32Uint;
/// The bind groups' values; draws cycle through them.
const VALUES: [u32; 4] = [1, 20, 300, 4000];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut numbers = std::env::args().skip(1).map(|number| number.parse::<u32>());
    let passes = numbers.next().unwrap_or(Ok(50))?;
    let draws = numbers.next().unwrap_or(Ok(2000))?.min(SIZE * SIZE);

    let (device, queue) = support::device(wgpu::Features::empty())?;
    let picture = support::target(&device, SIZE, SIZE, FORMAT);
    let view = picture.create_view(&Default::default());
    let pipeline = pipeline(&device);
    let layout = pipeline.get_bind_group_layout(0);
    let groups = VALUES.map(|value| {
        let contents: Vec<u8> = texel_of(value).into_iter().flat_map(u32::to_le_bytes).collect();
        let buffer = device.create_buffer_init(&wgpu::util::BufferInitDescriptor {
            label: Some("value"),
            contents: &contents,
            usage: wgpu::BufferUsages::UNIFORM,
        });
        device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("value"),
            layout: &layout,
            entries: &[wgpu::BindGroupEntry { binding: 0, resource: buffer.as_entire_binding() }],
        })
    });

    let start = Instant::now();
    for pass_number in 0..passes {
        let mut encoder = device.create_command_encoder(&Default::default());
        {
            let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
                label: Some("draws"),
                color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                    view: &view,
                    depth_slice: None,
                    resolve_target: None,
                    ops: wgpu::Operations::default(),
                })],
                ..Default::default()
            });
            pass.set_pipeline(&pipeline);
            for draw in 0..draws {
                pass.set_bind_group(0, &groups[group_of(pass_number, draw)], &[]);
                pass.draw(0..3, draw..draw + 1);
            }
        }
        queue.submit([encoder.finish()]);
    }
    let held = start.elapsed();
    let readback = read(&device, &queue, &picture)?;
    let whole = start.elapsed();

    let calls = f64::from(passes) * f64::from(draws) * 2.0;
    for (what, time) in [("until the last submit", held), ("until they are done", whole)] {
        let time = time.as_secs_f64();
        eprintln!("{passes} passes of {draws} draws {what}: {:.1} ms, {:.0} ns a call", time * 1e3, time * 1e9 / calls);
    }
    check(&readback, passes - 1, draws)
}

fn texel_of(value: u32) -> [u32; 4] {
    [value, value + 1, 0, 7]
}

fn group_of(pass: u32, draw: u32) -> usize {
    (pass as usize + draw as usize) % VALUES.len()
}

fn pipeline(device: &wgpu::Device) -> wgpu::RenderPipeline {
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: Some("draws"),
        source: wgpu::ShaderSource::Wgsl(include_str!("../../../draws/src/draws.wgsl").into()),
    });
    device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
        label: Some("draws"),
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
    })
}

/// The texels, of 16 bytes each; the length of a row satisfies the alignment of copies.
fn read(
    device: &wgpu::Device,
    queue: &wgpu::Queue,
    picture: &wgpu::Texture,
) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let buffer = device.create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size: u64::from(SIZE * SIZE * 16),
        usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });
    let mut encoder = device.create_command_encoder(&Default::default());
    let layout = wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(SIZE * 16), rows_per_image: None };
    let destination = wgpu::TexelCopyBufferInfo { buffer: &buffer, layout };
    encoder.copy_texture_to_buffer(picture.as_image_copy(), destination, picture.size());
    queue.submit([encoder.finish()]);
    support::read_buffer(device, &buffer)
}

fn check(texels: &[u8], last: u32, draws: u32) -> Result<(), Box<dyn std::error::Error>> {
    for (pixel, texel) in (0..).zip(texels.as_chunks::<16>().0) {
        let expected = if pixel < draws { texel_of(VALUES[group_of(last, pixel)]) } else { [0; 4] };
        let expected: Vec<u8> = expected.into_iter().flat_map(u32::to_le_bytes).collect();
        if expected != texel {
            return Err(format!("pixel {pixel} is {texel:?}, expected {expected:?}").into());
        }
    }
    println!("all pixels agree with the CPU");
    Ok(())
}
