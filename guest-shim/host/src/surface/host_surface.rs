//! `surface`: its size, and its streams.

use std::{marker::PhantomData, sync::Arc};

use wasmtime::component::{Access, Resource, StreamReader};

use super::{
    bindings::wasi_gfx::surface::surface::{
        CreateDesc, FrameEvent, Host, HostSurface, HostSurfaceWithStore, KeyEvent, PointerEvent, ResizeEvent,
    },
    ctx::{WasiSurface, WasiSurfaceCtxView},
    display::MAX_SURFACES,
    events::Kind,
    frames::FrameProducer,
    resources::Surface,
    state::State,
    streams::{EventProducer, FromEvent},
};

impl Host for WasiSurfaceCtxView<'_> {}

impl HostSurface for WasiSurfaceCtxView<'_> {
    fn new(&mut self, desc: CreateDesc) -> wasmtime::Result<Resource<Surface>> {
        let surface = self.open_surface(&desc)?;
        Ok(self.table.push(Surface(surface))?)
    }

    fn height(&mut self, surface: Resource<Surface>) -> wasmtime::Result<u32> {
        Ok(self.table.get(&surface)?.0.size().1)
    }

    fn width(&mut self, surface: Resource<Surface>) -> wasmtime::Result<u32> {
        Ok(self.table.get(&surface)?.0.size().0)
    }

    fn request_set_size(
        &mut self,
        surface: Resource<Surface>,
        height: Option<u32>,
        width: Option<u32>,
    ) -> wasmtime::Result<()> {
        self.surfaces.display.request_size(&self.table.get(&surface)?.0, (width, height));
        Ok(())
    }

    fn drop(&mut self, surface: Resource<Surface>) -> wasmtime::Result<()> {
        let Surface(state) = self.table.delete(surface)?;
        self.surfaces.display.close(&state);
        Ok(())
    }
}

impl WasiSurfaceCtxView<'_> {
    /// Opens a surface.
    pub(super) fn open_surface(&mut self, desc: &CreateDesc) -> wasmtime::Result<Arc<State>> {
        let surface = self.surfaces.display.open((desc.width, desc.height));
        surface.ok_or_else(|| wasmtime::Error::msg(format!("more than {MAX_SURFACES} surfaces")))
    }
}

/// A stream of one kind of event.
fn stream<T: Send + 'static, E: FromEvent>(
    mut access: Access<'_, T, WasiSurface>,
    surface: &Resource<Surface>,
    kind: Kind,
) -> wasmtime::Result<StreamReader<E>> {
    let view = access.get();
    let (surface, display) = (Arc::clone(&view.table.get(surface)?.0), view.surfaces.display.clone());
    let stream = surface.open_stream(kind);
    let stream = stream.ok_or_else(|| wasmtime::Error::msg("too many streams of one surface"))?;
    StreamReader::new(access, EventProducer { display, surface, stream, of: PhantomData })
}

impl<T: Send + 'static> HostSurfaceWithStore<T> for WasiSurface {
    fn on_resize(
        access: Access<'_, T, Self>,
        surface: Resource<Surface>,
    ) -> wasmtime::Result<StreamReader<ResizeEvent>> {
        stream(access, &surface, Kind::Resize)
    }

    fn on_frame(
        mut access: Access<'_, T, Self>,
        surface: Resource<Surface>,
    ) -> wasmtime::Result<StreamReader<FrameEvent>> {
        let surface = Arc::clone(&access.get().table.get(&surface)?.0);
        let view = access.getter();
        StreamReader::new(access, FrameProducer::new(surface, view))
    }

    fn on_pointer_up(
        access: Access<'_, T, Self>,
        surface: Resource<Surface>,
    ) -> wasmtime::Result<StreamReader<PointerEvent>> {
        stream(access, &surface, Kind::PointerUp)
    }

    fn on_pointer_down(
        access: Access<'_, T, Self>,
        surface: Resource<Surface>,
    ) -> wasmtime::Result<StreamReader<PointerEvent>> {
        stream(access, &surface, Kind::PointerDown)
    }

    fn on_pointer_move(
        access: Access<'_, T, Self>,
        surface: Resource<Surface>,
    ) -> wasmtime::Result<StreamReader<PointerEvent>> {
        stream(access, &surface, Kind::PointerMove)
    }

    fn on_key_up(access: Access<'_, T, Self>, surface: Resource<Surface>) -> wasmtime::Result<StreamReader<KeyEvent>> {
        stream(access, &surface, Kind::KeyUp)
    }

    fn on_key_down(
        access: Access<'_, T, Self>,
        surface: Resource<Surface>,
    ) -> wasmtime::Result<StreamReader<KeyEvent>> {
        stream(access, &surface, Kind::KeyDown)
    }
}
