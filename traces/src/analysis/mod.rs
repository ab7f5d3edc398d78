//! What commands do to the contents of buffers and textures, without a GPU: which contents follow from the trace, and which
//! are different in every run.

mod uncertainty;

pub use uncertainty::{Uncertain, Uncertainty};
