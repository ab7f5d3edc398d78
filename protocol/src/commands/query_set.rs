//! `GPUQuerySet`.

use airlock_protocol_derive::{command, wire};

use crate::ids::{DeviceId, QuerySetId};

/// `GPUDevice.createQuerySet`.
#[command(effect = Create, makes = query_set)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CreateQuerySet<'a> {
    pub device: DeviceId,
    pub query_set: QuerySetId,
    pub label: &'a str,
    pub ty: QueryType,
    pub count: u32,
}

/// `GPUQuerySet.destroy`.
#[command(effect = Destroy)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DestroyQuerySet {
    pub query_set: QuerySetId,
}

/// `GPUQueryType`.
#[wire]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum QueryType {
    Occlusion,
    Timestamp,
}
