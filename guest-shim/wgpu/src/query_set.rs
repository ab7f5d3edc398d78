//! Query sets.

use std::sync::Arc;

use wgpu::custom::QuerySetInterface;

use crate::bindings::webgpu as gpu;
use crate::device::{Shared, label};
use crate::error::Absent;

/// `wgpu::QuerySet` of this backend; without a handle if the interface rejected the descriptor.
#[derive(Debug)]
pub struct QuerySet(Option<gpu::GpuQuerySet>);

impl QuerySet {
    /// The handle; an error for a set without one.
    pub fn gpu(&self) -> Result<&gpu::GpuQuerySet, Absent> {
        self.0.as_ref().ok_or(Absent::Other("QuerySet is invalid"))
    }
}

pub fn create(device: &Arc<Shared>, desc: &wgpu::QuerySetDescriptor<'_>) -> QuerySet {
    let kind = match desc.ty {
        wgpu::QueryType::Occlusion => gpu::GpuQueryType::Occlusion,
        wgpu::QueryType::Timestamp => gpu::GpuQueryType::Timestamp,
        wgpu::QueryType::PipelineStatistics(_) => {
            let absent = Absent::Features(wgpu::Features::PIPELINE_STATISTICS_QUERY);
            device.report("Device::create_query_set", desc.label, &absent);
            return QuerySet(None);
        }
    };
    let descriptor = gpu::GpuQuerySetDescriptor { type_: kind, count: desc.count, label: label(desc.label) };
    match device.gpu.create_query_set(&descriptor) {
        Ok(set) => QuerySet(Some(set)),
        // WebGPU throws an exception where wgpu has a validation error.
        Err(error) => {
            device.report("Device::create_query_set", desc.label, &error.message);
            QuerySet(None)
        }
    }
}

impl QuerySetInterface for QuerySet {
    fn destroy(&self) {
        if let Some(set) = &self.0 {
            set.destroy();
        }
    }
}
