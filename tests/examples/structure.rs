//! Prints the structure of a WIT package, for `wit/structure.txt`: `cargo run --example structure PATH`.
#![allow(clippy::expect_used)]

fn main() {
    let path = std::env::args().nth(1).expect("usage: structure PATH");
    let mut resolve = wit_parser::Resolve::default();
    resolve.push_path(path).expect("the path holds a WIT package");
    print!("{}", airlock_tests::interface::structure(&resolve));
}
