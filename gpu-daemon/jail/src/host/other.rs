//! Systems other than Linux: no confinement yet, so that strict mode refuses to run a guest.

use super::reach::{Accepts, Layer, Reach};

/// Reports all layers as missing.
pub fn confine(_: &Reach, _: Accepts) -> Vec<Layer> {
    ["no-new-privileges", "capabilities", "landlock", "seccomp"]
        .map(|layer| (layer, Err("only Linux has it".to_owned())))
        .to_vec()
}
