//! The description of a command, as data beside its definition: `#[command(...)]` on its record.
//!
//! Readers of the stream (the recorder, trim, minimize, dump, diff) decide by these, not by a command's name. The schema
//! hash covers them.

use crate::{
    Payload,
    ids::{Kind, Object},
    wire::Schema,
};

/// The effect of a command's execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Makes an object, and changes no other.
    Create,
    /// Appends to the recording of an encoder, a pass or a bundle encoder. It is executed with the `Submit`.
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

/// Which command of a [`Pair`] it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    /// The first command.
    Opens,
    /// The second command.
    Closes,
}

/// The properties of a command that readers of the stream decide by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Description {
    /// The effect of its execution.
    pub effect: Effect,
    /// The kind of the object that it makes.
    pub makes: Option<Kind>,
    /// The name of the event that replies to its request.
    pub reply: Option<&'static str>,
    /// The command has a label.
    pub has_label: bool,
    /// The kind of the objects in a list whose members can be left out one by one.
    pub list: Option<Kind>,
    /// The other command must balance it.
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
    /// The command's description.
    const DESCRIPTION: Description;

    /// The label, with the object that has it.
    fn label(&self) -> Option<(Object, &'a str)> {
        None
    }

    /// The bulk data that the command carries.
    fn payload(&self) -> Option<&Payload<'a>> {
        None
    }

    /// The bulk data, to replace it.
    fn payload_mut(&mut self) -> Option<&mut Payload<'a>> {
        None
    }

    /// Removes members from the list that [`Description::list`] names.
    fn retain_members(&mut self, keep: impl FnMut(Object) -> bool) {
        let _ = keep;
    }
}
