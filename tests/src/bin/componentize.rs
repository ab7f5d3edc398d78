//! Turns a guest's core module into a component: `componentize IN.core.wasm OUT.wasm`.
//!
//! The module carries its WIT in custom sections that wit-bindgen wrote; wit-component reads them, checks that imports
//! and exports fit, and wraps the module. The remaining custom sections (names, tool versions, target features) have no
//! effect at run time and only make the file larger and different between machines, so they are removed.
#![allow(clippy::disallowed_methods)]

use std::fmt;
use std::path::Path;
use std::process::ExitCode;

use wit_component::ComponentEncoder;

/// Sections of a component that hold a whole binary of their own: a core module, a component.
const CORE_MODULE_SECTION: u8 = 1;
const COMPONENT_SECTION: u8 = 4;
const CUSTOM_SECTION: u8 = 0;
/// Magic, version and layer.
const PREAMBLE: usize = 8;
/// The fourth preamble field of a component, 0 in a core module.
const COMPONENT_LAYER: u8 = 1;
/// Maximum nesting of binaries; wit-component writes two levels.
const MAX_DEPTH: usize = 8;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [input, output] = args.as_slice() else {
        eprintln!("usage: componentize IN.core.wasm OUT.wasm");
        return ExitCode::from(2);
    };
    match componentize(Path::new(input), Path::new(output)) {
        Ok(size) => {
            println!("{output}: {:.1} KiB", size as f64 / 1024.0);
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("componentize: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// An error, with the name of its file.
struct Problem(String);

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn componentize(input: &Path, output: &Path) -> Result<usize, Problem> {
    let named =
        |path: &Path, what: &str, why: &dyn fmt::Display| Problem(format!("cannot {what} {}: {why}", path.display()));
    let module = std::fs::read(input).map_err(|error| named(input, "read", &error))?;
    let component = ComponentEncoder::default()
        .validate(true)
        .module(&module)
        .and_then(|mut encoder| encoder.encode())
        .map_err(|error| named(input, "make a component of", &format!("{error:#}")))?;
    let stripped = strip(&component, 0).map_err(|error| named(input, "strip the component of", &error))?;
    wit_component::decode(&stripped).map_err(|error| named(output, "read back", &format!("{error:#}")))?;
    std::fs::write(output, &stripped).map_err(|error| named(output, "write", &error))?;
    Ok(stripped.len())
}

/// Copies a binary without its custom sections, and the binaries inside it likewise.
fn strip(binary: &[u8], depth: usize) -> Result<Vec<u8>, String> {
    if depth > MAX_DEPTH {
        return Err(format!("binaries lie more than {MAX_DEPTH} deep in each other"));
    }
    let (preamble, mut rest) = binary
        .split_at_checked(PREAMBLE)
        .filter(|(preamble, _)| preamble.starts_with(b"\0asm"))
        .ok_or("a binary does not start with the WebAssembly magic")?;
    let is_component = preamble[6] == COMPONENT_LAYER;
    let mut kept = preamble.to_vec();
    while let Some((&id, after_id)) = rest.split_first() {
        let (size, after_size) = leb128(after_id)?;
        let (contents, next) = after_size
            .split_at_checked(size)
            .ok_or_else(|| format!("a section of kind {id} claims {size} bytes, {} are left", after_size.len()))?;
        rest = next;
        match id {
            CUSTOM_SECTION => {}
            CORE_MODULE_SECTION | COMPONENT_SECTION if is_component => {
                push_section(&mut kept, id, &strip(contents, depth + 1)?);
            }
            _ => push_section(&mut kept, id, contents),
        }
    }
    Ok(kept)
}

fn push_section(out: &mut Vec<u8>, id: u8, contents: &[u8]) {
    out.push(id);
    let mut size = contents.len();
    while size >= 0x80 {
        out.push((size as u8 & 0x7f) | 0x80);
        size >>= 7;
    }
    out.push(size as u8);
    out.extend_from_slice(contents);
}

/// An unsigned 32-bit LEB128 number and the bytes after it.
fn leb128(bytes: &[u8]) -> Result<(usize, &[u8]), String> {
    let mut value = 0u64;
    for (i, &byte) in bytes.iter().enumerate().take(5) {
        value |= u64::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            let value = usize::try_from(value).map_err(|_| "a section size does not fit".to_string())?;
            return Ok((value, &bytes[i + 1..]));
        }
    }
    Err("a section size is not a LEB128 number of at most five bytes".to_string())
}
