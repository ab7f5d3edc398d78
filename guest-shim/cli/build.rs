//! The linker options of `airlock`.

#[path = "../../protocol/link.rs"]
mod link;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    link::options();
}
