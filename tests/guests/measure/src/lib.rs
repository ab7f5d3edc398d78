//! Repeated work and its figures, as `tests/bench` reads them, and the work that more than one guest repeats.

mod bench;
mod counter;
pub mod draws;

pub use bench::{Bench, Watch, map, report, unmap};
pub use counter::Counter;
pub use draws::Draws;
