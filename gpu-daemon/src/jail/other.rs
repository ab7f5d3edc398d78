//! Systems other than Linux: no jail yet, so that strict mode refuses to start.

use std::{collections::BTreeSet, path::Path};

use super::layer::{Family, Layer};

/// Reports all layers as missing.
pub fn enter(_: Option<&Path>, _: u64, _: Vec<(Layer, Result<(), String>)>) -> Vec<(Layer, Result<(), String>)> {
    Layer::ALL.map(|layer| (layer, Err("only Linux has it".to_owned()))).to_vec()
}

/// Does nothing.
pub fn prepare(_: &[i32]) -> Vec<(Layer, Result<(), String>)> {
    Vec::new()
}

/// Unknown here: assumes a GPU.
pub fn has_gpu() -> bool {
    true
}

/// Unsupported.
pub fn narrow(_: &BTreeSet<Family>, _: u64) -> Result<(), String> {
    Err("only Linux has it".to_owned())
}
