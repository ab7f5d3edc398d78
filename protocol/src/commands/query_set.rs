//! `GPUQuerySet`.

use airlock_protocol_derive::{command, wire};

use crate::ids::{DeviceId, QuerySetId};

/// `GPUDevice.createQuerySet`.
#[command(effect = Create, makes = query_set)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CreateQuerySet<'a> {
    /// The device.
    pub device: DeviceId,
    /// The new set.
    pub query_set: QuerySetId,
    /// Its label.
    pub label: &'a str,
    /// What its queries count.
    pub ty: QueryType,
    /// How many queries.
    pub count: u32,
}

/// `GPUQuerySet.destroy`.
#[command(effect = Destroy)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DestroyQuerySet {
    /// The set.
    pub query_set: QuerySetId,
}

/// `GPUQueryType`.
#[wire]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum QueryType {
    Occlusion,
    Timestamp,
}
