//! Shared parts of guests with a surface: bindings of `wasi-gfx:surface`, a context on a device, and a loop that draws and
//! handles events.

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

/// A surface with a device's context.
pub struct Window {
    pub surface: Surface,
    pub context: Context,
    pub format: GpuTextureFormat,
}

/// A pointer event's kind.
#[derive(Clone, Copy, Debug)]
pub enum Pointer {
    Down,
    Up,
    Move,
}

/// A program that draws frames and handles events.
pub trait App {
    /// Handles a pointer event.
    fn pointer(&mut self, _what: Pointer, _event: PointerEvent) {}
    /// Handles a key press.
    fn key(&mut self, _event: KeyEvent) {}
    /// Handles a new size.
    fn resize(&mut self, _width: u32, _height: u32) {}
    /// Draws a frame; returns false after the last one.
    fn frame(&mut self, texture: &GpuTexture) -> bool;
}

impl Window {
    /// Opens a surface of any size.
    pub fn open(gpu: &Gpu) -> Window {
        Window::of_size(gpu, None)
    }

    /// Opens a surface, of this size if the host leaves the choice.
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

    /// Draws at each frame event and handles other events, until the program or the display ends.
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
        // Event streams end with the display, while the last frame event may still be pending.
        if let First::Right(_) = race(draw.as_mut(), events).await {
            draw.await;
        }
    }
}

/// Calls a function for each item of a stream, until it returns false.
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
