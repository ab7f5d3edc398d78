//! The fields in which two trees differ.

use serde_json::Value;

use super::rows::Change;
use crate::{edit::tools::short_text, schema::node::Node};

/// Reported fields of one command: the first ones of a list of a thousand different entries are enough.
const MAX_CHANGES: usize = 64;

/// Finds the differences of two trees; `same` says whether two ids mean the same object.
pub(super) fn changes(a: &Node, b: &Node, same: &dyn Fn(u64, u64) -> bool) -> Vec<Change> {
    let mut found = Vec::new();
    compare("", Some(a), Some(b), same, &mut found);
    found
}

fn compare(path: &str, a: Option<&Node>, b: Option<&Node>, same: &dyn Fn(u64, u64) -> bool, found: &mut Vec<Change>) {
    if found.len() >= MAX_CHANGES {
        return;
    }
    match (a, b) {
        (Some(Node::Record(fields)), Some(Node::Record(others))) => {
            for (name, node) in fields {
                let other = others.iter().find(|(other, _)| other == name).map(|(_, node)| node);
                compare(&join(path, name), Some(node), other, same, found);
            }
            for (name, node) in others.iter().filter(|(name, _)| !fields.iter().any(|(field, _)| field == name)) {
                compare(&join(path, name), None, Some(node), same, found);
            }
        }
        (Some(Node::List(items)), Some(Node::List(others))) => {
            for place in 0..items.len().max(others.len()) {
                compare(&format!("{path}[{place}]"), items.get(place), others.get(place), same, found);
                if found.len() >= MAX_CHANGES {
                    return;
                }
            }
        }
        (Some(Node::Variant(name, Some(data))), Some(Node::Variant(other, Some(others)))) if name == other => {
            // The outermost variant is the command itself.
            let path = if path.is_empty() { String::new() } else { join(path, name) };
            compare(&path, Some(data), Some(others), same, found);
        }
        // Requests are numbered in the order of their calls: a number has no meaning of its own.
        (Some(Node::Id("RequestId", _)), Some(Node::Id("RequestId", _))) => {}
        (Some(Node::Id(_, x)), Some(Node::Id(_, y))) if same(*x, *y) => {}
        (Some(Node::Float(x)), Some(Node::Float(y))) if x.to_bits() == y.to_bits() => {}
        (Some(Node::Id(..)), Some(Node::Id(..))) => {
            let text = |node| Some(short_node(node));
            found.push(Change { field: path.to_owned(), old: a.and_then(text), new: b.and_then(text) });
        }
        (Some(Node::Text(x)), Some(Node::Text(y))) if x != y => {
            let (old, new) = around(x, y);
            found.push(Change { field: path.to_owned(), old: Some(old), new: Some(new) });
        }
        _ if a == b => {}
        _ => found.push(Change { field: path.to_owned(), old: a.map(short_node), new: b.map(short_node) }),
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// A tree in a few words.
fn short_node(node: &Node) -> String {
    match node {
        Node::Absent => "-".to_owned(),
        Node::Id(kind, number) => {
            let kind = kind.trim_end_matches("Id");
            // Not its id, which is reused: the first object that was made is number 1.
            number.checked_add(1).map_or_else(|| format!("{kind} that nobody made"), |n| format!("{kind} (object {n})"))
        }
        Node::Float(value) => format!("{value:?}"),
        Node::Text(text) => format!("{:?}", short_text(text)),
        Node::Bytes(bytes) => format!("{} bytes", bytes.len()),
        Node::Variant(name, None) => name.to_string(),
        node => short_text(&node.to_json().to_string()).to_owned(),
    }
}

/// Two texts around their first difference: the line of a long text, the whole of a short one.
fn around(a: &str, b: &str) -> (String, String) {
    if short_text(a).len() == a.len() && short_text(b).len() == b.len() {
        return (format!("{a:?}"), format!("{b:?}"));
    }
    let line = a.lines().zip(b.lines()).take_while(|(a, b)| a == b).count();
    let nth = |text: &str| {
        let found = text.lines().nth(line).map(str::trim);
        found.map_or_else(|| format!("{} lines", text.lines().count()), |found| format!("{:?}", short_text(found)))
    };
    let number = line.saturating_add(1);
    (format!("line {number}: {}", nth(a)), format!("line {number}: {}", nth(b)))
}

/// The differences of two JSON values.
pub(super) fn json_changes(a: &Value, b: &Value) -> Vec<Change> {
    let mut found = Vec::new();
    if let (Ok(a), Ok(b)) = (Node::from_json(a), Node::from_json(b)) {
        compare("", Some(&a), Some(&b), &|x, y| x == y, &mut found);
    }
    found
}
