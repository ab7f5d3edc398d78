//! The `airlock` command: runs components that use a GPU, and says what this machine has for them.

mod cli;

use std::process::ExitCode;

use airlock_protocol::allocator::BySize;

#[global_allocator]
static ALLOCATOR: BySize = BySize;

fn main() -> ExitCode {
    cli::main()
}
