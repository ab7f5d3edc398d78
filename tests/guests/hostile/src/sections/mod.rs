//! Sections: each does what is known to hurt hosts of WebGPU, and expects the answer that WebGPU prescribes.

pub mod floods;
pub mod numbers;
pub mod shaders;
pub mod sizes;
pub mod states;
pub mod traps;
