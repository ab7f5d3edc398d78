//! The `airlock` command: runs components that use a GPU, and says what this machine has for them.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
