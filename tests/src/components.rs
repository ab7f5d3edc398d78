//! Generated components: a world in WIT becomes a component that has exactly its imports and exports, and whose
//! functions all trap.
#![allow(clippy::expect_used, clippy::panic)]

use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{ManglingAndAbi, Resolve};

/// The component of a world; `wit` is one package, which may contain others as nested packages.
pub fn dummy(wit: &str, world: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
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
