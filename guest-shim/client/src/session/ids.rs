//! Dense ids, one number space per kind, reused once they are dropped. Devices' ids are not reused: a loss or an error
//! of a dropped device may still arrive and must not be taken for another's.

use airlock_protocol::{
    ids::{Id, Kind},
    limits::MAX_OBJECTS,
};

#[derive(Debug, Default)]
pub struct IdPools([Pool; Kind::COUNT]);

#[derive(Debug, Default)]
struct Pool {
    next: u32,
    free: Vec<u32>,
}

impl IdPools {
    #[inline]
    pub fn allocate<I: Id>(&mut self) -> Option<I> {
        let pool = self.0.get_mut(I::NUMBER)?;
        let index = match pool.free.pop() {
            Some(index) => index,
            None if pool.next < MAX_OBJECTS => {
                pool.next += 1;
                pool.next - 1
            }
            None => return None,
        };
        Some(I::from_index(index))
    }

    #[inline]
    pub fn free<I: Id>(&mut self, id: I) {
        if I::NUMBER == Kind::Device as usize {
            return;
        }
        if let Some(pool) = self.0.get_mut(I::NUMBER) {
            pool.free.push(id.index());
        }
    }
}

#[cfg(test)]
mod tests {
    use airlock_protocol::ids::{BufferId, TextureId};

    use super::*;

    #[test]
    fn ids_are_dense_per_kind_and_come_back_after_a_drop() {
        let mut ids = IdPools::default();
        assert_eq!(ids.allocate(), Some(BufferId(0)));
        assert_eq!(ids.allocate(), Some(BufferId(1)));
        assert_eq!(ids.allocate(), Some(TextureId(0)));
        ids.free(BufferId(0));
        assert_eq!(ids.allocate(), Some(BufferId(0)));
        assert_eq!(ids.allocate(), Some(BufferId(2)));
    }

    #[test]
    fn a_session_has_a_bounded_number_of_objects() {
        let mut ids = IdPools::default();
        for _ in 0..MAX_OBJECTS {
            assert!(ids.allocate::<BufferId>().is_some());
        }
        assert_eq!(ids.allocate::<BufferId>(), None);
        ids.free(BufferId(7));
        assert_eq!(ids.allocate(), Some(BufferId(7)));
    }
}
