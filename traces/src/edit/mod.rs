//! Editing of traces without a GPU: `analysis` finds the dependences of commands, `tools` read and change files with it,
//! `minimize` searches for the smallest trace that shows a fault, `wgsl` reads as much of a shader as both need.

pub mod analysis;
pub mod minimize;
pub mod tools;
pub(crate) mod wgsl;
