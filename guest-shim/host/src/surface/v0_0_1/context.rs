//! `graphics-context`.

use std::sync::Arc;

use airlock_client::object::DeviceObject as _;
use wasmtime::component::Resource;

use super::{
    bindings::wasi::graphics_context::graphics_context::{Host, HostAbstractBuffer, HostContext},
    resources::{AbstractBuffer, Context, Source},
};
use crate::surface::ctx::WasiSurfaceCtxView;

impl Host for WasiSurfaceCtxView<'_> {}

impl HostContext for WasiSurfaceCtxView<'_> {
    fn new(&mut self) -> wasmtime::Result<Resource<Context>> {
        Ok(self.table.push(Context::default())?)
    }

    fn get_current_buffer(&mut self, context: Resource<Context>) -> wasmtime::Result<Resource<AbstractBuffer>> {
        let display = &self.surfaces.display;
        display.live()?;
        let Context { surface, source } = self.table.get_mut(&context)?;
        let buffer = match (surface, source) {
            (Some(surface), Source::Gpu(canvas)) => {
                let size = surface.state.size();
                AbstractBuffer::Texture(canvas.current_texture(&mut self.gpu.client, size, || display.number()))
            }
            (Some(surface), Source::FrameBuffer) => AbstractBuffer::Bytes(Arc::clone(&surface.state)),
            (_, Source::Nothing) | (None, _) => AbstractBuffer::Nothing,
        };
        Ok(self.table.push(buffer)?)
    }

    fn present(&mut self, context: Resource<Context>) -> wasmtime::Result<()> {
        self.surfaces.display.live()?;
        let Context { surface, source } = self.table.get_mut(&context)?;
        let Some(surface) = surface else { return Ok(()) };
        match source {
            Source::Gpu(canvas) => self.surfaces.present(self.gpu, canvas),
            Source::FrameBuffer => self.surfaces.present_bytes(&surface.state),
            Source::Nothing => return Ok(()),
        }
        // A frame takes its beat, also from a guest that never calls `get-frame`.
        surface.beat().announced = false;
        Ok(())
    }

    fn drop(&mut self, context: Resource<Context>) -> wasmtime::Result<()> {
        self.table.delete(context)?.disconnect(&mut self.gpu.client);
        Ok(())
    }
}

impl HostAbstractBuffer for WasiSurfaceCtxView<'_> {
    fn drop(&mut self, buffer: Resource<AbstractBuffer>) -> wasmtime::Result<()> {
        if let AbstractBuffer::Texture(texture) = self.table.delete(buffer)? {
            texture.release(&mut self.gpu.client);
        }
        Ok(())
    }
}
