//! Slab: objects by the client's ids, which are dense, in a vector.

use std::marker::PhantomData;

use airlock_protocol::{ids::Id, limits::MAX_OBJECTS};

use crate::gpu::{refusal::Refusal, violation::Violation};

/// The live objects of one kind.
#[derive(Debug)]
pub struct Slab<I, T> {
    slots: Vec<Option<T>>,
    live: u32,
    max: u32,
    id: PhantomData<I>,
}

impl<I: Id, T> Slab<I, T> {
    /// Creates a slab of at most `max` objects.
    pub fn new(max: u32) -> Self {
        Self { slots: Vec::new(), live: 0, max, id: PhantomData }
    }

    /// True when the slab has `max` objects.
    pub fn is_full(&self) -> bool {
        self.live >= self.max
    }

    /// The refusal of a further object, if the slab is full.
    pub fn refusal(&self) -> Option<Refusal> {
        self.is_full().then_some(Refusal::Objects { kind: I::KIND, max: self.max })
    }

    /// Checks that a create command may use the id, and that the slab is not full. Call it before the object is created, so
    /// that a violation creates none.
    pub fn vacant(&self, id: I) -> Result<(), Violation> {
        self.free(id)?;
        self.refusal().map_or(Ok(()), |refusal| Err(Violation::Quota(refusal)))
    }

    /// Checks that a create command may use the id. For kinds with invalid objects, which are created in place of those
    /// above the bound.
    pub fn free(&self, id: I) -> Result<(), Violation> {
        let (kind, number) = (I::KIND, id.index());
        if number >= MAX_OBJECTS {
            return Err(Violation::TooMany { kind, id: number });
        }
        match self.slots.get(number as usize) {
            Some(Some(_)) => Err(Violation::Alive { kind, id: number }),
            Some(None) | None => Ok(()),
        }
    }

    /// Inserts an object into a vacant slot.
    pub fn insert(&mut self, id: I, object: T) -> Result<(), Violation> {
        self.free(id)?;
        let index = id.index() as usize;
        if index >= self.slots.len() {
            self.slots.resize_with(index + 1, || None);
        }
        if let Some(slot) = self.slots.get_mut(index) {
            *slot = Some(object);
            self.live = self.live.saturating_add(1);
        }
        Ok(())
    }

    /// Returns a live object.
    #[inline]
    pub fn get(&self, id: I) -> Result<&T, Violation> {
        match self.slots.get(id.index() as usize) {
            Some(Some(object)) => Ok(object),
            Some(None) | None => Err(Violation::Dead { kind: I::KIND, id: id.index() }),
        }
    }

    /// Returns a live object, mutable.
    #[inline]
    pub fn get_mut(&mut self, id: I) -> Result<&mut T, Violation> {
        match self.slots.get_mut(id.index() as usize) {
            Some(Some(object)) => Ok(object),
            Some(None) | None => Err(Violation::Dead { kind: I::KIND, id: id.index() }),
        }
    }

    /// Iterates over live objects.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.slots.iter().flatten()
    }

    /// Iterates over live objects, mutable.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.slots.iter_mut().flatten()
    }

    /// Removes a live object and frees its id.
    pub fn remove(&mut self, id: I) -> Result<T, Violation> {
        let slot = self.slots.get_mut(id.index() as usize).and_then(Option::take);
        let object = slot.ok_or(Violation::Dead { kind: I::KIND, id: id.index() })?;
        self.live = self.live.saturating_sub(1);
        Ok(object)
    }
}

#[cfg(test)]
mod tests {
    use airlock_protocol::ids::BufferId;

    use super::*;

    fn text<T: std::fmt::Debug>(result: Result<T, Violation>) -> String {
        result.map_or_else(|violation| violation.to_string(), |value| format!("{value:?}"))
    }

    #[test]
    fn an_id_lives_from_insert_to_remove() {
        let mut slab = Slab::new(MAX_OBJECTS);
        assert_eq!(text(slab.get(BufferId(2)).copied()), "Buffer 2 is not alive");
        assert_eq!(text(slab.insert(BufferId(2), 'a')), "()");
        assert_eq!(text(slab.get(BufferId(2)).copied()), "'a'");
        assert_eq!(text(slab.insert(BufferId(2), 'b')), "Buffer 2 is alive already");
        assert_eq!(text(slab.remove(BufferId(2))), "'a'");
        assert_eq!(text(slab.remove(BufferId(2))), "Buffer 2 is not alive");
        assert_eq!(text(slab.insert(BufferId(2), 'c')), "()");
    }

    #[test]
    fn growth_by_ids_is_bounded() {
        let mut slab = Slab::new(MAX_OBJECTS);
        assert!(slab.insert(BufferId(MAX_OBJECTS), ()).is_err());
        assert!(slab.insert(BufferId(u32::MAX), ()).is_err());
        assert!(slab.insert(BufferId(MAX_OBJECTS - 1), ()).is_ok());
    }

    #[test]
    fn live_objects_are_counted() {
        let mut slab = Slab::new(2);
        assert_eq!(text(slab.insert(BufferId(7), ())), "()");
        assert_eq!(text(slab.vacant(BufferId(0))), "()");
        assert_eq!(text(slab.insert(BufferId(0), ())), "()");
        assert!(slab.is_full());
        let refusal = "the session has the 2 Buffer objects that it may have (--max-objects)";
        assert_eq!(text(slab.vacant(BufferId(1))), refusal);
        assert_eq!(text(slab.vacant(BufferId(7))), "Buffer 7 is alive already");
        // An invalid object in place of a refused one still has a slot.
        assert_eq!(text(slab.insert(BufferId(1), ())), "()");
        assert!(slab.remove(BufferId(7)).is_ok() && slab.is_full());
        assert!(slab.remove(BufferId(1)).is_ok() && !slab.is_full());
        assert_eq!(text(slab.remove(BufferId(1))), "Buffer 1 is not alive");
        assert_eq!(text(slab.vacant(BufferId(1))), "()");
    }
}
