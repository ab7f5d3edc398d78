//! Any value of the stream as a tree, which tools walk, format, change and parse without code per command.
//!
//! [`Node::of`] makes the tree from a command or an event, [`Node::decode`] makes the command or event again, and
//! [`Node::to_json`] and [`Node::from_json`] convert to and from JSON:
//!
//! | value | JSON |
//! |---|---|
//! | record | object |
//! | enum without data, set of flags | string: `"Less"`, `"COPY_DST \| VERTEX"` |
//! | enum with data | object with one field, named by the variant |
//! | id, number | number |
//! | number that JSON lacks | `{"$float": "NaN"}`, `"inf"`, `"-inf"`, or 16 hexadecimal digits of a NaN's bits |
//! | bytes | `{"$bytes": "00ff"}` |
//! | absent value | `null` |

mod de;
mod json;
mod ser;

use std::borrow::Cow;

use airlock_protocol::ids::{Kind, Object};
use thiserror::Error;

pub use json::{from_hex, to_hex};

/// A value without a tree, or a tree without a value of the wanted type.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{0}")]
pub struct NodeError(pub(crate) String);

/// A node of the tree.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// An absent value.
    Absent,
    /// A truth value.
    Bool(bool),
    /// A number without a sign.
    Unsigned(u64),
    /// A number with a sign.
    Signed(i64),
    /// A number with a fraction. 32 bits widen without loss.
    Float(f64),
    /// A text, or a set of flags.
    Text(String),
    /// Bulk data.
    Bytes(Vec<u8>),
    /// A list or a tuple.
    List(Vec<Node>),
    /// A record: its fields in order.
    Record(Vec<(Cow<'static, str>, Node)>),
    /// A variant of an enum, with its data if it has any.
    Variant(Cow<'static, str>, Option<Box<Node>>),
    /// A number with a type of its own (`BufferId`, `RequestId`).
    Id(&'static str, u64),
}

impl Node {
    /// The object of the id.
    pub fn object(&self) -> Option<Object> {
        match *self {
            Node::Id(ty, index) => Some(Kind::of_id(ty)?.object(u32::try_from(index).ok()?)),
            _ => None,
        }
    }

    /// A record's field.
    pub fn field(&self, name: &str) -> Option<&Node> {
        match self {
            Node::Record(fields) => fields.iter().find(|(field, _)| field == name).map(|(_, node)| node),
            Node::Variant(_, Some(data)) => data.field(name),
            _ => None,
        }
    }

    /// Visits this node and all below it, in order. The name is that of the closest field.
    pub fn walk<'n>(&'n self, name: &'n str, visit: &mut impl FnMut(&'n str, &'n Node)) {
        visit(name, self);
        match self {
            Node::List(items) => items.iter().for_each(|item| item.walk(name, visit)),
            Node::Record(fields) => fields.iter().for_each(|(field, node)| node.walk(field, visit)),
            Node::Variant(_, Some(data)) => data.walk(name, visit),
            _ => {}
        }
    }

    /// As [`Node::walk`], to change nodes. Children are visited after the change.
    pub fn walk_mut(&mut self, name: &str, change: &mut impl FnMut(&str, &mut Node)) {
        change(name, self);
        match self {
            Node::List(items) => items.iter_mut().for_each(|item| item.walk_mut(name, change)),
            Node::Record(fields) => fields.iter_mut().for_each(|(field, node)| node.walk_mut(field, change)),
            Node::Variant(_, Some(data)) => data.walk_mut(name, change),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use airlock_protocol::{
        Command, Event, Payload,
        commands::{adapter::Capabilities, buffer::*, error::*, queue::*, render_pass::*, session::*, texture::*},
        ids::*,
    };

    fn round_trip(command: Command<'_>) {
        let node = Node::of(&command).unwrap();
        let json = serde_json::to_string(&node.to_json()).unwrap();
        let back = Node::from_json(&serde_json::from_str(&json).unwrap()).unwrap();
        // NaN is not equal to itself, but its text is.
        assert_eq!(format!("{:?}", node.decode::<Command<'_>>().unwrap()), format!("{command:?}"), "{json}");
        assert_eq!(format!("{:?}", back.decode::<Command<'_>>().unwrap()), format!("{command:?}"), "{json}");
    }

    #[test]
    fn commands_come_back() {
        round_trip(
            CreateBuffer {
                device: DeviceId(0),
                buffer: BufferId(3),
                label: "say \"hi\"\n",
                size: u64::MAX,
                usage: BufferUsage::COPY_DST | BufferUsage::from_bits_retain(1 << 30),
                mapped_at_creation: false,
            }
            .into(),
        );
        for data in [&[][..], &[0, 255, 7]] {
            let (device, buffer) = (DeviceId(0), BufferId(3));
            round_trip(WriteBuffer { device, buffer, offset: 16, data: Payload::Inline(data) }.into());
        }
        let data = Payload::Shared { start: 65536, len: 20000 };
        round_trip(WriteBuffer { device: DeviceId(0), buffer: BufferId(3), offset: 0, data }.into());
        for value in [0.1, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::from_bits(0x7ff8_0000_0000_0123), 1e300] {
            let attachment = ColorAttachment {
                view: TextureViewId(5),
                depth_slice: None,
                resolve_target: Some(TextureViewId(6)),
                clear_value: [0.0, value, -0.0, 1.0],
                load_op: LoadOp::Clear,
                store_op: StoreOp::Store,
            };
            round_trip(
                BeginRenderPass {
                    encoder: CommandEncoderId(2),
                    pass: RenderPassId(0),
                    label: "",
                    color_attachments: vec![None, Some(attachment)],
                    depth_stencil_attachment: None,
                    occlusion_query_set: None,
                    timestamp_writes: None,
                }
                .into(),
            );
        }
        let pass = RenderPassId(0);
        for x in [0.1_f32, f32::MIN_POSITIVE, f32::NAN, f32::INFINITY] {
            round_trip(SetViewport { pass, x, y: 0.0, width: 1.0, height: 1.0, min_depth: 0.0, max_depth: 1.0 }.into());
        }
        round_trip(
            RenderPassDrawIndexed {
                pass,
                index_count: 1,
                instance_count: 2,
                first_index: 3,
                base_vertex: -4,
                first_instance: 5,
            }
            .into(),
        );
        round_trip(
            CreateTextureView {
                texture: TextureId(0),
                view: TextureViewId(5),
                label: "",
                format: None,
                dimension: Some(TextureViewDimension::D2Array),
                usage: Some(TextureUsage::empty()),
                aspect: TextureAspect::All,
                base_mip_level: 0,
                mip_level_count: None,
                base_array_layer: 0,
                array_layer_count: Some(2),
            }
            .into(),
        );
        round_trip(DropObject { object: Object::QuerySet(QuerySetId(9)) }.into());
    }

    #[test]
    fn events_come_back() {
        let error = GpuError { kind: ErrorFilter::Validation, message: "no".to_owned() };
        for event in [
            Event::AdapterReply { request: RequestId(1), result: Ok(Box::new(Capabilities::default())) },
            Event::AdapterReply { request: RequestId(1), result: Err("none".to_owned()) },
            Event::ScopePopped { request: RequestId(1), result: Ok(Some(error.clone())) },
            Event::ScopePopped { request: RequestId(1), result: Ok(None) },
            Event::ScopePopped { request: RequestId(1), result: Err(()) },
            Event::Mapped { request: RequestId(1), result: Ok(()) },
            Event::Uncaptured { device: DeviceId(0), error },
        ] {
            let node = Node::of(&event).unwrap();
            let json = serde_json::to_string(&node.to_json()).unwrap();
            let back = Node::from_json(&serde_json::from_str(&json).unwrap()).unwrap();
            assert_eq!(back.decode::<Event<'_>>().unwrap(), event, "{json}");
        }
    }
}
