//! The command stream as text: one line per command, from the bytes of its batches.
//!
//! A line is the command's number in the session, its name, and its fields:
//!
//! ```text
//! 41 CreateBuffer device=0 buffer=3 label="vertices" size=1024 usage=COPY_DST|VERTEX mapped_at_creation=false
//! 42 WriteBuffer device=0 buffer=3 offset=0 data=Inline(<1024 bytes>)
//! ```
//!
//! [`notation`] says how values are written, [`CommandLines`] turns batches into lines. Nothing here names a command: a
//! new one has its line as soon as `airlock-protocol` defines it.

mod lines;
pub mod notation;

pub use lines::{CommandLines, LinesError};
