//! The `gpu-daemon` program. Its code is in the library beside it, where tests and fuzzers reach it.

use std::process::ExitCode;

use airlock_protocol::allocator::BySize;

#[global_allocator]
static ALLOCATOR: BySize = BySize;

fn main() -> ExitCode {
    gpu_daemon::main()
}
