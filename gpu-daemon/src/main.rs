//! The `gpu-daemon` program; all of it is in the library beside it, where tests and fuzzers reach it.

use std::process::ExitCode;

fn main() -> ExitCode {
    gpu_daemon::main()
}
