//! The trace file: its bytes, its index, and a whole trace in memory.
//!
//! `format` is the layout of records and chunks, `header` the first of them. `writer` makes a file and `reader` reads
//! it, by its `index` or by a scan; `survey` counts the records for both. `trace` holds a whole trace in memory, to be
//! edited. `processor` identifies the machine's processor for the header.

pub mod format;
pub mod header;
pub mod index;
pub mod processor;
pub mod reader;
pub mod survey;
pub mod trace;
pub mod writer;
