//! `egui-wgpu`: one frame of a user interface, without a window.

use egui_wgpu::{Renderer, RendererOptions, ScreenDescriptor};
use gui::State;

const WIDTH: u32 = 320;
const HEIGHT: u32 = 240;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (device, queue) = support::device(wgpu::Features::empty())?;
    let target = support::target(&device, WIDTH, HEIGHT, wgpu::TextureFormat::Rgba8Unorm);
    let mut renderer = Renderer::new(&device, target.format(), RendererOptions::default());

    let context = egui::Context::default();
    context.set_fonts(gui::fonts());
    let size = egui::vec2(WIDTH as f32, HEIGHT as f32);
    let mut state = State::default();
    // The first frame measures, the second one is right.
    let mut output = egui::FullOutput::default();
    for frame in 0..2 {
        let input = egui::RawInput {
            screen_rect: Some(egui::Rect::from_min_size(egui::Pos2::ZERO, size)),
            time: Some(f64::from(frame)),
            ..Default::default()
        };
        // Shapes of the newer frame, textures of both.
        output.append(context.run_ui(input, |ui| state.show(ui)));
    }
    let shapes = context.tessellate(output.shapes, output.pixels_per_point);
    let screen = ScreenDescriptor { size_in_pixels: [WIDTH, HEIGHT], pixels_per_point: output.pixels_per_point };
    for (id, deltas) in &output.textures_delta.set {
        for delta in deltas {
            renderer.update_texture(&device, &queue, *id, delta);
        }
    }
    // It panics where deltas are dropped that were not applied.
    output.textures_delta.clear();

    let mut encoder = device.create_command_encoder(&Default::default());
    let mut buffers = renderer.update_buffers(&device, &queue, &mut encoder, &shapes, &screen);
    {
        let view = target.create_view(&Default::default());
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
    support::write_picture(&device, &queue, &target)
}
