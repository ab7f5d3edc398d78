//! Repairs the ids of a command: those of live objects, and a free one for a new object.

use std::collections::HashMap;

use airlock_protocol::ids::{Kind, Object};
use airlock_traces::node::Node;

use super::generator::Live;

/// Upper bound of ids.
const LARGE: u64 = 4000;

/// Mapping of an input's ids.
pub struct Ids {
    /// New ids of objects whose id was in use.
    renamed: HashMap<(&'static str, u64), u32>,
    next: u32,
}

impl Ids {
    /// First new id.
    pub fn new(next: u32) -> Self {
        Self { renamed: HashMap::new(), next }
    }

    /// Repairs a command that makes an object of a kind; `None` when no object for it exists. With `newest`, its device
    /// is that many before the newest, counted from 1, or the oldest for 0.
    pub fn repair(
        &mut self,
        makes: Option<Kind>,
        node: &mut Node,
        live: &mut Live,
        newest: Option<usize>,
    ) -> Option<()> {
        let mut whole = Some(());
        node.walk_mut("", &mut |_, node| {
            let Node::Id(ty, number) = node else { return };
            let Some(kind) = Kind::of_id(ty) else { return };
            if Some(kind) == makes {
                let taken = live.ids.get(ty).is_some_and(|ids| ids.iter().any(|&id| u64::from(id) == *number));
                if taken || *number >= LARGE {
                    self.next += 1;
                    self.renamed.insert((*ty, *number), self.next);
                    *number = u64::from(self.next);
                }
                return;
            }
            let ids = live.ids.get(ty).map(Vec::as_slice).unwrap_or_default();
            let is_live = |number: u64| ids.iter().any(|&id| u64::from(id) == number);
            if let (Some(newest @ 1..), Kind::Device) = (newest, kind) {
                *number = ids.get(ids.len().wrapping_sub(newest)).copied().map_or(*number, u64::from);
            }
            if is_live(*number) {
                return;
            }
            let renamed = self.renamed.get(&(*ty, *number)).copied().filter(|&id| is_live(u64::from(id)));
            let any = (*number as usize).checked_rem(ids.len()).map(|place| ids[place]);
            match renamed.or(any) {
                Some(id) => *number = u64::from(id),
                None => whole = None,
            }
        });
        whole
    }
}

/// Name of a kind's id type, as serde reports it.
fn ty(kind: Kind, live: &Live) -> Option<&'static str> {
    live.ids.keys().copied().find(|ty| Kind::of_id(ty) == Some(kind))
}

/// Adds an object.
pub fn add(live: &mut Live, object: Object) {
    let (kind, (_, number)) = (object.kind(), object.describe());
    let ty = ty(kind, live).or_else(|| {
        // The first of its kind: the command's own fields have the type's name.
        let node = Node::of(&object).ok()?;
        let mut found = None;
        node.walk("", &mut |_, node| {
            if let Node::Id(ty, _) = node {
                found = Some(*ty);
            }
        });
        found
    });
    if let Some(ty) = ty {
        live.ids.entry(ty).or_default().push(number);
    }
}

/// Removes an object.
pub fn remove(live: &mut Live, object: Object) {
    let (kind, (_, number)) = (object.kind(), object.describe());
    if let Some(ty) = ty(kind, live) {
        for ids in [live.ids.get_mut(ty), live.good.get_mut(ty)].into_iter().flatten() {
            ids.retain(|&id| id != number);
        }
    }
}
