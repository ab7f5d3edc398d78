//! A window: a triangle whose colour a key changes and whose tip follows the pointer. Prints the events that it receives.
//! `window WIDTH HEIGHT` asks for a size. Natively there is no window, and the program ends with an error.

#[cfg(not(target_family = "wasm"))]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    Err("a component under `airlock run` has a window; a native program has none".into())
}

#[cfg(target_family = "wasm")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    component::main()
}

#[cfg(target_family = "wasm")]
mod component {
    use std::error::Error;

    use wgpu_wasi::window::{Event, Key, Window};

    const COLORS: [[f32; 4]; 2] = [[0.9, 0.6, 0.1, 1.0], [0.1, 0.4, 0.9, 1.0]];

    pub fn main() -> Result<(), Box<dyn Error>> {
        let size: Vec<u32> = std::env::args().skip(1).map(|number| number.parse()).collect::<Result<_, _>>()?;
        let window = Window::new(size.first().copied().zip(size.get(1).copied()));
        let instance = support::instance();
        let surface = instance.create_surface(&window)?;
        let options = wgpu::RequestAdapterOptions { compatible_surface: Some(&surface), ..Default::default() };
        let adapter = pollster::block_on(instance.request_adapter(&options))?;
        if !adapter.is_surface_supported(&surface) {
            return Err("the adapter does not support the surface".into());
        }
        let (device, queue) = pollster::block_on(adapter.request_device(&Default::default()))?;
        let (width, height) = window.size();
        let mut config = surface.get_default_config(&adapter, width, height).ok_or("no configuration")?;
        surface.configure(&device, &config);
        println!("a window of {width} x {height}, {:?}", config.format);

        let scene = Scene::new(&device, config.format);
        let (mut tip, mut color) = ([0.0, 0.8], 0);
        while let Some(events) = window.next_frame() {
            for event in events {
                println!("{event:?}");
                match event {
                    Event::Resized { width, height } => {
                        (config.width, config.height) = (width, height);
                        surface.configure(&device, &config);
                    }
                    Event::PointerMoved { x, y } | Event::PointerPressed { x, y } => {
                        tip = [place(x, config.width), -place(y, config.height)];
                    }
                    Event::KeyPressed(key) if key.key == Some(Key::Escape) => return Ok(()),
                    Event::KeyPressed(_) => color = (color + 1) % COLORS.len(),
                    _ => {}
                }
            }
            match surface.get_current_texture() {
                wgpu::CurrentSurfaceTexture::Success(frame) => {
                    scene.draw(&device, &queue, &frame.texture, tip, COLORS[color]);
                    queue.present(frame);
                }
                other => return Err(format!("no frame: {other:?}").into()),
            }
        }
        Ok(())
    }

    /// A coordinate of a texel, from -1 to 1.
    fn place(at: f64, size: u32) -> f32 {
        (at / f64::from(size) * 2.0 - 1.0) as f32
    }

    struct Scene {
        pipeline: wgpu::RenderPipeline,
        values: wgpu::Buffer,
        group: wgpu::BindGroup,
    }

    impl Scene {
        fn new(device: &wgpu::Device, format: wgpu::TextureFormat) -> Scene {
            let module = device.create_shader_module(wgpu::include_wgsl!("window.wgsl"));
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
                    targets: &[Some(format.into())],
                }),
                multiview_mask: None,
                cache: None,
            });
            let values = device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("values"),
                size: 32,
                usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            });
            let group = device.create_bind_group(&wgpu::BindGroupDescriptor {
                label: None,
                layout: &pipeline.get_bind_group_layout(0),
                entries: &[wgpu::BindGroupEntry { binding: 0, resource: values.as_entire_binding() }],
            });
            Scene { pipeline, values, group }
        }

        fn draw(
            &self,
            device: &wgpu::Device,
            queue: &wgpu::Queue,
            frame: &wgpu::Texture,
            tip: [f32; 2],
            color: [f32; 4],
        ) {
            let values = [color[0], color[1], color[2], color[3], tip[0], tip[1], 0.0, 0.0];
            queue.write_buffer(&self.values, 0, &values.map(f32::to_le_bytes).concat());
            let view = frame.create_view(&Default::default());
            let mut encoder = device.create_command_encoder(&Default::default());
            {
                let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
                    color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                        view: &view,
                        depth_slice: None,
                        resolve_target: None,
                        ops: Default::default(),
                    })],
                    ..Default::default()
                });
                pass.set_pipeline(&self.pipeline);
                pass.set_bind_group(0, &self.group, &[]);
                pass.draw(0..3, 0..1);
            }
            queue.submit([encoder.finish()]);
        }
    }
}
