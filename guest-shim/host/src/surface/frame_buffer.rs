//! `frame-buffer` and `surface-frame-buffer`: frames that the guest has computed itself. The GPU has no part in it.

use std::sync::Arc;

use wasmtime::component::Resource;

use super::{
    bindings::wasi_gfx::{
        frame_buffer::frame_buffer,
        surface::surface_frame_buffer::{Host, HostContext},
    },
    ctx::WasiSurfaceCtxView,
    resources::{BufferContext, FrameBuffer, Surface},
};

impl frame_buffer::Host for WasiSurfaceCtxView<'_> {}

impl frame_buffer::HostBuffer for WasiSurfaceCtxView<'_> {
    fn get_with_copy(&mut self, buffer: Resource<FrameBuffer>) -> wasmtime::Result<Vec<u8>> {
        Ok(self.table.get(&buffer)?.0.texels())
    }

    fn set_with_copy(&mut self, buffer: Resource<FrameBuffer>, val: Vec<u8>) -> wasmtime::Result<()> {
        self.table.get(&buffer)?.0.set_texels(&val);
        Ok(())
    }

    fn drop(&mut self, buffer: Resource<FrameBuffer>) -> wasmtime::Result<()> {
        self.table.delete(buffer)?;
        Ok(())
    }
}

impl Host for WasiSurfaceCtxView<'_> {}

impl HostContext for WasiSurfaceCtxView<'_> {
    fn new(&mut self, surface: Resource<Surface>) -> wasmtime::Result<Resource<BufferContext>> {
        let surface = Arc::clone(&self.table.get(&surface)?.0);
        Ok(self.table.push(BufferContext(surface))?)
    }

    fn get_current_buffer(&mut self, context: Resource<BufferContext>) -> wasmtime::Result<Resource<FrameBuffer>> {
        self.surfaces.display.live()?;
        let buffer = FrameBuffer(Arc::clone(&self.table.get(&context)?.0));
        Ok(self.table.push(buffer)?)
    }

    fn present(&mut self, context: Resource<BufferContext>) -> wasmtime::Result<()> {
        self.surfaces.display.live()?;
        self.surfaces.present_bytes(&self.table.get(&context)?.0);
        Ok(())
    }

    fn drop(&mut self, context: Resource<BufferContext>) -> wasmtime::Result<()> {
        self.table.delete(context)?;
        Ok(())
    }
}
