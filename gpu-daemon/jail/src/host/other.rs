//! Systems other than Linux: no confinement yet, so that strict mode refuses to run a guest.

use super::reach::{Layer, Reach, Role};

/// Reports all layers as missing.
pub fn confine(_: &Reach, _: Role) -> Vec<Layer> {
    ["no-new-privileges", "capabilities", "landlock", "seccomp"]
        .map(|layer| (layer, Err("only Linux has it".to_owned())))
        .to_vec()
}

/// Reports the layer as missing.
pub fn end_loading() -> Layer {
    ("seccomp", Err("only Linux has it".to_owned()))
}
