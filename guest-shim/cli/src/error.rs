//! Errors of the commands. Each message is one line that names the cause and, where there is one, the remedy. The exit
//! code is 2 for all of them.

use std::io;

use airlock::ConnectError;
use airlock_traces::cli::ToolError;
use thiserror::Error;

use super::versions::{WEBGPU_ALIAS, WEBGPU_DEPLOYED, WEBGPU_VERSION};

/// Exit code for usage errors and for a set-up that cannot work; clap uses the same.
pub const WRONG_USE: u8 = 2;

/// Error of a command.
#[derive(Debug, Error)]
pub enum CliError {
    /// Error of a trace tool.
    #[error(transparent)]
    Tool(ToolError),
    /// The file cannot be read.
    #[error("cannot read {file}: {}", plain(.cause))]
    Read {
        /// Path of the file.
        file: String,
        cause: io::Error,
    },
    /// The script is not text.
    #[error("{file} is not UTF-8: byte {at} begins no character")]
    NotUtf8 {
        file: String,
        /// Offset of the first invalid byte.
        at: usize,
    },
    /// The script needs a translation first: JSX or CommonJS.
    #[error(
        "{file} is not run as it is: a script is .js, .mjs, .ts or .mts; JSX and CommonJS have to be translated first"
    )]
    ScriptKind {
        /// Path of the script.
        file: String,
    },
    /// The script is too long.
    #[error("{file} has {length} bytes; a script may have {limit}")]
    LongScript {
        file: String,
        /// Length in bytes.
        length: u64,
        /// Maximum length in bytes.
        limit: u64,
    },
    /// The file is not WebAssembly.
    #[error("{file} is not WebAssembly: {found}")]
    NotWasm {
        file: String,
        /// Description of the contents.
        found: &'static str,
    },
    /// The file is WebAssembly's text format.
    #[error(
        "{file} is WebAssembly text, which must become a binary first: `wasm-tools parse {file} -o {}`",
        with_extension(.file, "wasm")
    )]
    Text {
        /// Path of the file.
        file: String,
    },
    /// The file is a core module.
    #[error(
        "{file} is a core module, not a component: make one with `wasm-tools component new {file} -o {}`, or build for \
         a component target such as wasm32-wasip2",
        with_extension(.file, "component.wasm")
    )]
    CoreModule {
        /// Path of the file.
        file: String,
    },
    /// The file is truncated.
    #[error("{file} is truncated: it ends at byte {length}, inside a section")]
    Truncated {
        file: String,
        /// Length in bytes.
        length: usize,
    },
    /// The file is not a valid component, or this build of wasmtime does not support it.
    #[error("{file} is not a valid component: {cause}")]
    Invalid {
        file: String,
        /// The parser's or wasmtime's message.
        cause: String,
    },
    /// The component imports an unsupported version of `wasi:webgpu`.
    #[error(
        "{file} imports {found}; this airlock offers wasi:webgpu {WEBGPU_VERSION}, {WEBGPU_ALIAS} and {WEBGPU_DEPLOYED} only"
    )]
    WebGpuVersion {
        file: String,
        /// Interface and version.
        found: String,
    },
    /// The component has an unsupported import.
    #[error(
        "{file} imports {import}, which airlock does not have (it has WASI 0.2, WASI 0.3.0, wasi:webgpu \
         {WEBGPU_VERSION}, {WEBGPU_ALIAS} and {WEBGPU_DEPLOYED} and, for `airlock run`, wasi-gfx:surface 0.2.0 and \
         wasi:surface 0.0.1)"
    )]
    UnknownImport {
        file: String,
        /// Interface and, where known, function.
        import: String,
    },
    /// The component imports a supported name with another type.
    #[error("{file} imports {import} with another type than airlock has it: {cause}")]
    ImportType {
        file: String,
        /// Interface and, where known, function.
        import: String,
        /// The linker's message.
        cause: String,
    },
    /// The component is not a command.
    #[error("{file} is not a command: it exports {exports}, and `airlock run` needs wasi:cli/run (0.2 or 0.3){hint}")]
    NotCommand {
        file: String,
        /// Names of the exports.
        exports: String,
        /// Name of a suitable command, or empty.
        hint: &'static str,
    },
    /// The component is not an HTTP service.
    #[error(
        "{file} is no HTTP service: it exports {exports}, and `airlock serve` needs wasi:http/handler (0.3.0) or \
         wasi:http/incoming-handler (0.2)"
    )]
    NotService {
        file: String,
        /// Names of the exports.
        exports: String,
    },
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {}", plain(.cause))]
    Listen {
        /// Requested address.
        address: String,
        cause: io::Error,
    },
    /// A process of `airlock serve` cannot be started.
    #[error("cannot start the {part} process: {}", plain(.cause))]
    Part {
        /// Role of the process.
        part: &'static str,
        cause: io::Error,
    },
    /// The front process ended unexpectedly.
    #[error("the front process ended: {how}")]
    FrontEnded {
        /// Description of its exit status.
        how: String,
    },
    /// The processes of `airlock serve` cannot communicate.
    #[error("the processes of `airlock serve` cannot talk to each other: {cause}")]
    Channel {
        /// Text of the error.
        cause: String,
    },
    /// The component is a command of a version that wasmtime does not support.
    #[error("{file} cannot be run as a command: {cause}")]
    CommandVersion {
        file: String,
        /// wasmtime's message.
        cause: String,
    },
    /// The name of a project is not a valid package name.
    #[error("{name} is no name for a package: one starts with a letter and has letters, digits, - and _")]
    PackageName {
        /// The invalid name.
        name: String,
    },
    /// A file or folder of a project cannot be created.
    #[error("cannot make {path}: {}", plain(.cause))]
    NewProject {
        /// File or folder.
        path: String,
        cause: io::Error,
    },
    /// The crate that a project depends on was not found.
    #[error(
        "there is no crate wgpu-wasi in {looked}: run this in a checkout of Airlock, or name its guest-shim/wgpu with \
         --wgpu-wasi"
    )]
    NoWgpuWasi {
        /// Searched folders.
        looked: String,
    },
    /// No connection to a worker.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The worker ended while it listed its adapters.
    #[error("the GPU daemon ended while it looked for adapters: {how}; `airlock doctor` tells more")]
    WorkerEnded {
        /// Description of its end.
        how: String,
    },
    /// There is no adapter.
    #[error("no GPU adapter, not even a software one; `airlock doctor` says what to install")]
    NoAdapter,
    /// No adapter matches the option.
    #[error("no adapter matches --adapter {wanted}; there is {available}")]
    NoSuchAdapter {
        /// Value of the option.
        wanted: String,
        /// Available adapters.
        available: String,
    },
    /// An inherited variable does not exist.
    #[error("--env {name}: there is no such variable to inherit; give a value with --env {name}=VALUE")]
    NoVariable {
        /// Name of the variable.
        name: String,
    },
    /// A folder of `--dir` cannot be opened.
    #[error("--dir {folder}: {cause}")]
    Folder {
        /// Value of the option.
        folder: String,
        cause: String,
    },
    /// An option for frames, with a guest that imports no surface.
    #[error("{file} imports no wasi-gfx:surface and no wasi:surface, so that there are no frames for {option}")]
    NoSurface {
        /// Path of the component.
        file: String,
        option: &'static str,
    },
    /// Frames cannot be written.
    #[error("{option} {path}: {cause}")]
    Frames {
        option: &'static str,
        /// Output file or folder.
        path: String,
        cause: String,
    },
    /// The live view cannot be started.
    #[error("--view={address}: {why}")]
    View {
        /// Requested address.
        address: std::net::SocketAddr,
        why: String,
    },
    /// A layer does not hold in strict mode.
    #[error("this process cannot be confined: {layer}: {why} (--jail=best-effort goes on without it)")]
    Unconfined {
        /// Name of the layer.
        layer: &'static str,
        why: String,
    },
    /// The compiler's process broke.
    #[error("{file} cannot be compiled: the compiler's process ended with {how}{said}")]
    Compiler {
        file: String,
        /// Description of its exit status.
        how: String,
        /// Its last line, after a colon, or nothing.
        said: String,
    },
    /// Machine code cannot be loaded.
    #[error("the machine code of {file} cannot be loaded: {cause}; --no-cache compiles it anew")]
    Code {
        file: String,
        /// wasmtime's message.
        cause: String,
    },
    /// wasmtime cannot be set up.
    #[error("cannot set up wasmtime: {cause}")]
    Engine {
        /// Text of the error.
        cause: String,
    },
    /// The program's threads cannot be started.
    #[error("cannot start the program's threads: {}", plain(.cause))]
    Runtime {
        /// The system's error.
        cause: io::Error,
    },
    /// The report cannot be written.
    #[error("cannot write the report: {cause}")]
    Report {
        /// Text of the error.
        cause: String,
    },
}

/// The system's error text, without the number that Rust appends.
pub fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    let words = text.split(" (os error").next().unwrap_or_default();
    let mut characters = words.chars();
    match characters.next() {
        // The text continues a sentence.
        Some(first) if !characters.as_str().starts_with(|c: char| c.is_uppercase()) => {
            first.to_lowercase().chain(characters).collect()
        }
        _ => words.to_owned(),
    }
}

/// The root cause in one line, without wasmtime's context.
pub fn root_cause(error: &wasmtime::Error) -> String {
    airlock_traces::cli::terminal::one_line(&error.root_cause().to_string())
}

fn with_extension(file: &str, extension: &str) -> String {
    std::path::Path::new(file).with_extension(extension).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn system_errors_read_well_in_a_sentence() {
        assert_eq!(plain(&io::Error::from_raw_os_error(2)), "no such file or directory");
        assert_eq!(plain(&io::Error::other("EOF inside")), "EOF inside");
        assert_eq!(plain(&io::Error::other("")), "");
    }

    #[test]
    fn remedies_name_files() {
        let text = CliError::CoreModule { file: "a/app.wasm".to_owned() }.to_string();
        assert!(text.contains("wasm-tools component new a/app.wasm -o a/app.component.wasm"), "{text}");
    }
}
