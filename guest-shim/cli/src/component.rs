//! Components before compilation: file format, imports and exports by name. An unsuitable file gets one clear error, and the
//! worker starts while the component is compiled.

use std::{fs, ops::Range, path::Path};

use airlock::v0_0_1;
use wasmparser::{Chunk, Parser, Payload};

use super::{
    error::CliError,
    versions::{WEBGPU_DEPLOYED, WEBGPU_VERSIONS},
};

/// A component file with the names of its imports and exports.
#[derive(Debug)]
pub struct ComponentFile {
    /// Path for messages.
    pub file: String,
    pub bytes: Vec<u8>,
    imports: Vec<String>,
    exports: Vec<String>,
    /// Bytes that identify the guest in recordings, if not the component's: a script's source.
    source: Option<Vec<u8>>,
}

impl ComponentFile {
    /// The file name without folders.
    pub fn name(&self) -> String {
        Path::new(&self.file).file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Reads a file and checks that it is a component, and that its version of `wasi:webgpu`, if imported, is supported.
    pub fn read(path: &Path) -> Result<Self, CliError> {
        let file = path.display().to_string();
        let bytes = fs::read(path).map_err(|cause| CliError::Read { file: file.clone(), cause })?;
        check_kind(&file, &bytes)?;
        Self::new(file, bytes, None)
    }

    /// The component of a script: `runtime` is the component that runs it.
    pub fn of_script(file: &str, runtime: &[u8], source: &[u8]) -> Result<Self, CliError> {
        Self::new(file.to_owned(), runtime.to_vec(), Some(source.to_vec()))
    }

    fn new(file: String, bytes: Vec<u8>, source: Option<Vec<u8>>) -> Result<Self, CliError> {
        let mut component = Self { file, bytes: Vec::new(), imports: Vec::new(), exports: Vec::new(), source };
        component.scan(&bytes)?;
        component.bytes = bytes;
        component.check_webgpu()?;
        Ok(component)
    }

    /// Bytes that identify the guest in recordings: the component's, or the script's source.
    pub fn identity(&self) -> &[u8] {
        self.source.as_deref().unwrap_or(&self.bytes)
    }

    /// The script's file name, if the component is the script runtime.
    pub fn script(&self) -> Option<&str> {
        self.source.is_some().then_some(self.file.as_str())
    }

    /// True when the component imports `wasi:webgpu`, of any version.
    pub fn imports_webgpu(&self) -> bool {
        self.webgpu_version().is_some()
    }

    /// Version of `wasi:webgpu` that the component imports, the first one of several.
    pub fn webgpu_version(&self) -> Option<&str> {
        self.webgpu_imports().find_map(|import| version(import))
    }

    /// True when the component imports `wasi:webgpu` of version 0.3.0-rc.2, or of 0.2.0-rc.2, which is its alias.
    pub fn imports_v0_3(&self) -> bool {
        self.webgpu_imports().filter_map(|import| version(import)).any(|version| version != WEBGPU_DEPLOYED)
    }

    /// True when the component imports `wasi-gfx:surface` or `wasi:surface`.
    pub fn imports_surface(&self) -> bool {
        self.imports_package("wasi-gfx:surface") || self.imports_package("wasi:surface")
    }

    /// True when the component imports an interface of version 0.0.1.
    pub fn imports_v0_0_1(&self) -> bool {
        let is_deployed = |import: &str| import == v0_0_1::WEBGPU || v0_0_1::SURFACES.contains(&import);
        self.imports.iter().any(|import| is_deployed(import))
    }

    /// True when the component imports an interface of a package, of any version.
    pub fn imports_package(&self, package: &str) -> bool {
        self.imports.iter().any(|import| import.split_once('/').is_some_and(|(name, _)| name == package))
    }

    /// True when the component imports an interface of this minor version of WASI, such as `0.2`. `wasi:webgpu` has versions
    /// of its own.
    pub fn imports_wasi(&self, minor: &str) -> bool {
        let of_version = |version: &str| version.strip_prefix(minor).is_some_and(|rest| rest.starts_with('.'));
        self.imports
            .iter()
            .filter(|import| import.starts_with("wasi:") && !import.starts_with("wasi:webgpu/"))
            .filter_map(|import| version(import))
            .any(of_version)
    }

    /// Names of the exports.
    pub fn exports(&self) -> &[String] {
        &self.exports
    }

    fn webgpu_imports(&self) -> impl Iterator<Item = &String> {
        self.imports.iter().filter(|import| import.starts_with("wasi:webgpu/"))
    }

    fn check_webgpu(&self) -> Result<(), CliError> {
        let is_offered = |import: &&String| version(import).is_some_and(|version| WEBGPU_VERSIONS.contains(&version));
        match self.webgpu_imports().find(|import| !is_offered(import)) {
            Some(found) => Err(CliError::WebGpuVersion { file: self.file.clone(), found: found.clone() }),
            None => Ok(()),
        }
    }

    /// Collects the names of imports and exports from the outermost sections. wasmtime validates nested modules.
    fn scan(&mut self, bytes: &[u8]) -> Result<(), CliError> {
        let mut parser = Parser::new(0);
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            let chunk = parser.parse(rest, false).map_err(|error| self.invalid(&error))?;
            let Chunk::Parsed { consumed, payload } = chunk else { return Err(self.truncated(bytes)) };
            at = match nested(&payload) {
                Some(inside) if inside.end <= bytes.len() => inside.end,
                Some(_) => return Err(self.truncated(bytes)),
                None => at.saturating_add(consumed),
            };
            self.take_names(payload)?;
        }
        Ok(())
    }

    fn take_names(&mut self, payload: Payload<'_>) -> Result<(), CliError> {
        match payload {
            Payload::ComponentImportSection(section) => {
                for import in section {
                    self.imports.push(import.map_err(|error| self.invalid(&error))?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) => {
                for export in section {
                    self.exports.push(export.map_err(|error| self.invalid(&error))?.name.name.to_owned());
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn truncated(&self, bytes: &[u8]) -> CliError {
        CliError::Truncated { file: self.file.clone(), length: bytes.len() }
    }

    fn invalid(&self, error: &wasmparser::BinaryReaderError) -> CliError {
        CliError::Invalid { file: self.file.clone(), cause: error.to_string() }
    }
}

/// Version in the name of an interface.
fn version(import: &str) -> Option<&str> {
    import.rsplit_once('@').map(|(_, version)| version)
}

/// Byte range of a nested module or component, whose sections are not this component's.
fn nested(payload: &Payload<'_>) -> Option<Range<usize>> {
    match payload {
        Payload::ModuleSection { unchecked_range, .. } | Payload::ComponentSection { unchecked_range, .. } => {
            Some(unchecked_range.clone())
        }
        _ => None,
    }
}

/// Rejects a file that is not a component, with an error by its first bytes.
fn check_kind(file: &str, bytes: &[u8]) -> Result<(), CliError> {
    const MAGIC: &[u8] = b"\0asm";
    let file = || file.to_owned();
    if Parser::is_component(bytes) {
        return Ok(());
    }
    if Parser::is_core_wasm(bytes) {
        return Err(CliError::CoreModule { file: file() });
    }
    if bytes.is_empty() {
        return Err(CliError::NotWasm { file: file(), found: "it is empty" });
    }
    if MAGIC.starts_with(bytes) || bytes.starts_with(MAGIC) && bytes.len() < 8 {
        return Err(CliError::Truncated { file: file(), length: bytes.len() });
    }
    if bytes.starts_with(MAGIC) {
        return Err(CliError::NotWasm { file: file(), found: "its header names an unknown version of the format" });
    }
    if is_text(bytes) {
        return Err(CliError::Text { file: file() });
    }
    Err(CliError::NotWasm { file: file(), found: "it does not start with WebAssembly's magic bytes" })
}

/// True for WebAssembly's text format: `(module`, `(component` or a block comment after blanks and line comments.
fn is_text(bytes: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(bytes) else { return false };
    let first = text.lines().map(str::trim_start).find(|line| !line.is_empty() && !line.starts_with(";;"));
    first.is_some_and(|line| line.starts_with("(module") || line.starts_with("(component") || line.starts_with("(;"))
}

#[cfg(test)]
impl ComponentFile {
    /// A component without contents that imports these interfaces.
    pub fn importing(imports: &[&str]) -> Self {
        let imports = imports.iter().map(|&import| import.to_owned()).collect();
        Self { file: "f".to_owned(), bytes: Vec::new(), imports, exports: Vec::new(), source: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(bytes: &[u8]) -> String {
        check_kind("f", bytes).err().map_or_else(String::new, |error| error.to_string())
    }

    fn scan(bytes: &[u8]) -> Result<ComponentFile, CliError> {
        let mut file = ComponentFile::importing(&[]);
        file.scan(bytes).map(|()| file)
    }

    #[test]
    fn wrong_files_are_named() {
        assert_eq!(kind(b"\0asm\x0d\0\x01\0"), "");
        assert!(kind(b"\0asm\x01\0\0\0").contains("core module"));
        assert!(kind(b"").contains("empty"));
        assert!(kind(b"\0as").contains("truncated"));
        assert!(kind(b"\0asm\x0d\0").contains("truncated"));
        assert!(kind(b"\0asm\x09\0\x01\0").contains("unknown version"));
        assert!(kind(b";; a comment\n\n  (component)").contains("wasm-tools parse"));
        assert!(kind(b"\x7fELF").contains("magic"));
        assert!(kind(b"(not wasm)").contains("magic"));
    }

    #[test]
    fn the_imported_version_is_found() {
        let newest = ComponentFile::importing(&["wasi:io/poll@0.2.0", "wasi:webgpu/webgpu@0.3.0-rc.2"]);
        assert_eq!((newest.webgpu_version(), newest.imports_v0_3()), (Some("0.3.0-rc.2"), true));
        let alias = ComponentFile::importing(&["wasi:webgpu/webgpu@0.2.0-rc.2"]);
        assert_eq!((alias.webgpu_version(), alias.imports_v0_3()), (Some("0.2.0-rc.2"), true));
        let deployed = ComponentFile::importing(&["wasi:webgpu/webgpu@0.0.1"]);
        assert_eq!((deployed.webgpu_version(), deployed.imports_v0_3()), (Some("0.0.1"), false));
        assert_eq!(ComponentFile::importing(&["wasi:io/poll@0.2.0"]).webgpu_version(), None);
    }

    #[test]
    fn an_import_is_found_and_a_cut_file_noticed() {
        // An instance type without exports, then an import of it as `wasi:webgpu/webgpu@0.0.2`.
        let mut bytes = b"\0asm\x0d\0\x01\0\x07\x03\x01\x42\0".to_vec();
        let name = b"wasi:webgpu/webgpu@0.0.2";
        bytes.extend([10, 5 + name.len() as u8, 1, 0, name.len() as u8]);
        bytes.extend(name);
        bytes.extend([5, 0]);
        let error = scan(&bytes).and_then(|file| file.check_webgpu()).err().map(|error| error.to_string());
        assert_eq!(
            error.as_deref(),
            Some(
                "f imports wasi:webgpu/webgpu@0.0.2; this airlock offers wasi:webgpu 0.3.0-rc.2, 0.2.0-rc.2 and 0.0.1 only"
            )
        );
        for length in (9..bytes.len()).filter(|&length| length != 13) {
            let error = scan(&bytes[..length]).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.contains("truncated"), "{length}: {error}");
        }
    }
}
