//! The export `wasi:cli/run@0.3.0`, which calls the program's `main`.
//!
//! The Rust target `wasm32-wasip2` exports `run` of WASI 0.2, whose type is not `async`; the Component Model traps a
//! wait inside it. This export runs the same program and may block.
#![expect(unsafe_code, reason = "calls the symbol of the program's main, and exports one")]

use crate::executor;

#[allow(missing_docs, clippy::all)]
mod bindings {
    wit_bindgen::generate!({
        inline: "
            package airlock:wgpu-wasi-main;
            world program {
                export wasi:cli/run@0.3.0;
            }
        ",
        path: ["wit/deps/cli"],
        world: "program",
        generate_all,
        // Lifted without `async`: `main` blocks where it waits.
        async: ["-all"],
    });
}

struct Program;

impl bindings::exports::wasi::cli::run::Guest for Program {
    fn run() -> Result<(), ()> {
        // SAFETY: rustc defines this symbol for every binary, with this signature, and calls it from nowhere else when
        // the host calls this export.
        let code = unsafe { call_main() };
        executor::finish();
        if code == 0 { Ok(()) } else { Err(()) }
    }
}

#[cfg(target_os = "wasi")]
unsafe fn call_main() -> i32 {
    unsafe extern "C" {
        fn __main_void() -> i32;
    }
    // SAFETY: by the caller.
    unsafe { __main_void() }
}

#[cfg(not(target_os = "wasi"))]
unsafe fn call_main() -> i32 {
    unsafe extern "C" {
        fn main(argc: i32, argv: *const *const u8) -> i32;
    }
    // SAFETY: by the caller; there are no arguments, and argv of length 0 is not read.
    unsafe { main(0, std::ptr::null()) }
}

bindings::export!(Program with_types_in bindings);

/// Refers to this module: otherwise the linker omits the object file that has the export.
pub fn link() {
    static LINKED: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);
    LINKED.store(true, std::sync::atomic::Ordering::Relaxed);
}
