//! Systems other than Linux: no jail yet, so that strict mode refuses to start.

use std::collections::BTreeSet;

use super::{
    layer::{Family, Layer},
    plan::{Entered, Plan},
};

const WHY: &str = "only Linux has it";

/// Reports all layers as missing.
pub fn enter(plan: &Plan) -> Entered {
    let layers = Layer::ALL.map(|layer| (layer, Err(WHY.to_owned()))).to_vec();
    Entered { layers, cache: plan.cache.map(|_| Err(WHY.to_owned())) }
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
pub fn narrow(_: &BTreeSet<Family>, _: u64, _: bool) -> Result<(), String> {
    Err(WHY.to_owned())
}
