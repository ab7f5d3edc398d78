//! The objects that a command names, as [`Facts`](crate::facts::Facts) has them, found without building a tree: the flight
//! recorder looks at every draw call.

use std::sync::LazyLock;

use airlock_protocol::{
    Command,
    ids::{Kind, Object, RequestId},
};
use serde::{Serialize, ser};

use crate::{facts::makes_object, node::NodeError};

/// By a command's number: it makes an object.
static MAKES: LazyLock<Vec<bool>> = LazyLock::new(|| Command::NAMES.iter().map(|name| makes_object(name)).collect());

/// See the module's header. It can be used again for the next command.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    /// Every object, in the order of the fields, the new one included.
    pub objects: Vec<Object>,
    /// The object that the command makes.
    pub makes: Option<Object>,
    /// The question that it asks.
    pub request: Option<RequestId>,
    /// Objects before the label.
    before_label: Option<usize>,
    /// The type of the id whose number comes next.
    ty: Option<&'static str>,
}

impl Names {
    /// Looks at a command.
    pub fn read(&mut self, command: &Command<'_>) {
        self.objects.clear();
        (self.makes, self.request, self.before_label, self.ty) = (None, None, None, None);
        // Nothing below gives an error: commands hold no maps.
        let _ = command.serialize(&mut *self);
        if MAKES.get(command.number()).copied().unwrap_or_default() {
            let place = self.before_label.unwrap_or(self.objects.len()).checked_sub(1);
            self.makes = place.and_then(|place| self.objects.get(place)).or(self.objects.last()).copied();
        }
    }

    /// The objects that must be there.
    pub fn needs(&self) -> impl Iterator<Item = Object> + '_ {
        self.objects.iter().copied().filter(|&object| Some(object) != self.makes)
    }

    fn number(&mut self, number: u64) {
        match self.ty.take() {
            Some("RequestId") => self.request = Some(RequestId(number)),
            Some(ty) => {
                let object = Kind::of_id(ty).zip(u32::try_from(number).ok()).map(|(kind, id)| kind.object(id));
                self.objects.extend(object);
            }
            None => {}
        }
    }
}

macro_rules! ignore {
    ($($function:ident($($argument:ty),*);)*) => {
        $(#[inline]
        fn $function(self, $(_: $argument),*) -> Result<(), NodeError> {
            Ok(())
        })*
    };
}

impl<'n> ser::Serializer for &'n mut Names {
    type Ok = ();
    type Error = NodeError;
    type SerializeSeq = &'n mut Names;
    type SerializeTuple = &'n mut Names;
    type SerializeTupleStruct = &'n mut Names;
    type SerializeTupleVariant = &'n mut Names;
    type SerializeMap = ser::Impossible<(), NodeError>;
    type SerializeStruct = &'n mut Names;
    type SerializeStructVariant = &'n mut Names;

    ignore! {
        serialize_bool(bool);
        serialize_i8(i8);
        serialize_i16(i16);
        serialize_i32(i32);
        serialize_i64(i64);
        serialize_u8(u8);
        serialize_u16(u16);
        serialize_f32(f32);
        serialize_f64(f64);
        serialize_char(char);
        serialize_str(&str);
        serialize_bytes(&[u8]);
        serialize_none();
        serialize_unit();
        serialize_unit_struct(&'static str);
        serialize_unit_variant(&'static str, u32, &'static str);
    }

    #[inline]
    fn serialize_u32(self, value: u32) -> Result<(), NodeError> {
        self.number(value.into());
        Ok(())
    }

    #[inline]
    fn serialize_u64(self, value: u64) -> Result<(), NodeError> {
        self.number(value);
        Ok(())
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), NodeError> {
        value.serialize(self)
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Result<(), NodeError> {
        self.ty = Some(name);
        value.serialize(&mut *self)?;
        self.ty = None;
        Ok(())
    }

    #[inline]
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        value: &T,
    ) -> Result<(), NodeError> {
        value.serialize(self)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self, NodeError> {
        Ok(self)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self, NodeError> {
        Ok(self)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, NodeError> {
        Ok(self)
    }

    fn serialize_tuple_variant(self, _: &'static str, _: u32, _: &'static str, _: usize) -> Result<Self, NodeError> {
        Ok(self)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, NodeError> {
        Err(NodeError("the stream has no maps".to_owned()))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, NodeError> {
        Ok(self)
    }

    fn serialize_struct_variant(self, _: &'static str, _: u32, _: &'static str, _: usize) -> Result<Self, NodeError> {
        Ok(self)
    }
}

macro_rules! items {
    ($($trait:ident $function:ident),*) => {
        $(impl ser::$trait for &mut Names {
            type Ok = ();
            type Error = NodeError;
            #[inline]
            fn $function<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NodeError> {
                value.serialize(&mut **self)
            }
            fn end(self) -> Result<(), NodeError> {
                Ok(())
            }
        })*
    };
}

items!(
    SerializeSeq serialize_element, SerializeTuple serialize_element, SerializeTupleStruct serialize_field,
    SerializeTupleVariant serialize_field
);

macro_rules! fields {
    ($($trait:ident),*) => {
        $(impl ser::$trait for &mut Names {
            type Ok = ();
            type Error = NodeError;
            #[inline]
            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), NodeError> {
                if name == "label" && self.before_label.is_none() {
                    self.before_label = Some(self.objects.len());
                }
                value.serialize(&mut **self)
            }
            fn end(self) -> Result<(), NodeError> {
                Ok(())
            }
        })*
    };
}

fields!(SerializeStruct, SerializeStructVariant);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Facts;
    use airlock_protocol::{
        Payload,
        commands::{adapter::*, command_encoder::*, instance::*, pipeline::*, queue::*, render_pass::*, session::*},
        ids::*,
    };

    #[test]
    fn names_are_those_of_facts() {
        let (request, device, adapter) = (RequestId(1 << 40), DeviceId(4), AdapterId(2));
        let (required_features, required_limits) = (Vec::new(), Vec::new());
        let (power_preference, selector) = (None, AdapterSelector::Name("label"));
        let (pipeline, layout) = (PipelineId::Render(RenderPipelineId(3)), BindGroupLayoutId(9));
        let bundles = vec![RenderBundleId(1), RenderBundleId(2)];
        let commands: [Command<'_>; 8] = [
            RequestAdapter { request, adapter, power_preference, force_fallback_adapter: true, selector }.into(),
            RequestDevice { request, adapter, device, label: "x", required_features, required_limits }.into(),
            FinishCommandEncoder { encoder: CommandEncoderId(1), command_buffer: CommandBufferId(0), label: "" }.into(),
            GetBindGroupLayout { pipeline, index: 1, layout }.into(),
            ExecuteBundles { pass: RenderPassId(0), bundles }.into(),
            RenderPassSetVertexBuffer { pass: RenderPassId(0), slot: 1, buffer: None, offset: 7, size: Some(8) }.into(),
            WriteBuffer { device, buffer: BufferId(7), offset: 3, data: Payload::Inline(&[1, 2, 3]) }.into(),
            DropObject { object: Object::QuerySet(QuerySetId(9)) }.into(),
        ];
        let mut names = Names::default();
        for command in &commands {
            names.read(command);
            let facts = Facts::of(command).unwrap();
            let found = (&names.objects, names.makes, names.request);
            assert_eq!(found, (&facts.objects, facts.makes, facts.request), "{command:?}");
            assert!(names.needs().eq(facts.needs()));
        }
    }
}
