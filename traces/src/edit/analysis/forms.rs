//! The bytes of a readback that another processor or adapter rounds differently: texels that were drawn, and floats
//! that shaders stored. All other bytes (integers, the guest's own data) are the same everywhere.

use std::{
    collections::HashMap,
    ops::Range,
    sync::{Arc, Weak},
};

use super::{
    form::{Form, Formed},
    operations::{Made, Operation},
    ranges::RangeMap,
    resources::{Resource, Shape, Span, Write},
};

/// Distinct forms of one session. A run that copies pictures to ever new places has more: those are [`Form::Unknown`].
const MAX_FORMS: usize = 64 << 10;

/// Follows the operations of one session.
#[derive(Clone, Debug, Default)]
pub(super) struct Forms {
    /// By the serial number of the resource.
    known: HashMap<u64, (Weak<Resource>, RangeMap<u32>)>,
    /// Number of entries at which dead ones are swept.
    tidy_at: usize,
    forms: Vec<Form>,
    numbers: HashMap<Form, u32>,
}

impl Forms {
    /// The forms in a part of a buffer; ranges in order, without overlap.
    pub fn of(&self, buffer: &Resource, offset: u64, size: u64) -> Vec<Formed> {
        let parts = self.parts(buffer, offset..offset.saturating_add(size)).into_iter();
        let formed = |(range, form): (Range<u64>, Form)| Formed {
            range: range.start - offset..range.end - offset,
            form: form.moved(offset, 0).unwrap_or(Form::Unknown),
        };
        parts.map(formed).collect()
    }

    fn parts(&self, resource: &Resource, range: Range<u64>) -> Vec<(Range<u64>, Form)> {
        let Some((_, map)) = self.known.get(&resource.name.serial) else { return Vec::new() };
        let form = |number: u32| self.forms.get(number as usize).cloned().unwrap_or(Form::Unknown);
        map.over(range).map(|(part, number)| (part, form(number))).collect()
    }

    fn has_any(&self, span: &Span) -> bool {
        let known = self.known.get(&span.resource.name.serial);
        known.is_some_and(|(_, map)| map.over(span.range.clone()).next().is_some())
    }

    fn set(&mut self, span: &Span, form: Form) {
        if self.known.len() >= self.tidy_at.max(64) {
            self.known.retain(|_, (resource, map)| resource.strong_count() > 0 && !map.is_empty());
            self.tidy_at = self.known.len() * 2;
        }
        let form = if self.numbers.len() < MAX_FORMS { form } else { Form::Unknown };
        let next = u32::try_from(self.forms.len()).unwrap_or(u32::MAX);
        let number = *self.numbers.entry(form.clone()).or_insert(next);
        if number == next {
            self.forms.push(form);
        }
        let fresh = || (Arc::downgrade(&span.resource), RangeMap::default());
        let (_, map) = self.known.entry(span.resource.name.serial).or_insert_with(fresh);
        map.set(span.range.clone(), number);
    }

    fn clear(&mut self, write: &Write) {
        if write.whole
            && let Some((_, map)) = self.known.get_mut(&write.span.resource.name.serial)
        {
            map.clear(write.span.range.clone());
        }
    }

    /// Processes an operation of the queue.
    pub fn execute(&mut self, operation: &Operation) {
        match operation {
            Operation::Copy { from, to } => {
                let (source, target) = (from.range.start, to.span.range.start);
                let parts = self.parts(&from.resource, from.range.clone());
                self.clear(to);
                for (part, form) in parts {
                    let start = (part.start - source).saturating_add(target);
                    let end = (part.end - source).saturating_add(target).min(to.span.range.end);
                    let span = Span { resource: Arc::clone(&to.span.resource), range: start..end };
                    self.set(&span, form.moved(source, target).unwrap_or(Form::Unknown));
                }
            }
            // Counts and times are integers.
            Operation::Resolve { to, .. } => self.clear(to),
            Operation::Work { reads, writes, made } => self.work(reads, writes, made),
        }
    }

    fn work(&mut self, reads: &[Span], writes: &[Write], made: &Made) {
        match made {
            Made::Moved => {
                let computed = reads.iter().any(|span| self.has_any(span));
                writes.iter().for_each(|write| match computed {
                    true => self.set(&write.span, Form::Computed),
                    false => self.clear(write),
                });
            }
            Made::Texels(texels) => {
                let computed = reads.iter().any(|span| self.has_any(span));
                let form = texels.as_ref().map_or(Form::Unknown, |texels| Form::Texels(Arc::clone(texels)));
                writes.iter().for_each(|write| match computed {
                    true => self.set(&write.span, form.clone()),
                    false => self.clear(write),
                });
            }
            Made::Pass(stored) => {
                let textures = writes.iter().filter(|write| matches!(write.span.resource.shape, Shape::Texture { .. }));
                for write in textures {
                    self.set(&write.span, Form::Computed);
                }
                for stored in stored {
                    self.set(&stored.span, stored.form.clone());
                }
            }
        }
    }
}
