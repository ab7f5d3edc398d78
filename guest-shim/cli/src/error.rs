//! Every way in which a command cannot do what it is asked. Each message is one line that names the cause and, where
//! there is one, the remedy. The exit code is 2 for all of them.

use std::io;

use airlock::ConnectError;
use airlock_traces::cli::ToolError;
use thiserror::Error;

use super::versions::{WEBGPU_ALIAS, WEBGPU_VERSION};

/// Exit code for usage errors and for a set-up that cannot work; clap uses the same.
pub const WRONG_USE: u8 = 2;

/// Why a command cannot do what it is asked.
#[derive(Debug, Error)]
pub enum CliError {
    /// A trace tool says why.
    #[error(transparent)]
    Tool(ToolError),
    /// The file cannot be read.
    #[error("cannot read {file}: {}", plain(.cause))]
    Read {
        /// The file.
        file: String,
        /// What the system says.
        cause: io::Error,
    },
    /// The script is not text.
    #[error("{file} is not UTF-8: byte {at} begins no character")]
    NotUtf8 {
        /// The file.
        file: String,
        /// The first byte in question.
        at: usize,
    },
    /// A script of a kind that is not run as it is.
    #[error(
        "{file} is not run as it is: a script is .js, .mjs, .ts or .mts; JSX and CommonJS have to be translated first"
    )]
    ScriptKind {
        /// Its name.
        file: String,
    },
    /// The script is too long.
    #[error("{file} has {length} bytes; a script may have {limit}")]
    LongScript {
        /// The file.
        file: String,
        /// Its length in bytes.
        length: u64,
        /// The longest that is read.
        limit: u64,
    },
    /// The file is none of WebAssembly's.
    #[error("{file} is not WebAssembly: {found}")]
    NotWasm {
        /// The file.
        file: String,
        /// What it is instead.
        found: &'static str,
    },
    /// The file is WebAssembly's text format.
    #[error(
        "{file} is WebAssembly text, which must become a binary first: `wasm-tools parse {file} -o {}`",
        with_extension(.file, "wasm")
    )]
    Text {
        /// The file.
        file: String,
    },
    /// The file is a core module.
    #[error(
        "{file} is a core module, not a component: make one with `wasm-tools component new {file} -o {}`, or build for \
         a component target such as wasm32-wasip2",
        with_extension(.file, "component.wasm")
    )]
    CoreModule {
        /// The file.
        file: String,
    },
    /// The file ends too early.
    #[error("{file} is truncated: it ends at byte {length}, inside a section")]
    Truncated {
        /// The file.
        file: String,
        /// Its length.
        length: usize,
    },
    /// The file is not a valid component, or one that this build of wasmtime does not take.
    #[error("{file} is not a valid component: {cause}")]
    Invalid {
        /// The file.
        file: String,
        /// What wasmtime says.
        cause: String,
    },
    /// The component wants another version of the interface.
    #[error("{file} imports {found}; this airlock offers wasi:webgpu {WEBGPU_VERSION} and {WEBGPU_ALIAS} only")]
    WebGpuVersion {
        /// The file.
        file: String,
        /// The interface and its version.
        found: String,
    },
    /// The component wants what is not there.
    #[error(
        "{file} imports {import}, which airlock does not have (it has WASI 0.2, WASI 0.3.0, wasi:webgpu \
         {WEBGPU_VERSION} and {WEBGPU_ALIAS} and, for `airlock run`, wasi-gfx:surface 0.2.0)"
    )]
    UnknownImport {
        /// The file.
        file: String,
        /// The interface and, where known, the function.
        import: String,
    },
    /// The component wants something under a name that has another type here.
    #[error("{file} imports {import} with another type than airlock has it: {cause}")]
    ImportType {
        /// The file.
        file: String,
        /// The interface and, where known, the function.
        import: String,
        /// How they differ.
        cause: String,
    },
    /// The component cannot be run as a command.
    #[error("{file} is not a command: it exports {exports}, and `airlock run` needs wasi:cli/run (0.2 or 0.3){hint}")]
    NotCommand {
        /// The file.
        file: String,
        /// What it exports.
        exports: String,
        /// What can be done with it.
        hint: &'static str,
    },
    /// The component answers no requests.
    #[error(
        "{file} is no HTTP service: it exports {exports}, and `airlock serve` needs wasi:http/handler (0.3.0) or \
         wasi:http/incoming-handler (0.2)"
    )]
    NotService {
        /// The file.
        file: String,
        /// What it exports.
        exports: String,
    },
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {}", plain(.cause))]
    Listen {
        /// What was asked for.
        address: String,
        /// What the system says.
        cause: io::Error,
    },
    /// A process of `airlock serve` does not start.
    #[error("cannot start the {part} process: {}", plain(.cause))]
    Part {
        /// Which one.
        part: &'static str,
        /// What the system says.
        cause: io::Error,
    },
    /// The front process ended by itself.
    #[error("the front process ended: {how}")]
    FrontEnded {
        /// How.
        how: String,
    },
    /// The processes of `airlock serve` lost each other.
    #[error("the processes of `airlock serve` cannot talk to each other: {cause}")]
    Channel {
        /// Why.
        cause: String,
    },
    /// A command of a version that wasmtime does not run.
    #[error("{file} cannot be run as a command: {cause}")]
    CommandVersion {
        /// The file.
        file: String,
        /// What wasmtime says.
        cause: String,
    },
    /// A project cannot be called that.
    #[error("{name} is no name for a package: one starts with a letter and has letters, digits, - and _")]
    PackageName {
        /// What was given.
        name: String,
    },
    /// A part of a project cannot be written.
    #[error("cannot make {path}: {}", plain(.cause))]
    NewProject {
        /// The file or folder.
        path: String,
        /// What the system says.
        cause: io::Error,
    },
    /// A project would depend on a crate that is not there.
    #[error(
        "there is no crate wgpu-wasi in {looked}: run this in a checkout of Airlock, or name its guest-shim/wgpu with \
         --wgpu-wasi"
    )]
    NoWgpuWasi {
        /// Where it was looked for.
        looked: String,
    },
    /// There is no worker.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The worker went away while it was asked for its adapters.
    #[error("the GPU daemon ended while it looked for adapters: {how}; `airlock doctor` tells more")]
    WorkerEnded {
        /// How it ended.
        how: String,
    },
    /// There is no adapter.
    #[error("no GPU adapter, not even a software one; `airlock doctor` says what to install")]
    NoAdapter,
    /// No adapter is the one asked for.
    #[error("no adapter matches --adapter {wanted}; there is {available}")]
    NoSuchAdapter {
        /// What was asked for.
        wanted: String,
        /// What there is.
        available: String,
    },
    /// A variable that is to be inherited is not there.
    #[error("--env {name}: there is no such variable to inherit; give a value with --env {name}=VALUE")]
    NoVariable {
        /// Its name.
        name: String,
    },
    /// A folder cannot be given to the guest.
    #[error("--dir {folder}: {cause}")]
    Folder {
        /// The folder.
        folder: String,
        /// What the system says.
        cause: String,
    },
    /// An option about frames, for a guest that has none.
    #[error("{file} imports no wasi-gfx:surface, so that there are no frames for {option}")]
    NoSurface {
        /// The file.
        file: String,
        /// The option.
        option: &'static str,
    },
    /// Frames cannot be written.
    #[error("{option} {path}: {cause}")]
    Frames {
        /// The option.
        option: &'static str,
        /// Where to.
        path: String,
        /// What stands in the way.
        cause: String,
    },
    /// There is no live view.
    #[error("--view={address}: {why}")]
    View {
        /// Where it would be.
        address: std::net::SocketAddr,
        /// Why it is not.
        why: String,
    },
    /// Strict mode, and a layer does not hold.
    #[error("this process cannot be confined: {layer}: {why} (--jail=best-effort goes on without it)")]
    Unconfined {
        /// The layer.
        layer: &'static str,
        /// Why it does not hold.
        why: String,
    },
    /// wasmtime cannot be set up.
    #[error("cannot set up wasmtime: {cause}")]
    Engine {
        /// What it says.
        cause: String,
    },
    /// No threads for the guest.
    #[error("cannot start the program's threads: {}", plain(.cause))]
    Runtime {
        /// What the system says.
        cause: io::Error,
    },
    /// The report cannot be written.
    #[error("cannot write the report: {cause}")]
    Report {
        /// What stands in the way.
        cause: String,
    },
}

/// The system's words without the number that Rust appends.
pub fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    let words = text.split(" (os error").next().unwrap_or_default();
    let mut characters = words.chars();
    match characters.next() {
        // Within a sentence.
        Some(first) if !characters.as_str().starts_with(|c: char| c.is_uppercase()) => {
            first.to_lowercase().chain(characters).collect()
        }
        _ => words.to_owned(),
    }
}

/// What went wrong first, in one line, without what wasmtime wraps around it.
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
