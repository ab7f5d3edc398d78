//! Writes the interface for the generated bindings, without the functions that `src/v0_3/data.rs` defines by hand: a linker
//! accepts each function once, and a generated duplicate would be dead code.
#![allow(clippy::disallowed_methods)]

use std::{env, error::Error, fs, path::Path};

/// The interface, and the functions that are not generated.
const WIT: &str = "../../wit/webgpu.wit";
const BY_HAND: [&str; 4] = [
    "write-buffer-with-copy",
    "write-texture-with-copy",
    "get-mapped-range-get-with-copy",
    "get-mapped-range-set-with-copy",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed={WIT}");
    let mut wit = fs::read_to_string(WIT).map_err(|error| format!("{WIT}: {error}"))?;
    for function in BY_HAND {
        wit = without(&wit, function)?;
    }
    let out = env::var_os("OUT_DIR").ok_or("cargo names no OUT_DIR")?;
    // A raw string with more marks than WIT uses.
    fs::write(Path::new(&out).join("webgpu.rs"), format!("bindings!(r####\"{wit}\"####);\n"))?;
    Ok(())
}

/// Removes a function and its documentation from the interface.
fn without(wit: &str, function: &str) -> Result<String, Box<dyn Error>> {
    let declared = format!("    {function}: func(");
    let mut kept: Vec<&str> = Vec::new();
    let mut lines = wit.lines();
    let mut found = 0;
    while let Some(line) = lines.next() {
        if !line.starts_with(&declared) {
            kept.push(line);
            continue;
        }
        found += 1;
        while kept.last().is_some_and(|line| line.trim_start().starts_with("///")) {
            kept.pop();
        }
        let mut end = Some(line);
        while end.is_some_and(|line| !line.ends_with(';')) {
            end = lines.next();
        }
    }
    if found != 1 {
        return Err(format!("{WIT} declares {function} {found} times").into());
    }
    Ok(kept.join("\n"))
}
