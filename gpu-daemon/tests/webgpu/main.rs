//! Conformance where wgpu, naga or a driver deviates from WebGPU: each test is a rule of the specification, tested on a
//! real adapter by a client of a worker.
//!
//! On a machine without a GPU, lavapipe provides an adapter (Debian and Ubuntu: mesa-vulkan-drivers).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "../common/mod.rs"]
mod common;
mod destroyed;
mod draws;
mod immediates;
mod initialization;
mod kit;
mod limits;
mod limits_table;
mod passes;
mod results;
mod shaders;
mod stages;
mod usages;
