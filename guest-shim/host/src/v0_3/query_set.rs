//! `gpu-query-set`.

use std::sync::Arc;

use airlock_client::session::DeviceState;
use airlock_protocol::commands::{
    adapter::FeatureName,
    query_set::{CreateQuerySet, DestroyQuerySet, QueryType},
};
use wasmtime::component::Resource;

use super::{
    convert::{FromWire, ToWire},
    object_functions,
};
use crate::{
    WasiWebGpuCtxView, shadow,
    v0_3::bindings::webgpu::{self, *},
    v0_3::functions::called,
};

impl webgpu::HostGpuQuerySet for WasiWebGpuCtxView<'_> {
    fn destroy(&mut self, query_set: Resource<GpuQuerySet>) -> wasmtime::Result<()> {
        called!(self, "gpu-query-set.destroy");
        self.encode(&query_set, |query_set| DestroyQuerySet { query_set })
    }

    fn type_(&mut self, query_set: Resource<GpuQuerySet>) -> wasmtime::Result<GpuQueryType> {
        called!(self, "gpu-query-set.type");
        Ok(GpuQueryType::from_wire(self.table.get(&query_set)?.ty))
    }

    fn count(&mut self, query_set: Resource<GpuQuerySet>) -> wasmtime::Result<GpuSize32Out> {
        called!(self, "gpu-query-set.count");
        Ok(self.table.get(&query_set)?.count)
    }

    object_functions!(GpuQuerySet, "gpu-query-set.label", "gpu-query-set.set-label");
}

impl WasiWebGpuCtxView<'_> {
    pub(super) fn new_query_set(
        &mut self,
        device: &Arc<DeviceState>,
        descriptor: GpuQuerySetDescriptor,
    ) -> wasmtime::Result<Result<Resource<GpuQuerySet>, CreateQuerySetError>> {
        let GpuQuerySetDescriptor { type_, count, label } = descriptor;
        let ty = type_.to_wire();
        // The one thing for which WebGPU throws here (createQuerySet).
        if ty == QueryType::Timestamp && !device.capabilities.features.contains(&FeatureName::TimestampQuery) {
            return Ok(Err(CreateQuerySetError {
                kind: CreateQuerySetErrorKind::TypeError,
                message: "timestamp queries need the feature timestamp-query, which the device was not asked for"
                    .to_owned(),
            }));
        }
        let base = self.create(device, label);
        if let Some(query_set) = base.id {
            self.ctx.send(device, CreateQuerySet { device: device.id, query_set, label: &base.label, ty, count });
        }
        Ok(Ok(self.table.push(shadow::QuerySet { base, ty, count })?))
    }
}
