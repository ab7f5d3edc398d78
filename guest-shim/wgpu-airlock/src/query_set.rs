//! Query sets.

use std::sync::Arc;

use airlock_client::query_set as client;
use airlock_protocol::commands::query_set::QueryType;
use wgpu::custom::QuerySetInterface;

use crate::context::Object;
use crate::device::{Shared, label};
use crate::error::Absent;

/// `wgpu::QuerySet` of this backend; without a handle if the client rejected the descriptor.
#[derive(Debug)]
pub struct QuerySet {
    set: Option<Object<client::QuerySet>>,
    device: Arc<Shared>,
}

impl QuerySet {
    /// The handle; an error for a set without one.
    pub fn gpu(&self) -> Result<&client::QuerySet, Absent> {
        self.set.as_deref().ok_or(Absent::Other("QuerySet is invalid"))
    }
}

pub fn create(device: &Arc<Shared>, desc: &wgpu::QuerySetDescriptor<'_>) -> QuerySet {
    let ty = match desc.ty {
        wgpu::QueryType::Occlusion => QueryType::Occlusion,
        wgpu::QueryType::Timestamp => QueryType::Timestamp,
        wgpu::QueryType::PipelineStatistics(_) => {
            let absent = Absent::Features(wgpu::Features::PIPELINE_STATISTICS_QUERY);
            device.report("Device::create_query_set", desc.label, &absent);
            return QuerySet { set: None, device: device.clone() };
        }
    };
    let state = &mut *device.lock();
    let set = match device.gpu.create_query_set(&mut state.client, label(desc.label), ty, desc.count) {
        Ok(set) => Some(Object::new(set, &device.context)),
        // WebGPU throws an exception where wgpu has a validation error.
        Err(error) => {
            device.report_in(state, "Device::create_query_set", desc.label, &error);
            None
        }
    };
    QuerySet { set, device: device.clone() }
}

impl QuerySetInterface for QuerySet {
    fn destroy(&self) {
        if let Some(set) = &self.set {
            set.destroy(&mut self.device.lock().client);
        }
    }
}
