//! The two `record-*` resources: WebIDL records, which WIT lacks. Keys keep the order in which they were added.

use airlock_protocol::limits::{MAX_LABEL, MAX_LIST};
use wasmtime::component::Resource;

use super::{
    bindings::webgpu::{self, *},
    functions::called,
    resources,
};
use crate::WasiWebGpuCtxView;

macro_rules! record {
    ($Host:ident, $Resource:ident, $Shadow:ident, $Value:ty, $name:literal) => {
        impl webgpu::$Host for WasiWebGpuCtxView<'_> {
            fn new(&mut self) -> wasmtime::Result<Resource<$Resource>> {
                called!(self, concat!($name, ".constructor"));
                Ok(self.table.push(resources::$Shadow::default())?)
            }

            fn add(&mut self, record: Resource<$Resource>, key: String, value: $Value) -> wasmtime::Result<()> {
                called!(self, concat!($name, ".add"));
                let record = &mut self.table.get_mut(&record)?.0;
                // No valid record has so many names, or such long ones: wgpu rejects the pipeline or the device anyway.
                if key.len() <= MAX_LABEL && (record.len() < MAX_LIST || record.contains_key(&key)) {
                    record.insert(key, value);
                }
                Ok(())
            }

            fn get(&mut self, record: Resource<$Resource>, key: String) -> wasmtime::Result<Option<$Value>> {
                called!(self, concat!($name, ".get"));
                Ok(self.table.get(&record)?.0.get(&key).copied())
            }

            fn has(&mut self, record: Resource<$Resource>, key: String) -> wasmtime::Result<bool> {
                called!(self, concat!($name, ".has"));
                Ok(self.table.get(&record)?.0.contains_key(&key))
            }

            fn remove(&mut self, record: Resource<$Resource>, key: String) -> wasmtime::Result<()> {
                called!(self, concat!($name, ".remove"));
                self.table.get_mut(&record)?.0.shift_remove(&key);
                Ok(())
            }

            fn keys(&mut self, record: Resource<$Resource>) -> wasmtime::Result<Vec<String>> {
                called!(self, concat!($name, ".keys"));
                Ok(self.table.get(&record)?.0.keys().cloned().collect())
            }

            fn values(&mut self, record: Resource<$Resource>) -> wasmtime::Result<Vec<$Value>> {
                called!(self, concat!($name, ".values"));
                Ok(self.table.get(&record)?.0.values().copied().collect())
            }

            fn entries(&mut self, record: Resource<$Resource>) -> wasmtime::Result<Vec<(String, $Value)>> {
                called!(self, concat!($name, ".entries"));
                Ok(self.table.get(&record)?.0.iter().map(|(key, value)| (key.clone(), *value)).collect())
            }

            fn drop(&mut self, record: Resource<$Resource>) -> wasmtime::Result<()> {
                self.table.delete(record)?;
                Ok(())
            }
        }
    };
}

record!(
    HostRecordGpuPipelineConstantValue,
    RecordGpuPipelineConstantValue,
    Constants,
    GpuPipelineConstantValue,
    "record-gpu-pipeline-constant-value"
);

record!(HostRecordOptionGpuSize64, RecordOptionGpuSize64, OptionalSizes, Option<GpuSize64>, "record-option-gpu-size64");
