//! A triangle that turns on a surface, drawn with `wasi:webgpu`.

use crate::bindings::wasi::graphics_context::graphics_context::Context;
use crate::bindings::wasi::io::poll::poll;
use crate::bindings::wasi::surface::surface::{CreateDesc, Key, PointerEvent, Surface};
use crate::bindings::wasi::webgpu::webgpu::*;
use crate::gpu::{buffer, module, pipeline, request};
use crate::{Checked, line};

/// Radians per frame, and per texel of a drag.
const TURN: f32 = 0.05;
const DRAG: f32 = 0.01;

/// Colours of the triangle.
const TINTS: [[u8; 3]; 3] = [[200, 100, 50], [50, 200, 100], [100, 50, 200]];

const SHADER: &str = "
struct Uniforms { angle: f32, aspect: f32, size: vec2f, tint: vec4f, corner: vec4f }

@group(0) @binding(0) var<uniform> uniforms: Uniforms;

@vertex
fn vertex(@builtin(vertex_index) index: u32) -> @builtin(position) vec4f {
    if index >= 3u {
        // A square of 8 texels in the upper left corner, in two triangles.
        var corners = array<vec2f, 6>(vec2f(0, 0), vec2f(8, 0), vec2f(0, 8), vec2f(0, 8), vec2f(8, 0), vec2f(8, 8));
        let texel = corners[index - 3u];
        return vec4f(texel / uniforms.size * vec2f(2, -2) + vec2f(-1, 1), 0, 1);
    }
    let angle = uniforms.angle + f32(index) * 2.0943951;
    return vec4f(sin(angle) * 0.8 / uniforms.aspect, cos(angle) * 0.8, 0, 1);
}

@fragment
fn fragment(@builtin(position) at: vec4f) -> @location(0) vec4f {
    return select(uniforms.tint, uniforms.corner, all(at.xy < vec2f(8)));
}
";

struct State {
    angle: f32,
    tint: usize,
    dragged: Option<PointerEvent>,
    frame: u64,
}

pub fn run(last: Option<u64>) -> Checked {
    let (adapter, device) = request()?;
    let surface = Surface::new(CreateDesc { width: None, height: None });
    let context = Context::new();
    surface.connect_graphics_context(&context);
    device.connect_graphics_context(&context);
    line(&format!("adapter: {}, {} x {}", adapter.info().description(), surface.width(), surface.height()));

    let module = module(&device, SHADER);
    let format = get_gpu().get_preferred_canvas_format();
    let pipeline = device.create_render_pipeline(pipeline(&module, format, None));
    let uniforms = buffer(&device, 48, GpuBufferUsage::uniform() | GpuBufferUsage::copy_dst());
    let bind_group = device.create_bind_group(&GpuBindGroupDescriptor {
        layout: &pipeline.get_bind_group_layout(0),
        entries: vec![GpuBindGroupEntry {
            binding: 0,
            resource: GpuBindingResource::GpuBufferBinding(GpuBufferBinding {
                buffer: &uniforms,
                offset: None,
                size: None,
            }),
        }],
        label: None,
    });

    let frames = surface.subscribe_frame();
    let pollables = [
        surface.subscribe_pointer_down(),
        surface.subscribe_pointer_up(),
        surface.subscribe_pointer_move(),
        surface.subscribe_key_down(),
        surface.subscribe_key_up(),
        surface.subscribe_resize(),
    ];
    let all: Vec<_> = std::iter::once(&frames).chain(&pollables).collect();
    let mut state = State { angle: 0.0, tint: 0, dragged: None, frame: 0 };
    loop {
        let ready = poll(&all);
        while let Some(event) = surface.get_pointer_down() {
            state.dragged = Some(event);
        }
        while let Some(event) = surface.get_pointer_move() {
            if let Some(from) = state.dragged {
                state.angle += (event.x - from.x) as f32 * DRAG;
                state.dragged = Some(event);
            }
        }
        while surface.get_pointer_up().is_some() {
            state.dragged = None;
        }
        while let Some(event) = surface.get_key_down() {
            match event.key {
                Some(Key::KeyC) => state.tint = (state.tint + 1) % TINTS.len(),
                Some(Key::Escape) => return Ok(()),
                _ => {}
            }
        }
        while surface.get_key_up().is_some() {}
        while surface.get_resize().is_some() {}
        if !ready.contains(&0) {
            continue;
        }
        surface.get_frame();
        state.frame += 1;
        if state.dragged.is_none() {
            state.angle += TURN;
        }
        draw(&device, &context, &surface, (&pipeline, &bind_group, &uniforms), &state);
        if last.is_some_and(|last| state.frame >= last) {
            return Ok(());
        }
    }
}

fn draw(
    device: &GpuDevice,
    context: &Context,
    surface: &Surface,
    (pipeline, bind_group, uniforms): (&GpuRenderPipeline, &GpuBindGroup, &GpuBuffer),
    state: &State,
) {
    let tint = TINTS[state.tint];
    let corner = [state.frame as u8, (state.frame >> 8) as u8, 40 * state.tint as u8];
    let (width, height) = (surface.width() as f32, surface.height() as f32);
    let color = |rgb: [u8; 3]| rgb.map(|channel| f32::from(channel) / 255.0);
    let ([tr, tg, tb], [cr, cg, cb]) = (color(tint), color(corner));
    let values = [state.angle, width / height, width, height, tr, tg, tb, 1.0, cr, cg, cb, 1.0];
    let bytes: Vec<u8> = values.into_iter().flat_map(f32::to_le_bytes).collect();
    let queue = device.queue();
    // Within the buffer's size.
    let _ = queue.write_buffer_with_copy(uniforms, 0, &bytes, None, None);
    let view = GpuTexture::from_graphics_buffer(context.get_current_buffer()).create_view(None);
    let encoder = device.create_command_encoder(None);
    let pass = encoder.begin_render_pass(&GpuRenderPassDescriptor {
        color_attachments: vec![Some(GpuRenderPassColorAttachment {
            view: &view,
            depth_slice: None,
            resolve_target: None,
            clear_value: Some(GpuColor { r: 0.0, g: 0.0, b: 0.2, a: 0.0 }),
            load_op: GpuLoadOp::Clear,
            store_op: GpuStoreOp::Store,
        })],
        depth_stencil_attachment: None,
        occlusion_query_set: None,
        timestamp_writes: None,
        max_draw_count: None,
        label: None,
    });
    pass.set_pipeline(pipeline);
    // Without dynamic offsets there is nothing that could be out of range.
    let _ = pass.set_bind_group(0, Some(bind_group), None, None, None);
    pass.draw(9, None, None, None);
    pass.end();
    queue.submit(&[&encoder.finish(None)]);
    context.present();
    let ([r, g, b], [cr, cg, cb]) = (tint, corner);
    let angle = (state.angle * 1000.0).round();
    line(&format!("frame {}: middle {r} {g} {b} corner {cr} {cg} {cb} angle {angle}", state.frame));
}
