//! `airlock run app.js` and `airlock run app.ts`: a script instead of a component.
//!
//! The guest is the JavaScript runtime, a component that is embedded in this program; the script is an argument of it. A script
//! therefore needs no folder for itself, and everything else about a run (worker, confinement, recordings) is the same as for any
//! component. The runtime's own arguments come first: the script's name, its path in the guest, the timeout in milliseconds, its
//! source.

use std::{
    fs,
    path::{Component, Path, PathBuf},
    time::Duration,
};

use wasmtime_wasi::WasiCtxBuilder;

use super::{component::ComponentFile, error::CliError};

/// The runtime, built from `guest-shim/js` by its `build.sh`.
static RUNTIME: &[u8] = include_bytes!("../../js/prebuilt/javascript.wasm");

/// File extensions of scripts.
const ENDINGS: [&str; 4] = ["js", "mjs", "ts", "mts"];

/// File extensions of scripts that need a translation first.
const OTHER_ENDINGS: [&str; 4] = ["jsx", "tsx", "cjs", "cts"];

/// Maximum bytes of a script. A program bundled to one file has a few megabytes.
const MAX_SCRIPT: u64 = 64 << 20;

/// A script's name, path and source.
#[derive(Debug)]
pub struct Script {
    name: String,
    /// Path in the guest's folders, if one of them contains the script.
    path: Option<String>,
    source: String,
}

impl Script {
    /// Reads a file if its extension is that of a script. `folders` are the host and guest names of `--dir`.
    pub fn read<'a>(path: &Path, folders: impl Iterator<Item = (&'a str, &'a str)>) -> Result<Option<Self>, CliError> {
        let name = path.display().to_string();
        let ends_in = |endings: &[&str]| {
            path.extension().is_some_and(|ending| endings.iter().any(|known| ending.eq_ignore_ascii_case(known)))
        };
        if ends_in(&OTHER_ENDINGS) {
            return Err(CliError::ScriptKind { file: name });
        }
        if !ends_in(&ENDINGS) {
            return Ok(None);
        }
        let read = |cause| CliError::Read { file: name.clone(), cause };
        let length = fs::metadata(path).map_err(read)?.len();
        if length > MAX_SCRIPT {
            return Err(CliError::LongScript { file: name, length, limit: MAX_SCRIPT });
        }
        let bytes = fs::read(path).map_err(read)?;
        let source = String::from_utf8(bytes)
            .map_err(|error| CliError::NotUtf8 { file: name.clone(), at: error.utf8_error().valid_up_to() })?;
        let path = guest_path(path, folders);
        Ok(Some(Self { name, path, source }))
    }

    /// The runtime's component, for which recordings name the script.
    pub fn component(&self) -> Result<ComponentFile, CliError> {
        ComponentFile::of_script(&self.name, RUNTIME, self.source.as_bytes())
    }

    /// Adds the runtime's own arguments. The script's follow.
    pub fn arguments(&self, wasi: &mut WasiCtxBuilder, timeout: Option<Duration>) {
        wasi.arg(&self.name);
        wasi.arg(self.path.as_deref().unwrap_or_default());
        wasi.arg(timeout.map(|timeout| timeout.as_millis().to_string()).unwrap_or_default());
        wasi.arg(&self.source);
    }
}

/// A file's path for the guest: absolute, in the innermost folder that contains it.
fn guest_path<'a>(file: &Path, folders: impl Iterator<Item = (&'a str, &'a str)>) -> Option<String> {
    let file = file.canonicalize().ok()?;
    let inside = folders.filter_map(|(host, guest)| {
        let host = Path::new(host).canonicalize().ok()?;
        let rest = file.strip_prefix(&host).ok()?.to_path_buf();
        Some((rest, guest))
    });
    let (rest, guest) = inside.min_by_key(|(rest, _)| rest.components().count())?;
    let steps = |path: &Path| -> Vec<String> {
        let normal = path.components().filter_map(|step| match step {
            Component::Normal(step) => Some(step.to_string_lossy().into_owned()),
            _ => None,
        });
        normal.collect()
    };
    let all = [steps(&PathBuf::from(guest)), steps(&rest)].concat();
    Some(format!("/{}", all.join("/")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_scripts_are_taken() {
        let none = || std::iter::empty();
        assert!(matches!(Script::read(Path::new("there/is/none.wasm"), none()), Ok(None)));
        assert!(matches!(Script::read(Path::new("there/is/none"), none()), Ok(None)));
        let error = Script::read(Path::new("there/is/none.JS"), none()).err().map(|error| error.to_string());
        assert!(error.as_deref().unwrap_or_default().starts_with("cannot read there/is/none.JS"), "{error:?}");
        let error = Script::read(Path::new("app.tsx"), none()).err().map(|error| error.to_string());
        assert!(error.as_deref().unwrap_or_default().starts_with("app.tsx is not run as it is"), "{error:?}");
    }

    #[test]
    fn a_script_sees_itself_in_the_innermost_folder() {
        let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let file = crate_folder.join("src/main.rs");
        let outer = crate_folder.display().to_string();
        let inner = crate_folder.join("src").display().to_string();
        let path = |folders: &[(&str, &str)]| guest_path(&file, folders.iter().copied());
        assert_eq!(path(&[(&outer, "/all")]).as_deref(), Some("/all/src/main.rs"));
        assert_eq!(path(&[(&outer, ".")]).as_deref(), Some("/src/main.rs"));
        assert_eq!(path(&[(&outer, "/all"), (&inner, "in")]).as_deref(), Some("/in/main.rs"));
        assert_eq!(path(&[("/proc", "/p")]), None);
        assert_eq!(path(&[]), None);
    }
}
