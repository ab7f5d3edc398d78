//! `gpu-error` and `gpu-uncaptured-error-event`.

use airlock_protocol::commands::error::ErrorFilter;
use wasmtime::component::Resource;

use super::{
    bindings::webgpu::{self, *},
    functions::called,
};
use crate::WasiWebGpuCtxView;

impl webgpu::HostGpuError for WasiWebGpuCtxView<'_> {
    fn message(&mut self, error: Resource<GpuError>) -> wasmtime::Result<String> {
        called!(self, "gpu-error.message");
        Ok(self.table.get(&error)?.0.message.clone())
    }

    fn kind(&mut self, error: Resource<GpuError>) -> wasmtime::Result<GpuErrorKind> {
        called!(self, "gpu-error.kind");
        Ok(match self.table.get(&error)?.0.kind {
            ErrorFilter::Validation => GpuErrorKind::ValidationError,
            ErrorFilter::OutOfMemory => GpuErrorKind::OutOfMemoryError,
            ErrorFilter::Internal => GpuErrorKind::InternalError,
        })
    }

    fn drop(&mut self, error: Resource<GpuError>) -> wasmtime::Result<()> {
        self.table.delete(error)?;
        Ok(())
    }
}

impl webgpu::HostGpuUncapturedErrorEvent for WasiWebGpuCtxView<'_> {
    fn error(&mut self, event: Resource<GpuUncapturedErrorEvent>) -> wasmtime::Result<Resource<GpuError>> {
        called!(self, "gpu-uncaptured-error-event.error");
        let error = self.table.get(&event)?.0.clone();
        Ok(self.table.push(error)?)
    }

    fn drop(&mut self, event: Resource<GpuUncapturedErrorEvent>) -> wasmtime::Result<()> {
        self.table.delete(event)?;
        Ok(())
    }
}
