//! The common state of a device's objects: an id or none, a device, a label; their naming in commands, and their
//! release.

use std::sync::Arc;

use airlock_protocol::{
    Record,
    commands::session::SetLabel,
    ids::Id,
    limits::{MAX_LABEL, MAX_LIST, cut},
};

use crate::{client::Client, device::DeviceState};

/// The common part of a device's objects.
#[derive(Debug)]
pub struct Base<I> {
    /// `None` for an inert object, which no command names.
    pub(crate) id: Option<I>,
    pub(crate) device: Arc<DeviceState>,
    pub(crate) label: String,
}

/// An object of a device (WebGPU, GPUObjectBase).
///
/// An object is plain data. Its owner ends it with [`DeviceObject::release`]; one that is only dropped keeps its id, and its
/// place in the daemon, until the session ends.
pub trait DeviceObject: Sized {
    /// The type of its id.
    type Id: Id;

    /// The common part.
    fn base(&self) -> &Base<Self::Id>;

    /// The common part.
    fn base_mut(&mut self) -> &mut Base<Self::Id>;

    /// The common part.
    fn into_base(self) -> Base<Self::Id>;

    /// The label, empty where none was set.
    fn label(&self) -> &str {
        &self.base().label
    }

    /// Raises a validation error on the object's device.
    fn raise_invalid(&self, client: &mut Client, message: &str) {
        client.invalid(&self.base().device, message);
    }

    /// Sets the label, truncated to [`MAX_LABEL`] bytes.
    fn set_label(&mut self, client: &mut Client, label: String) {
        let base = self.base_mut();
        base.label = bounded_label(Some(label));
        if let Some(id) = base.id {
            client.send(&base.device, SetLabel { object: id.object(), label: &base.label });
        }
    }

    /// Drops the owner's handle: the daemon drops the object, and its id may be reused. With the last object of a
    /// device, the device is dropped.
    #[inline]
    fn release(self, client: &mut Client) {
        self.into_base().release(client);
    }
}

/// Defines objects, each with its common part and its shadow state.
macro_rules! objects {
    ($($(#[$doc:meta])* $Name:ident: $Id:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Debug)]
            pub struct $Name {
                pub(crate) base: $crate::object::Base<airlock_protocol::ids::$Id>,
                $($(#[$field_doc])* pub(crate) $field: $type,)*
            }

            impl $crate::object::DeviceObject for $Name {
                type Id = airlock_protocol::ids::$Id;
                #[inline]
                fn base(&self) -> &$crate::object::Base<Self::Id> {
                    &self.base
                }
                #[inline]
                fn base_mut(&mut self) -> &mut $crate::object::Base<Self::Id> {
                    &mut self.base
                }
                #[inline]
                fn into_base(self) -> $crate::object::Base<Self::Id> {
                    self.base
                }
            }
        )*
    };
}
pub(crate) use objects;

impl<I: Id> Base<I> {
    /// A new object of a device. Without an id (the session has ended, or has too many objects of the kind) it is
    /// inert.
    pub(crate) fn new(client: &mut Client, device: &Arc<DeviceState>, label: Option<String>) -> Self {
        Self { id: client.allocate(device), device: Arc::clone(device), label: bounded_label(label) }
    }

    /// A new inert object, which no command names because one of its parts has no id.
    pub(crate) fn inert(device: &Arc<DeviceState>, label: Option<String>) -> Self {
        Self { id: None, device: Arc::clone(device), label: bounded_label(label) }
    }

    /// See [`DeviceObject::release`].
    #[inline]
    pub(crate) fn release(self, client: &mut Client) {
        client.release(self.device, self.id);
    }

    /// The id by which commands of `device` name the object. `None`, with a validation error raised, for an inert
    /// object and for one of an earlier session, whose id now belongs to another object.
    #[inline]
    pub(crate) fn name(&self, client: &mut Client, device: &DeviceState) -> Option<I> {
        let id = self.id.filter(|_| self.device.session == device.session);
        if id.is_none() {
            client.foreign::<I>(device);
        }
        id
    }

    /// Appends a command of the object; an inert one appends nothing.
    #[inline]
    pub(crate) fn encode<C: Record>(&self, client: &mut Client, command: impl FnOnce(I) -> C) {
        if let Some(id) = self.id {
            client.send(&self.device, command(id));
        }
    }

    /// Appends a command of the object that names another.
    #[inline]
    pub(crate) fn encode_with<O: Id, C: Record>(
        &self,
        client: &mut Client,
        other: &Base<O>,
        command: impl FnOnce(I, O) -> C,
    ) {
        let Some(id) = self.id else { return };
        if let Some(other) = other.name(client, &self.device) {
            client.send(&self.device, command(id, other));
        }
    }

    /// As [`Base::encode_with`], where the other object may be absent.
    #[inline]
    pub(crate) fn encode_with_option<O: Id, C: Record>(
        &self,
        client: &mut Client,
        other: Option<&Base<O>>,
        command: impl FnOnce(I, Option<O>) -> C,
    ) {
        match other {
            Some(other) => self.encode_with(client, other, |object, other| command(object, Some(other))),
            None => self.encode(client, |object| command(object, None)),
        }
    }
}

/// Truncates a label to the stream's bound.
pub(crate) fn bounded_label(label: Option<String>) -> String {
    let mut label = label.unwrap_or_default();
    label.truncate(cut(&label, MAX_LABEL).len());
    label
}

/// Truncates a list of a descriptor to the stream's bound. The bound is far beyond every limit of WebGPU, so that the
/// rest raises the same validation error.
pub(crate) fn bounded<T>(mut list: Vec<T>) -> Vec<T> {
    list.truncate(MAX_LIST);
    list
}
