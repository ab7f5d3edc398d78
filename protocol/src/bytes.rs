//! Bytes that are written as what they are.
//!
//! Serde shows a slice of bytes as a list, whose elements are written one by one: a piece of 64 KiB took 100 us. A field
//! names [`whole`] in `serialize_with` instead. What is written is the same, a length and the bytes; serde reads borrowed
//! bytes at once by itself.

use serde::{Serialize, Serializer};

/// Writes bytes at once.
pub(crate) fn whole<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
    // Texts of the stream show no bytes as a list without elements, and are to stay as they are.
    if bytes.is_empty() { bytes.serialize(to) } else { to.serialize_bytes(bytes) }
}
