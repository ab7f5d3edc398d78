//! Windows: surfaces of `wasi-gfx:surface@0.2.0` for programs that draw to one (feature `surface`).
//!
//! A program opens a [`Window`], passes it to [`wgpu::Instance::create_surface`], and draws at each [`Window::next_frame`]. Size
//! and pace are the host's.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use wgpu::custom::{
    DispatchAdapter, DispatchDevice, DispatchSurface, DispatchSurfaceOutputDetail, DispatchTexture, SurfaceInterface,
    SurfaceOutputDetailInterface,
};
use wgpu::rwh::{
    DisplayHandle, HandleError, HasDisplayHandle, HasWindowHandle, RawWindowHandle, WebWindowHandle, WindowHandle,
};
use wit_bindgen::StreamReader;

use crate::bindings::{surface as gfx, surface_webgpu, webgpu as gpu};
use crate::device::{Device, Shared};
use crate::error::Absent;
use crate::executor;
use crate::format::texture_format;
use crate::texture::{self, Texture};

pub use gfx::{Key, KeyEvent};

/// Maximum number of unread events of a window; later ones are dropped.
const MAX_EVENTS: usize = 1024;

/// Formats of a surface, the preferred one first. Programs that blend in linear light use the `Srgb` ones.
const FORMATS: [wgpu::TextureFormat; 5] = [
    wgpu::TextureFormat::Bgra8UnormSrgb,
    wgpu::TextureFormat::Bgra8Unorm,
    wgpu::TextureFormat::Rgba8UnormSrgb,
    wgpu::TextureFormat::Rgba8Unorm,
    wgpu::TextureFormat::Rgba16Float,
];

/// Input to a window, or a change of its size. Coordinates are in texels.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "fields are coordinates and sizes")]
pub enum Event {
    /// The window has another size: the surface must be configured again.
    Resized { width: u32, height: u32 },
    /// The pointer has moved.
    PointerMoved { x: f64, y: f64 },
    /// A button was pressed.
    PointerPressed { x: f64, y: f64 },
    /// A button was released.
    PointerReleased { x: f64, y: f64 },
    /// A key was pressed.
    KeyPressed(KeyEvent),
    /// A key was released.
    KeyReleased(KeyEvent),
}

/// A window of the host's. Dropping it ends its surface.
#[derive(Debug)]
pub struct Window {
    /// Key of its state. The state itself is not `Send`, which wgpu requires of windows.
    id: u32,
}

/// State of a window.
struct State {
    surface: gfx::Surface,
    context: surface_webgpu::Context,
    frames: RefCell<Option<StreamReader<gfx::FrameEvent>>>,
    events: Rc<RefCell<Vec<Event>>>,
    /// Device and size of the configuration.
    configured: RefCell<Option<(Arc<Shared>, u32, u32)>>,
}

thread_local! {
    static WINDOWS: RefCell<BTreeMap<u32, Rc<State>>> = const { RefCell::new(BTreeMap::new()) };
    static NEXT: Cell<u32> = const { Cell::new(1) };
}

fn state(id: u32) -> Option<Rc<State>> {
    WINDOWS.with(|windows| windows.borrow().get(&id).cloned())
}

impl Window {
    /// Opens a window, of this width and height where the host leaves that to the program.
    pub fn new(size: Option<(u32, u32)>) -> Window {
        let (width, height) = size.unzip();
        let surface = gfx::Surface::new(gfx::CreateDesc { height, width });
        let events = Rc::default();
        listen(surface.on_resize(), &events, |event| Event::Resized { width: event.width, height: event.height });
        listen(surface.on_pointer_move(), &events, |event| Event::PointerMoved { x: event.x, y: event.y });
        listen(surface.on_pointer_down(), &events, |event| Event::PointerPressed { x: event.x, y: event.y });
        listen(surface.on_pointer_up(), &events, |event| Event::PointerReleased { x: event.x, y: event.y });
        listen(surface.on_key_down(), &events, Event::KeyPressed);
        listen(surface.on_key_up(), &events, Event::KeyReleased);
        let frames = RefCell::new(Some(surface.on_frame()));
        let context = surface_webgpu::Context::new(&surface);
        let id = NEXT.replace(NEXT.get() + 1);
        let state = Rc::new(State { surface, context, frames, events, configured: RefCell::default() });
        WINDOWS.with(|windows| windows.borrow_mut().insert(id, state));
        Window { id }
    }

    /// Width and height in texels.
    pub fn size(&self) -> (u32, u32) {
        state(self.id).map_or((0, 0), |state| (state.surface.width(), state.surface.height()))
    }

    /// Blocks until the next frame is due. Returns the events since the last one; `None` when the host shows no more frames.
    pub fn next_frame(&self) -> Option<Vec<Event>> {
        let state = state(self.id)?;
        let mut frames = state.frames.take()?;
        executor::block_on(frames.next())?;
        state.frames.replace(Some(frames));
        Some(state.events.take())
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        let state = WINDOWS.with(|windows| windows.borrow_mut().remove(&self.id));
        drop(state);
    }
}

/// Collects the events of a stream.
fn listen<T: 'static>(
    mut stream: StreamReader<T>,
    events: &Rc<RefCell<Vec<Event>>>,
    event: impl Fn(T) -> Event + 'static,
) {
    let events = Rc::clone(events);
    executor::spawn(async move {
        while let Some(next) = stream.next().await {
            let mut events = events.borrow_mut();
            if events.len() < MAX_EVENTS {
                events.push(event(next));
            }
        }
    });
}

impl HasWindowHandle for Window {
    #[expect(unsafe_code, reason = "the handle is a number; nothing is borrowed")]
    fn window_handle(&self) -> Result<WindowHandle<'_>, HandleError> {
        let handle = RawWindowHandle::Web(WebWindowHandle::new(self.id));
        // SAFETY: a web handle is a number.
        Ok(unsafe { WindowHandle::borrow_raw(handle) })
    }
}

impl HasDisplayHandle for Window {
    fn display_handle(&self) -> Result<DisplayHandle<'_>, HandleError> {
        Ok(DisplayHandle::web())
    }
}

/// `wgpu::Surface` of a [`Window`].
pub struct Surface(Rc<State>);

impl fmt::Debug for Surface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Surface({} x {})", self.0.surface.width(), self.0.surface.height())
    }
}

/// The surface of a target; `None` for one that is not a [`Window`].
pub fn surface(target: &wgpu::SurfaceTargetUnsafe) -> Option<DispatchSurface> {
    let wgpu::SurfaceTargetUnsafe::RawHandle { raw_window_handle: RawWindowHandle::Web(handle), .. } = target else {
        return None;
    };
    state(handle.id).map(|state| DispatchSurface::custom(Surface(state)))
}

impl Surface {
    fn set(&self, device: &Arc<Shared>, config: &wgpu::SurfaceConfiguration) -> Result<(), Absent> {
        let State { surface, context, configured, .. } = &*self.0;
        let alpha_mode = match config.alpha_mode {
            wgpu::CompositeAlphaMode::Auto | wgpu::CompositeAlphaMode::Opaque => gpu::GpuCanvasAlphaMode::Opaque,
            wgpu::CompositeAlphaMode::PreMultiplied => gpu::GpuCanvasAlphaMode::Premultiplied,
            _ => return Err(Absent::Other("a surface is opaque or has premultiplied alpha")),
        };
        let view_formats: Result<Vec<_>, _> = config.view_formats.iter().copied().map(texture_format).collect();
        let configuration = surface_webgpu::ContextConfiguration {
            device: &device.gpu,
            format: texture_format(config.format)?,
            usage: Some(texture::usage(config.usage)?),
            view_formats: Some(view_formats?),
            color_space: None,
            tone_mapping: None,
            alpha_mode: Some(alpha_mode),
        };
        if (surface.width(), surface.height()) != (config.width, config.height) {
            surface.request_set_size(Some(config.height), Some(config.width));
        }
        context.configure(&configuration);
        configured.replace(Some((Arc::clone(device), config.width, config.height)));
        Ok(())
    }
}

impl SurfaceInterface for Surface {
    fn get_capabilities(&self, _: &DispatchAdapter) -> wgpu::SurfaceCapabilities {
        let format_capabilities = FORMATS
            .map(|format| wgpu::SurfaceFormatCapabilities { format, color_spaces: wgpu::SurfaceColorSpaces::SRGB });
        wgpu::SurfaceCapabilities {
            formats: FORMATS.to_vec(),
            format_capabilities: format_capabilities.to_vec(),
            // The host decides the pace.
            present_modes: vec![wgpu::PresentMode::Fifo],
            alpha_modes: vec![wgpu::CompositeAlphaMode::Opaque, wgpu::CompositeAlphaMode::PreMultiplied],
            usages: wgpu::TextureUsages::RENDER_ATTACHMENT
                | wgpu::TextureUsages::COPY_SRC
                | wgpu::TextureUsages::COPY_DST
                | wgpu::TextureUsages::TEXTURE_BINDING,
        }
    }

    fn configure(&self, device: &DispatchDevice, config: &wgpu::SurfaceConfiguration) {
        let Some(Device(device)) = device.as_custom::<Device>() else { return };
        if let Err(absent) = self.set(device, config) {
            self.0.configured.take();
            device.report("Surface::configure", None, &absent);
        }
    }

    fn get_current_texture(&self) -> (Option<DispatchTexture>, wgpu::SurfaceStatus, DispatchSurfaceOutputDetail) {
        let State { surface, context, configured, .. } = &*self.0;
        let detail = DispatchSurfaceOutputDetail::custom(Frame(Rc::clone(&self.0)));
        match &*configured.borrow() {
            None => (None, wgpu::SurfaceStatus::Lost, detail),
            Some((_, width, height)) if (surface.width(), surface.height()) != (*width, *height) => {
                (None, wgpu::SurfaceStatus::Outdated, detail)
            }
            Some((device, ..)) => {
                let texture = Texture::of_host(context.get_current_texture(), device);
                (Some(DispatchTexture::custom(texture)), wgpu::SurfaceStatus::Good, detail)
            }
        }
    }
}

/// A frame of a surface. One that is dropped without being presented is the next one again.
pub struct Frame(Rc<State>);

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Frame")
    }
}

impl Frame {
    /// `Queue::present`.
    pub fn present(&self) {
        self.0.context.present();
    }
}

impl SurfaceOutputDetailInterface for Frame {
    fn texture_discard(&self) {}

    fn texture_release(&self) {}
}
