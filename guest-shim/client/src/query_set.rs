//! `GPUQuerySet`.

use airlock_protocol::commands::{
    adapter::FeatureName,
    query_set::{CreateQuerySet, DestroyQuerySet, QueryType},
};

use crate::{
    client::Client,
    device::Device,
    object::{Base, objects},
};

objects! {
    /// `GPUQuerySet`.
    QuerySet: QuerySetId { ty: QueryType, count: u32, }
}

/// `TypeError`: the device lacks the feature for queries of this type (WebGPU, createQuerySet).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("timestamp queries need the feature timestamp-query, which the device was not asked for")]
pub struct CreateQuerySetError;

impl Device {
    /// `GPUDevice.createQuerySet` of `count` queries.
    pub fn create_query_set(
        &self,
        client: &mut Client,
        label: Option<String>,
        ty: QueryType,
        count: u32,
    ) -> Result<QuerySet, CreateQuerySetError> {
        let device = &self.state;
        // The only exception that WebGPU throws here.
        if ty == QueryType::Timestamp && !device.capabilities.features.contains(&FeatureName::TimestampQuery) {
            return Err(CreateQuerySetError);
        }
        let base = Base::new(client, device, label);
        base.encode(client, |query_set| CreateQuerySet { device: device.id, query_set, label: &base.label, ty, count });
        Ok(QuerySet { base, ty, count })
    }
}

impl QuerySet {
    /// `GPUQuerySet.destroy`.
    pub fn destroy(&self, client: &mut Client) {
        self.base.encode(client, |query_set| DestroyQuerySet { query_set });
    }

    /// `GPUQuerySet.type`.
    pub fn ty(&self) -> QueryType {
        self.ty
    }

    /// `GPUQuerySet.count`.
    pub fn count(&self) -> u32 {
        self.count
    }
}
