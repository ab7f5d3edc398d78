//! `GPUQuerySet`.

use airlock_protocol::commands::{buffer::BufferUsage, command_encoder::ResolveQuerySet, query_set::*};

use crate::{
    contents::Effect,
    model::{Model, QuerySet, Verdict},
};

impl Model {
    pub fn create_query_set(&mut self, c: &CreateQuerySet<'_>) -> Verdict {
        let valid = c.count <= 4096;
        self.query_sets.insert(c.query_set.0, QuerySet { valid, count: c.count, destroyed: false });
        Some(!valid)
    }

    pub fn destroy_query_set(&mut self, c: &DestroyQuerySet) -> Verdict {
        self.query_sets.get_mut(&c.query_set.0)?.destroyed = true;
        Some(false)
    }

    pub fn resolve_query_set(&mut self, c: &ResolveQuerySet) -> Verdict {
        let (set, buffer) = (self.query_sets.get(&c.query_set.0)?, self.buffers.get(&c.destination.0)?);
        let bytes = u64::from(c.query_count) * 8;
        let valid = set.valid
            && buffer.valid
            && buffer.usage.contains(BufferUsage::QUERY_RESOLVE)
            && c.first_query < set.count
            && c.first_query.checked_add(c.query_count).is_some_and(|end| end <= set.count)
            && c.destination_offset.is_multiple_of(256)
            && c.destination_offset.checked_add(bytes).is_some_and(|end| end <= buffer.size);
        self.record(c.encoder.0, valid, |used| {
            used.query_sets.insert(c.query_set.0);
            used.buffers.insert(c.destination.0);
            used.effects.push(Effect::Unknown(c.destination.0));
        })
    }
}
