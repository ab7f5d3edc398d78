//! What commands do to the contents of buffers and textures, without a GPU: which contents follow from the trace, which
//! are different in every run, and which commands a part of a trace needs.

mod compact;
mod contents;
mod graph;
pub(crate) mod log;
mod names;
mod passes;
mod ranges;
mod resources;
mod session;
mod slice;
mod uncertainty;

pub use slice::FromBefore;
pub use uncertainty::{Uncertain, Uncertainty};
