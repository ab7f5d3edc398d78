//! The ids of one command with their uses, gathered from its description: the objects that it names, the one that it makes,
//! the request that it makes.

use airlock_protocol::{
    Command,
    ids::{Object, RequestId},
    wire::{Use, VisitIds},
};

/// The ids of one command. The value can be reused for the next command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Every object that the command names, in the order of its fields, the new one included.
    pub objects: Vec<Object>,
    /// The object that it makes, if it succeeds.
    pub makes: Option<Object>,
    /// The object that it drops.
    pub drops: Option<Object>,
    /// The last object whose contents it reads or writes.
    pub touches: Option<Object>,
    /// The number of its request.
    pub request: Option<RequestId>,
}

impl Facts {
    /// The facts of a command.
    pub fn of(command: &Command<'_>) -> Self {
        let mut facts = Self::default();
        facts.read(command);
        facts
    }

    /// Replaces these with the facts of a command.
    pub fn read(&mut self, command: &Command<'_>) {
        self.objects.clear();
        (self.makes, self.drops, self.touches, self.request) = (None, None, None, None);
        command.visit_ids(self);
    }

    /// The objects that must exist for the command to be accepted.
    pub fn needs(&self) -> impl Iterator<Item = Object> + '_ {
        self.objects.iter().copied().filter(|&object| Some(object) != self.makes)
    }
}

impl VisitIds for Facts {
    #[inline]
    fn object(&mut self, object: Object, how: Use) {
        self.objects.push(object);
        match how {
            Use::Names => {}
            Use::Makes => self.makes = Some(object),
            Use::Drops => self.drops = Some(object),
            Use::Reads | Use::Writes => self.touches = Some(object),
        }
    }

    #[inline]
    fn request(&mut self, request: RequestId) {
        self.request = Some(request);
    }
}
