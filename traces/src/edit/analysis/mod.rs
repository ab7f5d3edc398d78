//! The effect of commands on the contents of buffers and textures, without a GPU: which contents follow from the trace,
//! which differ in every run, which are rounded differently elsewhere, and which commands a part of a trace needs.

mod compact;
mod contents;
mod form;
mod forms;
mod graph;
pub(crate) mod log;
mod node;
mod operations;
mod passes;
mod ranges;
mod resources;
mod session;
mod slice;
mod uncertainty;

pub use form::Formed;
pub(crate) use form::{Form, Texels};
pub(crate) use graph::{Grain, Graph, is_recorder};
pub(crate) use node::NodeId;
pub(crate) use session::Session;
pub use slice::FromBefore;
pub use uncertainty::{Latitude, Uncertain, Uncertainty};
