//! Prints the structure of a WIT package, for `wit/structure.txt`: `cargo run --example structure PATH...`. The last path is
//! the package; the paths before it are its dependencies, which are printed as well.
#![allow(clippy::expect_used)]

fn main() {
    let mut resolve = wit_parser::Resolve::default();
    let paths: Vec<_> = std::env::args().skip(1).collect();
    assert!(!paths.is_empty(), "usage: structure PATH...");
    for path in paths {
        resolve.push_path(path).expect("the path holds a WIT package");
    }
    print!("{}", airlock_tests::interface::structure(&resolve));
}
