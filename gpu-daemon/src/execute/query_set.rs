//! `GPUQuerySet`.

use std::rc::Rc;

use airlock_protocol::commands::query_set::{CreateQuerySet, DestroyQuerySet, QueryType};
use wgpu_types as wgt;

use crate::{
    convert,
    gpu::{
        objects::{Object, QuerySet},
        violation::Outcome,
    },
    session::Session,
};

impl Session {
    pub(super) fn create_query_set(&mut self, c: CreateQuerySet<'_>) -> Outcome {
        const CALL: &str = "GPUDevice.createQuerySet";
        let device = Rc::clone(self.devices.get(c.device)?);
        self.query_sets.free(c.query_set)?;
        // A query takes at least the 8 bytes of its result.
        let charge = match self.query_sets.refusal() {
            Some(refusal) => Err(refusal),
            // Above the limit wgpu refuses it, with the error that WebGPU requires.
            None if c.count > wgt::QUERY_SET_MAX_QUERIES => self.reserve(0, false),
            None => self.reserve(u64::from(c.count).saturating_mul(8), false),
        };
        let descriptor = wgt::QuerySetDescriptor {
            label: convert::label(c.label),
            ty: match c.ty {
                QueryType::Occlusion => wgt::QueryType::Occlusion,
                QueryType::Timestamp => wgt::QueryType::Timestamp,
            },
            // wgpu refuses zero queries, which WebGPU allows. The set's own count keeps the extra query unusable.
            count: if charge.is_ok() { c.count.max(1) } else { 0 },
        };
        let made = device.global.device_create_query_set(device.id, &descriptor, None);
        let (id, charge) = match charge {
            Ok(charge) => {
                let charge = Some(charge).filter(|_| made.1.is_none());
                (device.created(CALL, c.label, made), charge)
            }
            Err(refusal) => {
                self.out_of_memory(&device, CALL, c.label, &refusal);
                (made.0, None)
            }
        };
        self.query_sets.insert(c.query_set, QuerySet { object: Object { id, device }, count: c.count, charge })
    }

    pub(super) fn destroy_query_set(&mut self, c: DestroyQuerySet) -> Outcome {
        let set = self.query_sets.get_mut(c.query_set)?;
        set.device.global.query_set_destroy(set.id);
        set.charge = None;
        Ok(())
    }
}
