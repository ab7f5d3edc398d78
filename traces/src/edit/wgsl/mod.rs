//! WGSL as the tools need it: tokens, and declarations of storage buffers. No shader is compiled here, and none is
//! trusted: text, nesting and numbers of declarations are bounded.

pub(crate) mod declarations;
mod layout;
pub(crate) mod tokens;

pub(crate) use declarations::StorageTypes;
pub(crate) use layout::{Scalar, Type};
