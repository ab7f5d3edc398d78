//! Systems that are not Linux: there is no jail here yet, and strict mode refuses to start.

use std::{collections::BTreeSet, path::Path};

use super::layer::{Family, Layer};

/// Nothing goes up.
pub fn enter(_: Option<&Path>, _: u64, _: Vec<(Layer, Result<(), String>)>) -> Vec<(Layer, Result<(), String>)> {
    Layer::ALL.map(|layer| (layer, Err("only Linux has it".to_owned()))).to_vec()
}

/// Nothing goes up.
pub fn prepare(_: &[i32]) -> Vec<(Layer, Result<(), String>)> {
    Vec::new()
}

/// It is not looked for.
pub fn has_gpu() -> bool {
    true
}

/// There is nothing to narrow.
pub fn narrow(_: &BTreeSet<Family>, _: u64) -> Result<(), String> {
    Err("only Linux has it".to_owned())
}
