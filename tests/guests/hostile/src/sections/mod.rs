//! Sections: each makes calls that are known to break hosts of WebGPU, and expects the result that WebGPU prescribes.

pub mod floods;
pub mod numbers;
pub mod shaders;
pub mod sizes;
pub mod states;
pub mod traps;
