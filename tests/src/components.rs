//! Generated components: a world in WIT becomes a component that has exactly its imports and exports, and whose
//! functions all trap.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{ManglingAndAbi, Resolve};

/// The name by which components import WebGPU.
const WEBGPU: &[u8] = b"wasi:webgpu/webgpu@0.3.0-rc.2";

/// A component as if it had been built against another version of `wasi:webgpu` with a name as long: the name is the only
/// difference.
#[track_caller]
pub fn with_webgpu(component: &[u8], name: &str) -> Vec<u8> {
    // Names stand in a component with their length before them.
    assert_eq!(name.len(), WEBGPU.len(), "a name of another length");
    let mut bytes = component.to_vec();
    let places: Vec<_> = (0..bytes.len()).filter(|&at| bytes[at..].starts_with(WEBGPU)).collect();
    assert!(!places.is_empty(), "the component imports no WebGPU");
    for at in places {
        bytes[at..at + name.len()].copy_from_slice(name.as_bytes());
    }
    bytes
}

/// The component of a world; `wit` is one package, which may contain others as nested packages.
pub fn dummy(wit: &str, world: &str) -> Vec<u8> {
    dummy_of(Resolve::default(), wit, world)
}

/// As [`dummy`], for a package that uses others.
pub fn dummy_of(mut resolve: Resolve, wit: &str, world: &str) -> Vec<u8> {
    let package = resolve.push_str("test.wit", wit).expect("the test's WIT is valid");
    let world = resolve.select_world(&[package], Some(world)).expect("the test's WIT has the world");
    let mut module = dummy_module(&resolve, world, ManglingAndAbi::Standard32);
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).expect("metadata");
    ComponentEncoder::default()
        .module(&module)
        .expect("the dummy module fits its world")
        .encode()
        .expect("the dummy module is a component")
}
