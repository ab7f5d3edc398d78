//! `GPUQuerySet`.

use std::rc::Rc;

use airlock_protocol::commands::query_set::{CreateQuerySet, DestroyQuerySet, QueryType};
use wgpu_types as wgt;

use crate::{convert, objects::Object, session::Session, violation::Outcome};

impl Session {
    pub(super) fn create_query_set(&mut self, c: CreateQuerySet<'_>) -> Outcome {
        let device = Rc::clone(self.devices.get(c.device)?);
        self.query_sets.vacant(c.query_set)?;
        let descriptor = wgt::QuerySetDescriptor {
            label: convert::label(c.label),
            ty: match c.ty {
                QueryType::Occlusion => wgt::QueryType::Occlusion,
                QueryType::Timestamp => wgt::QueryType::Timestamp,
            },
            count: c.count,
        };
        let made = device.global.device_create_query_set(device.id, &descriptor, None);
        let id = device.created("GPUDevice.createQuerySet", c.label, made);
        self.query_sets.insert(c.query_set, Object { id, device })
    }

    pub(super) fn destroy_query_set(&mut self, c: DestroyQuerySet) -> Outcome {
        let set = self.query_sets.get(c.query_set)?;
        set.device.global.query_set_destroy(set.id);
        Ok(())
    }
}
