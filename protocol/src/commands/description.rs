//! What a command is, as data beside its definition: `#[command(...)]` on its record.
//!
//! Readers of the stream (the recorder, trim, minimize, dump, diff) decide by these, not by a command's name. The schema
//! hash covers them.

use crate::{
    Payload,
    ids::{Kind, Object},
    wire::Schema,
};

/// What the execution of a command does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Makes an object, and changes no other.
    Create,
    /// Appends to what an encoder, a pass or a bundle encoder records. It is executed with the `Submit`.
    Record,
    /// Makes a pass, whose recording belongs to its encoder.
    Begin,
    /// Ends a recording and makes an object of it.
    Finish,
    /// Executes recordings.
    Submit,
    /// Writes contents of a buffer or a texture at once.
    Write,
    /// Carries a piece of the bulk data of a later command.
    Stage,
    /// Maps a buffer.
    Map,
    /// Unmaps a buffer.
    Unmap,
    /// Ends an object's use, while its id stays taken.
    Destroy,
    /// Names an object.
    Label,
    /// Frees an id.
    Drop,
    /// Opens an error scope.
    PushScope,
    /// Closes an error scope.
    PopScope,
    /// Raises an error.
    Raise,
    /// Requests a reply, and changes nothing.
    Query,
}

/// Commands that are balanced like brackets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pair {
    /// A pass of an encoder.
    Pass,
    /// A debug group of an encoder, a pass or a bundle encoder.
    DebugGroup,
    /// An occlusion query of a render pass.
    OcclusionQuery,
    /// An error scope of a device.
    ErrorScope,
}

/// Which of a [`Pair`] a command is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    /// The first.
    Opens,
    /// The second.
    Closes,
}

/// See the module's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Description {
    /// What its execution does.
    pub effect: Effect,
    /// The kind of the object that it makes.
    pub makes: Option<Kind>,
    /// The name of the event that replies to its request.
    pub reply: Option<&'static str>,
    /// It has a label.
    pub has_label: bool,
    /// The kind of the objects in a list of which any can be left out.
    pub list: Option<Kind>,
    /// It is balanced with another command.
    pub pair: Option<(End, Pair)>,
}

/// The schema of a description.
pub(crate) const fn hash(description: &Description) -> Schema {
    let Description { effect, makes, reply, has_label, list, pair } = *description;
    let schema = Schema::named("description").number(effect as u64).number(has_label as u64);
    let schema = optional(optional(schema, makes), list);
    let schema = match reply {
        Some(reply) => schema.text(reply),
        None => schema.number(0),
    };
    match pair {
        Some((end, pair)) => schema.number(1 + end as u64).number(pair as u64),
        None => schema.number(0),
    }
}

const fn optional(schema: Schema, kind: Option<Kind>) -> Schema {
    match kind {
        Some(kind) => schema.text(kind.name()),
        None => schema.number(0),
    }
}

/// A command's record, described. `#[command(...)]` implements it.
pub trait Describe<'a> {
    /// What the command is.
    const DESCRIPTION: Description;

    /// The label, with the object that has it.
    fn label(&self) -> Option<(Object, &'a str)> {
        None
    }

    /// The bulk data that the command carries.
    fn payload(&self) -> Option<&Payload<'a>> {
        None
    }

    /// The same, to put other data in its place.
    fn payload_mut(&mut self) -> Option<&mut Payload<'a>> {
        None
    }

    /// Takes members out of the list that [`Description::list`] is about.
    fn retain_members(&mut self, keep: impl FnMut(Object) -> bool) {
        let _ = keep;
    }
}
