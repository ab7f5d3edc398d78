//! `gpu-query-set`.

use airlock_client::{device::Device, object::DeviceObject as _};
use wasmtime::component::Resource;

use super::{
    bindings::webgpu::{self, *},
    convert::{FromWire, ToWire},
    functions::called,
    object_functions,
};
use crate::WasiWebGpuCtxView;

impl webgpu::HostGpuQuerySet for WasiWebGpuCtxView<'_> {
    fn destroy(&mut self, query_set: Resource<GpuQuerySet>) -> wasmtime::Result<()> {
        called!(self, "gpu-query-set.destroy");
        self.table.get(&query_set)?.destroy(&mut self.ctx.client);
        Ok(())
    }

    fn type_(&mut self, query_set: Resource<GpuQuerySet>) -> wasmtime::Result<GpuQueryType> {
        called!(self, "gpu-query-set.type");
        Ok(GpuQueryType::from_wire(self.table.get(&query_set)?.ty()))
    }

    fn count(&mut self, query_set: Resource<GpuQuerySet>) -> wasmtime::Result<GpuSize32Out> {
        called!(self, "gpu-query-set.count");
        Ok(self.table.get(&query_set)?.count())
    }

    object_functions!(GpuQuerySet, "gpu-query-set.label", "gpu-query-set.set-label");
}

impl WasiWebGpuCtxView<'_> {
    pub(super) fn new_query_set(
        &mut self,
        device: &Resource<Device>,
        descriptor: GpuQuerySetDescriptor,
    ) -> wasmtime::Result<Result<Resource<GpuQuerySet>, CreateQuerySetError>> {
        let GpuQuerySetDescriptor { type_, count, label } = descriptor;
        let device = self.table.get(device)?;
        Ok(match device.create_query_set(&mut self.ctx.client, label, type_.to_wire(), count) {
            Ok(query_set) => Ok(self.table.push(query_set)?),
            Err(error) => {
                Err(CreateQuerySetError { kind: CreateQuerySetErrorKind::TypeError, message: error.to_string() })
            }
        })
    }
}
