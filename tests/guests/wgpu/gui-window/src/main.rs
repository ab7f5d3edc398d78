//! The user interface of `gui` in a window, with the viewer's pointer and keys. Natively there is no window, and the program
//! ends with an error.

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
    use std::time::Instant;

    use egui::{Event as Input, Modifiers, PointerButton, Pos2};
    use egui_wgpu::{Renderer, RendererOptions, ScreenDescriptor};
    use wgpu_wasi::window::{Event, Key, KeyEvent, Window};

    pub fn main() -> Result<(), Box<dyn Error>> {
        let window = Window::new(Some((640, 360)));
        let instance = support::instance();
        let surface = instance.create_surface(&window)?;
        let options = wgpu::RequestAdapterOptions { compatible_surface: Some(&surface), ..Default::default() };
        let adapter = pollster::block_on(instance.request_adapter(&options))?;
        let (device, queue) = pollster::block_on(adapter.request_device(&Default::default()))?;
        let (width, height) = window.size();
        let mut config = surface.get_default_config(&adapter, width, height).ok_or("no configuration")?;
        // egui blends in gamma space.
        config.format = config.format.remove_srgb_suffix();
        surface.configure(&device, &config);

        let mut renderer = Renderer::new(&device, config.format, RendererOptions::default());
        let context = egui::Context::default();
        context.set_fonts(gui::fonts());
        let mut state = gui::State::default();
        let start = Instant::now();
        while let Some(events) = window.next_frame() {
            let mut input = egui::RawInput { time: Some(start.elapsed().as_secs_f64()), ..Default::default() };
            for event in events {
                match event {
                    Event::Resized { width, height } => {
                        (config.width, config.height) = (width, height);
                        surface.configure(&device, &config);
                    }
                    Event::PointerMoved { x, y } => {
                        input.events.push(Input::PointerMoved(Pos2::new(x as f32, y as f32)));
                    }
                    Event::PointerPressed { x, y } | Event::PointerReleased { x, y } => {
                        let pressed = matches!(event, Event::PointerPressed { .. });
                        let pointer = Pos2::new(x as f32, y as f32);
                        let button = PointerButton::Primary;
                        input.events.push(Input::PointerMoved(pointer));
                        input.events.push(Input::PointerButton {
                            pos: pointer,
                            button,
                            pressed,
                            modifiers: Modifiers::NONE,
                        });
                    }
                    Event::KeyPressed(key) if key.key == Some(Key::Escape) => return Ok(()),
                    Event::KeyPressed(key) => input.events.extend(pressed(&key)),
                    Event::KeyReleased(_) => {}
                }
            }
            let size = egui::vec2(config.width as f32, config.height as f32);
            input.screen_rect = Some(egui::Rect::from_min_size(Pos2::ZERO, size));
            let mut output = context.run_ui(input, |ui| state.show(ui));
            let shapes = context.tessellate(output.shapes, output.pixels_per_point);
            let size_in_pixels = [config.width, config.height];
            let screen = ScreenDescriptor { size_in_pixels, pixels_per_point: output.pixels_per_point };
            for (id, deltas) in &output.textures_delta.set {
                for delta in deltas {
                    renderer.update_texture(&device, &queue, *id, delta);
                }
            }
            output.textures_delta.clear();

            let wgpu::CurrentSurfaceTexture::Success(frame) = surface.get_current_texture() else {
                return Err("no frame".into());
            };
            let view = frame.texture.create_view(&Default::default());
            let mut encoder = device.create_command_encoder(&Default::default());
            let mut buffers = renderer.update_buffers(&device, &queue, &mut encoder, &shapes, &screen);
            {
                let pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
                    color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                        view: &view,
                        depth_slice: None,
                        resolve_target: None,
                        ops: Default::default(),
                    })],
                    ..Default::default()
                });
                renderer.render(&mut pass.forget_lifetime(), &shapes, &screen);
            }
            buffers.push(encoder.finish());
            queue.submit(buffers);
            queue.present(frame);
        }
        Ok(())
    }

    /// The events of a key: its text, or what a text field does with it.
    fn pressed(key: &KeyEvent) -> Vec<Input> {
        let named = match key.key {
            Some(Key::Backspace) => Some(egui::Key::Backspace),
            Some(Key::Delete) => Some(egui::Key::Delete),
            Some(Key::ArrowLeft) => Some(egui::Key::ArrowLeft),
            Some(Key::ArrowRight) => Some(egui::Key::ArrowRight),
            Some(Key::Enter) => Some(egui::Key::Enter),
            Some(Key::Tab) => Some(egui::Key::Tab),
            _ => None,
        };
        let named = named.map(|key| Input::Key {
            key,
            physical_key: None,
            pressed: true,
            repeat: false,
            modifiers: Modifiers::NONE,
        });
        let text = key.text.clone().filter(|_| named.is_none() && !key.ctrl_key && !key.meta_key).map(Input::Text);
        named.into_iter().chain(text).collect()
    }
}
