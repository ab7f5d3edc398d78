//! `airlock new`: a project of a guest that is written on wgpu.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use airlock_protocol::printing;
use airlock_traces::tools::output::Output;
use clap::ValueEnum;

use super::error::{CliError, plain};

/// Folder of the crate `wgpu-wasi` in a checkout.
const WGPU_WASI: &str = "guest-shim/wgpu";

/// Build target of the project.
const TARGET: &str = "wasm32-wasip2";

/// Write a project whose program uses the GPU through wgpu, ready for `cargo build` and `airlock run`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The folder to make; its name is also that of the package.
    name: PathBuf,
    /// What the program does.
    #[arg(long, value_enum, default_value_t = Template::Compute)]
    template: Template,
    /// The crate `wgpu-wasi`, guest-shim/wgpu of a checkout; looked for in this folder and those around it by default.
    #[arg(long, value_name = "FOLDER", env = "AIRLOCK_WGPU_WASI")]
    wgpu_wasi: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Template {
    /// Squares numbers in a compute shader.
    Compute,
    /// Draws a triangle into a PNG file.
    Render,
}

impl Template {
    /// Source of the program: an example of `wgpu-wasi`, which that crate's own build compiles.
    fn program(self) -> &'static str {
        match self {
            Template::Compute => include_str!("../../wgpu/examples/compute.rs"),
            Template::Render => include_str!("../../wgpu/examples/render.rs"),
        }
    }

    fn dependencies(self) -> &'static str {
        match self {
            Template::Compute => "",
            Template::Render => "png = \"0.18\"\n",
        }
    }

    fn options(self) -> &'static str {
        match self {
            Template::Compute => "",
            Template::Render => "--dir . ",
        }
    }
}

/// Writes the project and prints the next steps.
pub fn new(arguments: Arguments) -> Result<u8, CliError> {
    let Arguments { name: folder, template, wgpu_wasi } = arguments;
    let name = package_name(&folder)?;
    let wgpu_wasi = match wgpu_wasi {
        Some(given) => absolute(&given).ok_or(CliError::NoWgpuWasi { looked: given.display().to_string() })?,
        None => {
            find_wgpu_wasi().ok_or(CliError::NoWgpuWasi { looked: "this folder and those around it".to_owned() })?
        }
    };
    let files = [
        ("Cargo.toml", manifest(&name, template, &wgpu_wasi)),
        (".cargo/config.toml", format!("[build]\ntarget = \"{TARGET}\"\n")),
        (".gitignore", "/target\n".to_owned()),
        ("src/main.rs", template.program().to_owned()),
    ];
    let cannot = |path: &Path, cause: io::Error| CliError::NewProject { path: path.display().to_string(), cause };
    // `create_dir` fails for an existing folder: nothing is overwritten.
    fs::create_dir(&folder).map_err(|cause| cannot(&folder, cause))?;
    for (file, contents) in files {
        let path = folder.join(file);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(|cause| cannot(parent, cause))?;
        }
        Output::write(&path, contents.as_bytes()).map_err(|cause| cannot(&path, cause))?;
    }
    let (place, options) = (folder.display(), template.options());
    let text = format!(
        "{place} is a program on wgpu. To run it:\n\n    rustup target add {TARGET}\n    cd {place}\n    cargo build \
         --release\n    airlock run {options}target/{TARGET}/release/{name}.wasm\n"
    );
    printing::print(&text).map_err(|cause| CliError::Report { cause: plain(&cause) })?;
    Ok(0)
}

/// The package's name, if it is valid for Cargo.
fn package_name(folder: &Path) -> Result<String, CliError> {
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if is_name { Ok(name.to_owned()) } else { Err(CliError::PackageName { name: folder.display().to_string() }) }
}

/// Path of the crate in this folder or in one of its ancestors.
fn find_wgpu_wasi() -> Option<PathBuf> {
    let here = std::env::current_dir().ok()?;
    here.ancestors().find_map(|folder| absolute(&folder.join(WGPU_WASI)))
}

/// Absolute path of a folder that has a manifest.
fn absolute(folder: &Path) -> Option<PathBuf> {
    folder.join("Cargo.toml").is_file().then(|| folder.canonicalize().ok()).flatten()
}

fn manifest(name: &str, template: Template, wgpu_wasi: &Path) -> String {
    // A TOML string has JSON's escapes.
    let wgpu_wasi = serde_json::Value::from(wgpu_wasi.display().to_string());
    format!(
        r#"[package]
name = "{name}"
version = "0.1.0"
edition = "2024"

[dependencies]
# Without the features that stand for drivers and browsers.
wgpu = {{ version = "30", default-features = false, features = ["std", "wgsl"] }}
wgpu-wasi = {{ path = {wgpu_wasi} }}
pollster = "0.4"
{}
[profile.release]
lto = true
strip = true

[workspace]
"#,
        template.dependencies()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_packages() {
        for good in ["a", "my-guest", "folder/my_guest2"] {
            assert!(package_name(Path::new(good)).is_ok(), "{good}");
        }
        for bad in ["", "..", "2d", "a b", "ä", "\"", "a.b"] {
            assert!(package_name(Path::new(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_path_is_quoted() {
        let manifest = manifest("guest", Template::Render, Path::new("/a \"b\"\\c"));
        assert!(manifest.contains(r#"wgpu-wasi = { path = "/a \"b\"\\c" }"#), "{manifest}");
        assert!(manifest.contains("png = "), "{manifest}");
    }
}
