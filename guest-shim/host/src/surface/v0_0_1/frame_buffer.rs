//! `frame-buffer`.

use airlock_client::object::DeviceObject as _;
use wasmtime::component::Resource;

use super::{
    bindings::wasi::frame_buffer::frame_buffer::{Host, HostBuffer, HostDevice},
    resources::{AbstractBuffer, Context, FrameBufferDevice},
};
use crate::surface::{
    bindings::wasi_gfx::frame_buffer::frame_buffer as later, ctx::WasiSurfaceCtxView, resources::FrameBuffer,
};

impl Host for WasiSurfaceCtxView<'_> {}

impl HostDevice for WasiSurfaceCtxView<'_> {
    fn new(&mut self) -> wasmtime::Result<Resource<FrameBufferDevice>> {
        Ok(self.table.push(FrameBufferDevice)?)
    }

    fn connect_graphics_context(
        &mut self,
        device: Resource<FrameBufferDevice>,
        context: Resource<Context>,
    ) -> wasmtime::Result<()> {
        self.table.get(&device)?;
        self.table.get_mut(&context)?.connect_frame_buffer(&mut self.gpu.client);
        Ok(())
    }

    fn drop(&mut self, device: Resource<FrameBufferDevice>) -> wasmtime::Result<()> {
        self.table.delete(device)?;
        Ok(())
    }
}

impl HostBuffer for WasiSurfaceCtxView<'_> {
    fn from_graphics_buffer(&mut self, buffer: Resource<AbstractBuffer>) -> wasmtime::Result<Resource<FrameBuffer>> {
        // Without bytes there is no buffer, and the interface has no error for it.
        let message = match self.table.delete(buffer)? {
            AbstractBuffer::Bytes(state) => return Ok(self.table.push(FrameBuffer(state))?),
            AbstractBuffer::Texture(texture) => {
                texture.release(&mut self.gpu.client);
                "from-graphics-buffer: the context is connected with a device of wasi:webgpu, not of wasi:frame-buffer"
            }
            AbstractBuffer::Nothing => "from-graphics-buffer: the context is not connected with a surface and a device",
        };
        Err(wasmtime::Error::msg(message))
    }

    fn get(&mut self, buffer: Resource<FrameBuffer>) -> wasmtime::Result<Vec<u8>> {
        later::HostBuffer::get_with_copy(self, buffer)
    }

    fn set(&mut self, buffer: Resource<FrameBuffer>, val: Vec<u8>) -> wasmtime::Result<()> {
        later::HostBuffer::set_with_copy(self, buffer, val)
    }

    fn drop(&mut self, buffer: Resource<FrameBuffer>) -> wasmtime::Result<()> {
        later::HostBuffer::drop(self, buffer)
    }
}
