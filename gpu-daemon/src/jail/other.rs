//! Systems that are not Linux: there is no jail here yet, and strict mode refuses to start.

use std::collections::BTreeSet;

use super::{
    Entered, Plan,
    layer::{Family, Layer},
};

const WHY: &str = "only Linux has it";

/// Nothing goes up.
pub fn enter(plan: &Plan) -> Entered {
    let layers = Layer::ALL.map(|layer| (layer, Err(WHY.to_owned()))).to_vec();
    Entered { layers, cache: plan.cache.map(|_| Err(WHY.to_owned())) }
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
pub fn narrow(_: &BTreeSet<Family>, _: u64, _: bool) -> Result<(), String> {
    Err(WHY.to_owned())
}
