//! Trees to values. Texts and bytes are borrowed from the tree.

use std::fmt::Display;

use serde::{
    Deserialize,
    de::{self, DeserializeSeed, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess, Visitor},
};

use super::{Node, NodeError};

impl Node {
    /// The value of a tree. It borrows texts and bytes from the tree.
    pub fn decode<'n, T: Deserialize<'n>>(&'n self) -> Result<T, NodeError> {
        T::deserialize(FromNode(self))
    }
}

impl de::Error for NodeError {
    fn custom<T: Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

/// The deserializer.
#[derive(Clone, Copy, Debug)]
pub(super) struct FromNode<'de>(pub &'de Node);

/// Floats may have been written without a fraction, by hand for example.
macro_rules! floats {
    ($($function:ident),*) => {
        $(fn $function<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NodeError> {
            match *self.0 {
                #[allow(clippy::cast_precision_loss)]
                Node::Unsigned(value) => visitor.visit_f64(value as f64),
                #[allow(clippy::cast_precision_loss)]
                Node::Signed(value) => visitor.visit_f64(value as f64),
                _ => self.deserialize_any(visitor),
            }
        })*
    };
}

impl<'de> de::Deserializer<'de> for FromNode<'de> {
    type Error = NodeError;

    floats!(deserialize_f32, deserialize_f64);

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NodeError> {
        match self.0 {
            Node::Absent => visitor.visit_unit(),
            Node::Bool(value) => visitor.visit_bool(*value),
            Node::Unsigned(value) | Node::Id(_, value) => visitor.visit_u64(*value),
            Node::Signed(value) => visitor.visit_i64(*value),
            Node::Float(value) => visitor.visit_f64(*value),
            Node::Text(text) => visitor.visit_borrowed_str(text),
            Node::Bytes(bytes) => visitor.visit_borrowed_bytes(bytes),
            Node::List(items) => visitor.visit_seq(Items(items.iter())),
            Node::Record(fields) => visitor.visit_map(Fields { rest: fields.iter(), value: None }),
            Node::Variant(..) => visitor.visit_enum(Variant(self.0)),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NodeError> {
        match self.0 {
            Node::Absent => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NodeError> {
        match self.0 {
            Node::List(items) if items.is_empty() => visitor.visit_borrowed_bytes(&[]),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NodeError> {
        match self.0 {
            Node::Bytes(bytes) => visitor.visit_seq(de::value::SeqDeserializer::new(bytes.iter().copied())),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, NodeError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, NodeError> {
        visitor.visit_enum(Variant(self.0))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 char str string byte_buf unit unit_struct tuple tuple_struct map
        struct identifier ignored_any
    }
}

struct Items<'de>(std::slice::Iter<'de, Node>);

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = NodeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, NodeError> {
        self.0.next().map(|node| seed.deserialize(FromNode(node))).transpose()
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

struct Fields<'de> {
    rest: std::slice::Iter<'de, (std::borrow::Cow<'static, str>, Node)>,
    value: Option<&'de Node>,
}

impl<'de> MapAccess<'de> for Fields<'de> {
    type Error = NodeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, NodeError> {
        let Some((name, value)) = self.rest.next() else { return Ok(None) };
        self.value = Some(value);
        seed.deserialize(name.as_ref().into_deserializer()).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, NodeError> {
        seed.deserialize(FromNode(self.value.take().unwrap_or(&Node::Absent)))
    }
}

/// A variant: by name, or a record with one field, as in JSON.
struct Variant<'de>(&'de Node);

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = NodeError;
    type Variant = Data<'de>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Data<'de>), NodeError> {
        let (name, data) = match self.0 {
            Node::Variant(name, data) => (name.as_ref(), data.as_deref()),
            Node::Text(name) => (name.as_str(), None),
            Node::Record(fields) => match fields.as_slice() {
                [(name, data)] => (name.as_ref(), Some(data)),
                _ => return Err(NodeError(format!("{} fields where one variant is expected", fields.len()))),
            },
            other => return Err(NodeError(format!("{other:?} where a variant is expected"))),
        };
        let name: de::value::StrDeserializer<'_, NodeError> = name.into_deserializer();
        Ok((seed.deserialize(name)?, Data(data)))
    }
}

struct Data<'de>(Option<&'de Node>);

impl<'de> VariantAccess<'de> for Data<'de> {
    type Error = NodeError;

    fn unit_variant(self) -> Result<(), NodeError> {
        match self.0 {
            None | Some(Node::Absent) => Ok(()),
            Some(_) => Err(NodeError("data in a variant that has none".to_owned())),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, NodeError> {
        seed.deserialize(FromNode(self.0.unwrap_or(&Node::Absent)))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, NodeError> {
        de::Deserializer::deserialize_any(FromNode(self.0.unwrap_or(&Node::Absent)), visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, NodeError> {
        de::Deserializer::deserialize_any(FromNode(self.0.unwrap_or(&Node::Absent)), visitor)
    }
}
