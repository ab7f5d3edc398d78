//! Lists of a pass's commands, for the interface `airlock:passes`: a guest writes a [`List`], its host reads it.
//!
//! # Where a line of code belongs
//!
//! `command` is the table of commands, from which writer and reader are generated; `field` has the encoding of a field; `cursor`
//! reads bytes from a list, and defines the errors of malformed ones; `reader` reads a whole list.
//!
//! # Invariants
//!
//! - The reader accepts or rejects any bytes, without a panic and without memory in proportion to a number in them.
//! - Every list that [`List`] writes is read as the same commands.
#![doc = include_str!("../README.md")]

mod command;
mod cursor;
mod field;
mod reader;

pub use command::{Command, List};
pub use cursor::Malformed;
pub use field::{IndexFormat, Offsets, Size, Token, Tokens};
pub use reader::Reader;

/// Maximum bytes of a list; a longer one is rejected.
pub const MAX_LIST: usize = 64 << 20;
