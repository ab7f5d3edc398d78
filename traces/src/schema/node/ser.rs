//! Values to trees.

use std::{borrow::Cow, fmt::Display};

use serde::{
    Serialize,
    ser::{self, Impossible},
};

use super::{Node, NodeError};

impl Node {
    /// The tree of a value.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Result<Self, NodeError> {
        value.serialize(ToNode)
    }
}

impl ser::Error for NodeError {
    fn custom<T: Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

/// The serializer.
#[derive(Clone, Copy, Debug)]
pub(super) struct ToNode;

/// Gathers a list. Bytes arrive as a list of numbers below 256, and become [`Node::Bytes`].
#[derive(Debug)]
pub(super) struct List {
    items: Vec<Node>,
    bytes: Vec<u8>,
    /// The variant around it.
    variant: Option<&'static str>,
}

/// Gathers a record.
#[derive(Debug)]
pub(super) struct Record {
    fields: Vec<(Cow<'static, str>, Node)>,
    /// The variant around it.
    variant: Option<&'static str>,
}

fn wrap(variant: Option<&'static str>, node: Node) -> Node {
    match variant {
        Some(name) => Node::Variant(name.into(), Some(Box::new(node))),
        None => node,
    }
}

/// Detects single bytes, which are kept apart until all elements of a list are known to be bytes.
struct ByteProbe;

impl List {
    fn push<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NodeError> {
        if self.items.is_empty()
            && let Ok(byte) = value.serialize(ByteProbe)
        {
            self.bytes.push(byte);
            return Ok(());
        }
        self.items.extend(self.bytes.drain(..).map(|byte| Node::Unsigned(byte.into())));
        self.items.push(value.serialize(ToNode)?);
        Ok(())
    }

    fn end(self) -> Node {
        let node = if self.bytes.is_empty() { Node::List(self.items) } else { Node::Bytes(self.bytes) };
        wrap(self.variant, node)
    }
}

macro_rules! lists {
    ($($trait:ident $function:ident),*) => {
        $(impl ser::$trait for List {
            type Ok = Node;
            type Error = NodeError;
            fn $function<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NodeError> {
                self.push(value)
            }
            fn end(self) -> Result<Node, NodeError> {
                Ok(List::end(self))
            }
        })*
    };
}

lists!(
    SerializeSeq serialize_element, SerializeTuple serialize_element, SerializeTupleStruct serialize_field,
    SerializeTupleVariant serialize_field
);

macro_rules! records {
    ($($trait:ident),*) => {
        $(impl ser::$trait for Record {
            type Ok = Node;
            type Error = NodeError;
            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), NodeError> {
                self.fields.push((name.into(), value.serialize(ToNode)?));
                Ok(())
            }
            fn end(self) -> Result<Node, NodeError> {
                Ok(wrap(self.variant, Node::Record(self.fields)))
            }
        })*
    };
}

records!(SerializeStruct, SerializeStructVariant);

macro_rules! unsigned {
    ($($function:ident $type:ty),*) => {
        $(fn $function(self, value: $type) -> Result<Node, NodeError> {
            Ok(Node::Unsigned(value.into()))
        })*
    };
}

macro_rules! signed {
    ($($function:ident $type:ty),*) => {
        $(fn $function(self, value: $type) -> Result<Node, NodeError> {
            Ok(Node::Signed(value.into()))
        })*
    };
}

fn list(capacity: usize, variant: Option<&'static str>) -> List {
    List { items: Vec::with_capacity(capacity.min(1 << 10)), bytes: Vec::new(), variant }
}

impl ser::Serializer for ToNode {
    type Ok = Node;
    type Error = NodeError;
    type SerializeSeq = List;
    type SerializeTuple = List;
    type SerializeTupleStruct = List;
    type SerializeTupleVariant = List;
    type SerializeMap = Impossible<Node, NodeError>;
    type SerializeStruct = Record;
    type SerializeStructVariant = Record;

    unsigned!(serialize_u8 u8, serialize_u16 u16, serialize_u32 u32, serialize_u64 u64);
    signed!(serialize_i8 i8, serialize_i16 i16, serialize_i32 i32, serialize_i64 i64);

    fn serialize_bool(self, value: bool) -> Result<Node, NodeError> {
        Ok(Node::Bool(value))
    }

    fn serialize_f32(self, value: f32) -> Result<Node, NodeError> {
        Ok(Node::Float(value.into()))
    }

    fn serialize_f64(self, value: f64) -> Result<Node, NodeError> {
        Ok(Node::Float(value))
    }

    fn serialize_char(self, value: char) -> Result<Node, NodeError> {
        Ok(Node::Text(value.to_string()))
    }

    fn serialize_str(self, value: &str) -> Result<Node, NodeError> {
        Ok(Node::Text(value.to_owned()))
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<Node, NodeError> {
        Ok(Node::Bytes(value.to_vec()))
    }

    fn serialize_none(self) -> Result<Node, NodeError> {
        Ok(Node::Absent)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Node, NodeError> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<Node, NodeError> {
        Ok(Node::Absent)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<Node, NodeError> {
        Ok(Node::Absent)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<Node, NodeError> {
        Ok(Node::Variant(variant.into(), None))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Result<Node, NodeError> {
        Ok(match value.serialize(self)? {
            Node::Unsigned(number) => Node::Id(name, number),
            other => other,
        })
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Node, NodeError> {
        Ok(wrap(Some(variant), value.serialize(self)?))
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<List, NodeError> {
        Ok(list(len.unwrap_or(0), None))
    }

    fn serialize_tuple(self, len: usize) -> Result<List, NodeError> {
        Ok(list(len, None))
    }

    fn serialize_tuple_struct(self, _: &'static str, len: usize) -> Result<List, NodeError> {
        Ok(list(len, None))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<List, NodeError> {
        Ok(list(len, Some(variant)))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, NodeError> {
        Err(NodeError("the stream has no maps".to_owned()))
    }

    fn serialize_struct(self, _: &'static str, len: usize) -> Result<Record, NodeError> {
        Ok(Record { fields: Vec::with_capacity(len), variant: None })
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Record, NodeError> {
        Ok(Record { fields: Vec::with_capacity(len), variant: Some(variant) })
    }
}

/// Rejects all types. The caller discards the error.
macro_rules! refuse {
    ($($function:ident($($argument:ty),*) -> $result:ty;)*) => {
        $(fn $function(self, $(_: $argument),*) -> Result<$result, NodeError> {
            Err(NodeError(String::new()))
        })*
    };
}

impl ser::Serializer for ByteProbe {
    type Ok = u8;
    type Error = NodeError;
    type SerializeSeq = Impossible<u8, NodeError>;
    type SerializeTuple = Impossible<u8, NodeError>;
    type SerializeTupleStruct = Impossible<u8, NodeError>;
    type SerializeTupleVariant = Impossible<u8, NodeError>;
    type SerializeMap = Impossible<u8, NodeError>;
    type SerializeStruct = Impossible<u8, NodeError>;
    type SerializeStructVariant = Impossible<u8, NodeError>;

    fn serialize_u8(self, value: u8) -> Result<u8, NodeError> {
        Ok(value)
    }

    refuse! {
        serialize_bool(bool) -> u8;
        serialize_i8(i8) -> u8;
        serialize_i16(i16) -> u8;
        serialize_i32(i32) -> u8;
        serialize_i64(i64) -> u8;
        serialize_u16(u16) -> u8;
        serialize_u32(u32) -> u8;
        serialize_u64(u64) -> u8;
        serialize_f32(f32) -> u8;
        serialize_f64(f64) -> u8;
        serialize_char(char) -> u8;
        serialize_str(&str) -> u8;
        serialize_bytes(&[u8]) -> u8;
        serialize_none() -> u8;
        serialize_unit() -> u8;
        serialize_unit_struct(&'static str) -> u8;
        serialize_unit_variant(&'static str, u32, &'static str) -> u8;
        serialize_seq(Option<usize>) -> Self::SerializeSeq;
        serialize_tuple(usize) -> Self::SerializeTuple;
        serialize_tuple_struct(&'static str, usize) -> Self::SerializeTupleStruct;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Self::SerializeTupleVariant;
        serialize_map(Option<usize>) -> Self::SerializeMap;
        serialize_struct(&'static str, usize) -> Self::SerializeStruct;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> Self::SerializeStructVariant;
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Result<u8, NodeError> {
        Err(NodeError(String::new()))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, _: &T) -> Result<u8, NodeError> {
        Err(NodeError(String::new()))
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<u8, NodeError> {
        Err(NodeError(String::new()))
    }
}
