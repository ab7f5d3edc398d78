//! `surface`: its size, and its events.

use std::sync::Arc;

use wasmtime::component::Resource;
use wasmtime_wasi_io::{bindings::wasi::io::poll::Pollable, poll::subscribe};

use super::{
    bindings::wasi::surface::surface::{
        CreateDesc, FrameEvent, Host, HostSurface, KeyEvent, PointerEvent, ResizeEvent,
    },
    pollables::{EventPollable, FramePollable},
    resources::{Context, Surface},
};
use crate::surface::{ctx::WasiSurfaceCtxView, events::Kind, streams::FromEvent};

impl Host for WasiSurfaceCtxView<'_> {}

impl WasiSurfaceCtxView<'_> {
    fn subscribe(&mut self, surface: &Resource<Surface>, kind: Kind) -> wasmtime::Result<Resource<Pollable>> {
        let surface = self.table.get_mut(surface)?;
        let stream = surface.subscribe(kind);
        let stream = stream.ok_or_else(|| wasmtime::Error::msg("too many streams of one surface"))?;
        let state = Arc::clone(&surface.shown.state);
        let pollable = self.table.push(EventPollable { state, stream })?;
        subscribe(self.table, pollable)
    }

    /// The oldest unread event.
    fn event<E: FromEvent>(&mut self, surface: &Resource<Surface>, kind: Kind) -> wasmtime::Result<Option<E>> {
        let surface = self.table.get(surface)?;
        let unread = surface.subscribed(kind).and_then(|stream| surface.shown.state.next_event(stream));
        let Some((number, event)) = unread else {
            self.surfaces.display.live()?;
            return Ok(None);
        };
        self.surfaces.display.took(number);
        Ok(E::from_event(event))
    }
}

/// The two functions of each kind of event.
macro_rules! events {
    ($($subscribe:ident, $get:ident: $Event:ident, $Kind:ident;)*) => {
        $(
            fn $subscribe(&mut self, surface: Resource<Surface>) -> wasmtime::Result<Resource<Pollable>> {
                self.subscribe(&surface, Kind::$Kind)
            }

            fn $get(&mut self, surface: Resource<Surface>) -> wasmtime::Result<Option<$Event>> {
                self.event(&surface, Kind::$Kind)
            }
        )*
    };
}

impl HostSurface for WasiSurfaceCtxView<'_> {
    fn new(&mut self, desc: CreateDesc) -> wasmtime::Result<Resource<Surface>> {
        let state = self.open_surface(&desc)?;
        Ok(self.table.push(Surface::new(state))?)
    }

    fn connect_graphics_context(
        &mut self,
        surface: Resource<Surface>,
        context: Resource<Context>,
    ) -> wasmtime::Result<()> {
        let shown = self.table.get(&surface)?.shown.clone();
        self.table.get_mut(&context)?.surface = Some(shown);
        Ok(())
    }

    fn height(&mut self, surface: Resource<Surface>) -> wasmtime::Result<u32> {
        Ok(self.table.get(&surface)?.shown.state.size().1)
    }

    fn width(&mut self, surface: Resource<Surface>) -> wasmtime::Result<u32> {
        Ok(self.table.get(&surface)?.shown.state.size().0)
    }

    fn request_set_size(
        &mut self,
        surface: Resource<Surface>,
        height: Option<u32>,
        width: Option<u32>,
    ) -> wasmtime::Result<()> {
        let state = &self.table.get(&surface)?.shown.state;
        self.surfaces.display.request_size(state, (width, height));
        Ok(())
    }

    fn subscribe_frame(&mut self, surface: Resource<Surface>) -> wasmtime::Result<Resource<Pollable>> {
        let shown = self.table.get(&surface)?.shown.clone();
        let pollable = self.table.push(FramePollable::new(self.surfaces.display.clone(), shown))?;
        subscribe(self.table, pollable)
    }

    fn get_frame(&mut self, surface: Resource<Surface>) -> wasmtime::Result<Option<FrameEvent>> {
        self.surfaces.display.live()?;
        let announced = std::mem::take(&mut self.table.get(&surface)?.shown.beat().announced);
        Ok(announced.then_some(FrameEvent { nothing: true }))
    }

    events! {
        subscribe_resize, get_resize: ResizeEvent, Resize;
        subscribe_pointer_up, get_pointer_up: PointerEvent, PointerUp;
        subscribe_pointer_down, get_pointer_down: PointerEvent, PointerDown;
        subscribe_pointer_move, get_pointer_move: PointerEvent, PointerMove;
        subscribe_key_up, get_key_up: KeyEvent, KeyUp;
        subscribe_key_down, get_key_down: KeyEvent, KeyDown;
    }

    fn drop(&mut self, surface: Resource<Surface>) -> wasmtime::Result<()> {
        let surface = self.table.delete(surface)?;
        self.surfaces.display.close(&surface.shown.state);
        Ok(())
    }
}
