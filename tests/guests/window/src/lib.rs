//! What guests with a surface need and none should repeat: bindings of `wasi-gfx:surface`, a context on a device, and a loop
//! that draws while events come in.

pub mod bindings;

use std::cell::RefCell;
use std::future::Future;
use std::pin::pin;

use guest_support::Gpu;
use guest_support::gpu::{GpuTexture, GpuTextureFormat, get_gpu};
use guest_support::tasks::{First, join, race};

/// The interfaces.
pub use bindings::wasi_gfx::frame_buffer::frame_buffer;
pub use bindings::wasi_gfx::surface::{surface, surface_frame_buffer, surface_webgpu};
pub use surface::{Key, KeyEvent, PointerEvent};

use surface::{CreateDesc, Surface};
use surface_webgpu::{Context, ContextConfiguration};

/// A surface that a device draws to.
pub struct Window {
    pub surface: Surface,
    pub context: Context,
    pub format: GpuTextureFormat,
}

/// What happens to a window.
#[derive(Clone, Copy, Debug)]
pub enum Pointer {
    Down,
    Up,
    Move,
}

/// A program that draws frames.
pub trait App {
    /// The pointer does something.
    fn pointer(&mut self, _what: Pointer, _event: PointerEvent) {}
    /// A key goes down.
    fn key(&mut self, _event: KeyEvent) {}
    /// The surface has another size.
    fn resize(&mut self, _width: u32, _height: u32) {}
    /// Draws a frame; false for the last one.
    fn frame(&mut self, texture: &GpuTexture) -> bool;
}

impl Window {
    /// A surface of any size.
    pub fn open(gpu: &Gpu) -> Window {
        Window::of_size(gpu, None)
    }

    /// A surface, of this size where the host lets it choose.
    pub fn of_size(gpu: &Gpu, size: Option<(u32, u32)>) -> Window {
        let desc = CreateDesc { width: size.map(|(width, _)| width), height: size.map(|(_, height)| height) };
        let surface = Surface::new(desc);
        let context = Context::new(&surface);
        let window = Window { surface, context, format: get_gpu().get_preferred_canvas_format() };
        window.configure(gpu);
        window
    }

    /// Configures the context with the preferred format.
    pub fn configure(&self, gpu: &Gpu) {
        self.context.configure(&ContextConfiguration {
            device: &gpu.device,
            format: self.format,
            usage: None,
            view_formats: None,
            color_space: None,
            tone_mapping: None,
            alpha_mode: None,
        });
    }

    /// Draws to each beat, and passes events on, until the program or the display has no more frames.
    pub async fn run(&self, app: impl App) {
        let app = RefCell::new(app);
        let surface = &self.surface;
        let draw = each(surface.on_frame(), |_| {
            let texture = self.context.get_current_texture();
            let more = app.borrow_mut().frame(&texture);
            self.context.present();
            more
        });
        let pointer = |what| {
            let app = &app;
            move |event| {
                app.borrow_mut().pointer(what, event);
                true
            }
        };
        let pointers = join(
            each(surface.on_pointer_down(), pointer(Pointer::Down)),
            join(
                each(surface.on_pointer_up(), pointer(Pointer::Up)),
                each(surface.on_pointer_move(), pointer(Pointer::Move)),
            ),
        );
        let keys = each(surface.on_key_down(), |event| {
            app.borrow_mut().key(event);
            true
        });
        let sizes = each(surface.on_resize(), |event| {
            app.borrow_mut().resize(event.width, event.height);
            true
        });
        let events = join(pointers, join(keys, sizes));
        let mut draw = pin!(draw);
        // Streams of events end with the display; then the last beat may still be on its way.
        if let First::Right(_) = race(draw.as_mut(), events).await {
            draw.await;
        }
    }
}

/// Calls a function for each item of a stream, until that returns false.
fn each<T: 'static>(
    mut stream: wit_bindgen::StreamReader<T>,
    mut item: impl FnMut(T) -> bool,
) -> impl Future<Output = ()> {
    async move {
        while let Some(next) = stream.next().await {
            if !item(next) {
                break;
            }
        }
    }
}
