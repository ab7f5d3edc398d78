//! Objects by the ids that the client chose: dense numbers, so a vector.

use std::marker::PhantomData;

use airlock_protocol::{ids::Id, limits::MAX_OBJECTS};

use crate::violation::Violation;

/// The live objects of one kind.
#[derive(Debug)]
pub struct Slab<I, T> {
    slots: Vec<Option<T>>,
    id: PhantomData<I>,
}

impl<I, T> Default for Slab<I, T> {
    fn default() -> Self {
        Self { slots: Vec::new(), id: PhantomData }
    }
}

impl<I: Id, T> Slab<I, T> {
    /// Checks that a create command may use the id. It comes before the object is made, so that a breach costs nothing.
    pub fn vacant(&self, id: I) -> Result<(), Violation> {
        let (kind, number) = (I::KIND, id.index());
        if number >= MAX_OBJECTS {
            return Err(Violation::TooMany { kind, id: number });
        }
        match self.slots.get(number as usize) {
            Some(Some(_)) => Err(Violation::Alive { kind, id: number }),
            Some(None) | None => Ok(()),
        }
    }

    /// Puts an object into a vacant slot.
    pub fn insert(&mut self, id: I, object: T) -> Result<(), Violation> {
        self.vacant(id)?;
        let index = id.index() as usize;
        if index >= self.slots.len() {
            self.slots.resize_with(index + 1, || None);
        }
        if let Some(slot) = self.slots.get_mut(index) {
            *slot = Some(object);
        }
        Ok(())
    }

    /// A live object.
    #[inline]
    pub fn get(&self, id: I) -> Result<&T, Violation> {
        match self.slots.get(id.index() as usize) {
            Some(Some(object)) => Ok(object),
            Some(None) | None => Err(Violation::Dead { kind: I::KIND, id: id.index() }),
        }
    }

    /// A live object, to be changed.
    #[inline]
    pub fn get_mut(&mut self, id: I) -> Result<&mut T, Violation> {
        match self.slots.get_mut(id.index() as usize) {
            Some(Some(object)) => Ok(object),
            Some(None) | None => Err(Violation::Dead { kind: I::KIND, id: id.index() }),
        }
    }

    /// All live objects.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.slots.iter().flatten()
    }

    /// All live objects, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.slots.iter_mut().flatten()
    }

    /// Takes a live object out; its id is free from now on.
    pub fn remove(&mut self, id: I) -> Result<T, Violation> {
        let slot = self.slots.get_mut(id.index() as usize).and_then(Option::take);
        slot.ok_or(Violation::Dead { kind: I::KIND, id: id.index() })
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
        let mut slab = Slab::default();
        assert_eq!(text(slab.get(BufferId(2)).copied()), "Buffer 2 is not alive");
        assert_eq!(text(slab.insert(BufferId(2), 'a')), "()");
        assert_eq!(text(slab.get(BufferId(2)).copied()), "'a'");
        assert_eq!(text(slab.insert(BufferId(2), 'b')), "Buffer 2 is alive already");
        assert_eq!(text(slab.remove(BufferId(2))), "'a'");
        assert_eq!(text(slab.remove(BufferId(2))), "Buffer 2 is not alive");
        assert_eq!(text(slab.insert(BufferId(2), 'c')), "()");
    }

    #[test]
    fn an_id_alone_cannot_make_it_grow_without_bound() {
        let mut slab = Slab::default();
        assert!(slab.insert(BufferId(MAX_OBJECTS), ()).is_err());
        assert!(slab.insert(BufferId(u32::MAX), ()).is_err());
        assert!(slab.insert(BufferId(MAX_OBJECTS - 1), ()).is_ok());
    }
}
