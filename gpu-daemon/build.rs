//! The linker options of `gpu-daemon`.

#[path = "../protocol/link.rs"]
mod link;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    link::options();
}
