//! `GPUQuerySet`.

use serde::{Deserialize, Serialize};

use crate::ids::{DeviceId, QuerySetId};

/// `GPUDevice.createQuerySet`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DestroyQuerySet {
    /// The set.
    pub query_set: QuerySetId,
}

/// `GPUQueryType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum QueryType {
    Occlusion,
    Timestamp,
}
