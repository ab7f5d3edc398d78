//! A set of items: the commands and events that a candidate keeps.

use std::hash::{DefaultHasher, Hash, Hasher};

/// The kept items. It grows to the highest item that is inserted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Set(Vec<bool>);

impl Set {
    /// A set with all of `items` items.
    pub fn all(items: usize) -> Self {
        Self(vec![true; items])
    }

    /// A set with none of `items` items.
    pub fn none(items: usize) -> Self {
        Self(vec![false; items])
    }

    /// True when the item is kept.
    pub fn has(&self, item: usize) -> bool {
        self.0.get(item).copied().unwrap_or(false)
    }

    /// Keeps an item; true when it was not kept before.
    pub fn insert(&mut self, item: usize) -> bool {
        if item >= self.0.len() {
            self.0.resize(item.saturating_add(1), false);
        }
        self.0.get_mut(item).is_some_and(|slot| !std::mem::replace(slot, true))
    }

    /// Removes an item; true when it was kept before.
    pub fn remove(&mut self, item: usize) -> bool {
        self.0.get_mut(item).is_some_and(std::mem::take)
    }

    /// Keeps items.
    pub fn extend(&mut self, items: impl IntoIterator<Item = usize>) {
        for item in items {
            self.insert(item);
        }
    }

    /// Removes items.
    pub fn give_up(&mut self, items: &[usize]) {
        for &item in items {
            self.remove(item);
        }
    }

    /// The kept items, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = usize> + '_ {
        self.0.iter().enumerate().filter_map(|(item, &kept)| kept.then_some(item))
    }

    /// The number of kept items.
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// A hash that identifies the set.
    pub fn hash(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        Hash::hash(self, &mut hasher);
        hasher.finish()
    }
}
