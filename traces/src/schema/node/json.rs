//! Trees to JSON and back. A tree from JSON does not distinguish variants from records, and ids from numbers; the type
//! that it is decoded to does.

use std::{borrow::Cow, fmt::Write as _};

use serde_json::{Map, Number, Value};

use super::{Node, NodeError};

const BYTES: &str = "$bytes";
const FLOAT: &str = "$float";

impl Node {
    /// The JSON form of the tree.
    pub fn to_json(&self) -> Value {
        match self {
            Node::Absent => Value::Null,
            Node::Bool(value) => Value::Bool(*value),
            Node::Unsigned(value) | Node::Id(_, value) => Value::from(*value),
            Node::Signed(value) => Value::from(*value),
            Node::Float(value) => {
                Number::from_f64(*value).map_or_else(|| single(FLOAT, special(*value)), Value::Number)
            }
            Node::Text(text) => Value::from(text.as_str()),
            Node::Bytes(bytes) => single(BYTES, to_hex(bytes)),
            Node::List(items) => items.iter().map(Node::to_json).collect(),
            Node::Record(fields) => {
                fields.iter().map(|(name, node)| (name.to_string(), node.to_json())).collect::<Map<_, _>>().into()
            }
            Node::Variant(name, None) => Value::from(name.as_ref()),
            Node::Variant(name, Some(data)) => Map::from_iter([(name.to_string(), data.to_json())]).into(),
        }
    }

    /// The tree of a JSON value. Every JSON value has one, except malformed bytes and numbers.
    pub fn from_json(value: &Value) -> Result<Self, NodeError> {
        Ok(match value {
            Value::Null => Node::Absent,
            Value::Bool(value) => Node::Bool(*value),
            Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
                (Some(value), ..) => Node::Unsigned(value),
                (None, Some(value), _) => Node::Signed(value),
                (None, None, Some(value)) => Node::Float(value),
                (None, None, None) => return Err(NodeError(format!("{number} is out of range"))),
            },
            Value::String(text) => Node::Text(text.clone()),
            Value::Array(items) => Node::List(items.iter().map(Node::from_json).collect::<Result<_, _>>()?),
            Value::Object(fields) => match only_field(fields) {
                Some((BYTES, text)) => {
                    Node::Bytes(from_hex(text).ok_or_else(|| NodeError(format!("{text:?} are no hexadecimal bytes")))?)
                }
                Some((FLOAT, text)) => {
                    Node::Float(from_special(text).ok_or_else(|| NodeError(format!("{text:?} is no number")))?)
                }
                _ => Node::Record(
                    fields
                        .iter()
                        .map(|(name, value)| Ok((Cow::Owned(name.clone()), Node::from_json(value)?)))
                        .collect::<Result<_, NodeError>>()?,
                ),
            },
        })
    }
}

fn single(name: &str, value: String) -> Value {
    Map::from_iter([(name.to_owned(), Value::from(value))]).into()
}

fn only_field(fields: &Map<String, Value>) -> Option<(&str, &str)> {
    let (name, value) = fields.iter().next().filter(|_| fields.len() == 1)?;
    Some((name, value.as_str()?))
}

fn special(value: f64) -> String {
    match value {
        f64::INFINITY => "inf".to_owned(),
        f64::NEG_INFINITY => "-inf".to_owned(),
        value if value.to_bits() == f64::NAN.to_bits() => "NaN".to_owned(),
        value => format!("{:016x}", value.to_bits()),
    }
}

fn from_special(text: &str) -> Option<f64> {
    match text {
        "inf" => Some(f64::INFINITY),
        "-inf" => Some(f64::NEG_INFINITY),
        "NaN" => Some(f64::NAN),
        bits => u64::from_str_radix(bits, 16).ok().map(f64::from_bits),
    }
}

/// Two hexadecimal digits per byte.
pub fn to_hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The bytes of a text of hexadecimal digits.
pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |c: &u8| char::from(*c).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    pairs.iter().map(|[high, low]| Some(digit(high)? << 4 | digit(low)?)).collect()
}
