//! `airlock compile`: the compiler's process, which [`compile`] starts for a component that no cache has.
//!
//! Cranelift and wasmtime's validation are large, and a component is a stranger's. The process confines itself before it reads
//! the first byte: it keeps its three standard streams, which are files in memory, and may open, connect to and start nothing.
//!
//! | stream | content |
//! |---|---|
//! | standard input | the component, sealed |
//! | standard output | its machine code, or the reason why it is invalid |
//! | standard error | messages, of which the last line is reported if the process breaks |

use std::{
    env,
    fs::File,
    io::{self, Read as _, Seek as _, Write as _},
    os::{
        fd::AsFd as _,
        unix::{fs::FileExt as _, process::CommandExt as _, process::ExitStatusExt as _},
    },
    process::{Command, ExitStatus, Stdio},
};

use airlock::confine::Reach;
use airlock_traces::cli::{jail::JailMode, terminal};
use clap::Args;
use rustix::process::{Resource, Rlimit, Signal, getrlimit, set_parent_process_death_signal, setrlimit};

use super::{
    component::ComponentFile,
    confine::confine,
    engine::{self, Settings},
    error::{CliError, root_cause},
    memory_file,
};

/// Upper bound of the machine code in bytes, so that a hostile component cannot fill the machine's memory with it. Code has a few
/// times the length of its component.
const MAX_CODE: u64 = 1 << 30;
/// Upper bound of the bytes that are read of a reason or a message.
const MAX_TEXT: u64 = 4 << 10;
/// Exit code for an invalid component, whose reason is on standard output.
const INVALID: u8 = 3;

/// Compile a component
#[derive(Debug, Args)]
pub struct Arguments {
    /// How strictly it confines itself
    #[arg(long)]
    jail: JailMode,
    /// The code checks its deadline
    #[arg(long)]
    interruptible: bool,
}

/// Compiles a component in a process of its own.
pub fn compile(file: &ComponentFile, settings: Settings) -> Result<Vec<u8>, CliError> {
    let failed = |cause: io::Error| CliError::Part { part: "compiler's", cause };
    let component = memory_file::sealed("component", &file.bytes).map_err(failed)?;
    let code = memory_file::empty("code").map_err(failed)?;
    let messages = memory_file::empty("messages").map_err(failed)?;
    let stream = |file: &File| file.try_clone().map(Stdio::from).map_err(failed);
    // The running executable, even where its file has been replaced since.
    let mut command = Command::new("/proc/self/exe");
    command.arg0("airlock").arg("compile").arg(format!("--jail={}", settings.jail)).env_clear();
    // Where the program's own libraries are, if anywhere else than usual.
    command.envs(env::var_os("LD_LIBRARY_PATH").map(|folders| ("LD_LIBRARY_PATH", folders)));
    command.args(settings.interruptible.then_some("--interruptible"));
    command.stdin(Stdio::from(component)).stdout(stream(&code)?).stderr(stream(&messages)?);
    tracing::debug!("{} is compiled", file.file);
    let status = command.status().map_err(failed)?;
    // Nothing writes any more: the process could pass its descriptors on to no other.
    match status.code() {
        Some(0) => read(&code, MAX_CODE).map_err(failed),
        Some(code_of) if code_of == i32::from(INVALID) => {
            let cause = read(&code, MAX_TEXT).map_err(failed)?;
            Err(CliError::Invalid { file: file.file.clone(), cause: one_line(&cause) })
        }
        _ => {
            let said = read(&messages, MAX_TEXT).map(|said| last_line(&said)).unwrap_or_default();
            Err(CliError::Compiler { file: file.file.clone(), how: how(status), said })
        }
    }
}

/// Reads a file from its start, up to a limit.
fn read(file: &File, limit: u64) -> io::Result<Vec<u8>> {
    let length = file.metadata()?.len().min(limit);
    let mut bytes = vec![0; usize::try_from(length).map_err(io::Error::other)?];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}

fn one_line(text: &[u8]) -> String {
    terminal::one_line(&String::from_utf8_lossy(text))
}

fn last_line(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    text.lines().next_back().map(|line| format!(": {}", one_line(line.as_bytes()))).unwrap_or_default()
}

fn how(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, signal) => format!("signal {}", signal.unwrap_or_default()),
    }
}

/// Runs the compiler's process.
pub fn run(arguments: &Arguments) -> Result<u8, CliError> {
    let failed = |cause: io::Error| CliError::Runtime { cause };
    // A parent that ends leaves no compiler behind.
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(|error| failed(error.into()))?;
    let limit = getrlimit(Resource::Fsize);
    let least = |limit: Option<u64>| Some(limit.map_or(MAX_CODE, |limit| limit.min(MAX_CODE)));
    let limit = Rlimit { current: least(limit.current), maximum: least(limit.maximum) };
    setrlimit(Resource::Fsize, limit).map_err(|error| failed(error.into()))?;
    let engine = engine::compiler(arguments.interruptible)?;
    confine(arguments.jail, &Reach::default())?;

    let mut component = Vec::new();
    let mut input = File::from(io::stdin().as_fd().try_clone_to_owned().map_err(failed)?);
    input.rewind().and_then(|()| input.read_to_end(&mut component)).map_err(failed)?;
    let compiled = engine.precompile_component(&component);
    let (bytes, code) = match compiled {
        Ok(code) => (code, 0),
        Err(error) => (root_cause(&error).into_bytes(), INVALID),
    };
    let mut output = File::from(io::stdout().as_fd().try_clone_to_owned().map_err(failed)?);
    output.write_all(&bytes).map_err(failed)?;
    Ok(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_broken_compiler_says_is_one_harmless_line() {
        assert_eq!(last_line(b""), "");
        assert_eq!(last_line(b"first\n\x1b[2Jlast\n"), ": \\u{1b}[2Jlast");
        let file = memory_file::empty("code").unwrap();
        file.write_all_at(b"code", 0).unwrap();
        assert_eq!(read(&file, 3).unwrap(), b"cod");
        assert_eq!(read(&file, 9).unwrap(), b"code");
    }
}
