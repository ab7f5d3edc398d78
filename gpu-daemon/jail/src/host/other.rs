//! Systems that are not Linux: nothing confines a process here yet, and strict mode refuses to run a guest.

use super::reach::{Accepts, Layer, Reach};

/// Nothing is given up.
pub fn confine(_: &Reach, _: Accepts) -> Vec<Layer> {
    ["no-new-privileges", "capabilities", "landlock", "seccomp"]
        .map(|layer| (layer, Err("only Linux has it".to_owned())))
        .to_vec()
}
