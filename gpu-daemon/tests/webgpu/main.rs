//! What WebGPU prescribes and wgpu, naga or a driver does otherwise: each test is a rule of the specification, tried on a
//! real adapter by a client of a worker.
//!
//! A machine without a GPU has an adapter with lavapipe (Debian and Ubuntu: mesa-vulkan-drivers).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "../common/mod.rs"]
mod common;
mod destroyed;
mod draws;
mod immediates;
mod initialization;
mod kit;
mod limits;
mod passes;
mod shaders;
mod stages;
