//! A component as they are deployed: `wasi:webgpu@0.0.1` and `wasi:surface@0.0.1` on WASI 0.2. All functions block, events are
//! pollables, and flags are numbers.
//!
//!     deployed                     computes, and checks what differs from later versions
//!     deployed spin [FRAMES]       a triangle that turns: drag it, press `c`, escape
//!     deployed bytes [FRAMES]      a frame buffer
//!     deployed watch               waits for an uncaptured error that no call reports
//!
//! Each frame prints the expected colours in its middle and in its upper left corner.

mod checks;
mod compute;
mod frames;
mod gpu;
mod spin;

/// Generated from this repository's `wit/` and the excerpts beside the guests.
mod bindings {
    wit_bindgen::generate!({
        inline: "
            package airlock:deployed;

            world command {
                import wasi:webgpu/webgpu@0.0.1;
                import wasi:graphics-context/graphics-context@0.0.1;
                import wasi:frame-buffer/frame-buffer@0.0.1;
                import wasi:surface/surface@0.0.1;
                import wasi:io/poll@0.2.0;
                import wasi:cli/environment@0.2.0;
                import wasi:cli/stdout@0.2.0;
                export wasi:cli/run@0.2.0;
            }
        ",
        path: [
            "../wit/deps/io-0.2",
            "../wit/deps/cli-0.2",
            "../../../wit/v0_0_1/graphics-context",
            "../../../wit/v0_0_1/frame-buffer",
            "../../../wit/v0_0_1/surface",
            "../../../wit/v0_0_1/webgpu",
        ],
        world: "airlock:deployed/command",
        generate_all,
    });
}

use bindings::exports::wasi::cli::run::Guest;
use bindings::wasi::cli::{environment::get_arguments, stdout::get_stdout};

/// A failed check, with its place.
type Checked = Result<(), String>;

/// Writes a line to standard output.
fn line(text: &str) {
    // A reader that has left changes nothing here.
    let _ = get_stdout().blocking_write_and_flush(format!("{text}\n").as_bytes());
}

/// Fails unless a condition holds.
fn check(holds: bool, what: &str) -> Checked {
    if holds { Ok(()) } else { Err(what.to_owned()) }
}

struct Deployed;

impl Guest for Deployed {
    fn run() -> Result<(), ()> {
        let arguments = get_arguments();
        let arguments: Vec<&str> = arguments.iter().skip(1).map(String::as_str).collect();
        let frames = |text: &&str| text.parse::<u64>().map_err(|_| format!("FRAMES is a number, not {text:?}"));
        let done = match arguments.as_slice() {
            [] => compute::run().and_then(|()| checks::run()),
            ["spin", rest @ ..] => rest.first().map(frames).transpose().and_then(spin::run),
            ["bytes", rest @ ..] => rest.first().map(frames).transpose().and_then(frames::run),
            ["watch"] => checks::watch(),
            _ => Err("deployed [spin|bytes|watch] [FRAMES]".to_owned()),
        };
        match done {
            Ok(()) => {
                line("ok");
                Ok(())
            }
            Err(problem) => {
                line(&format!("failed: {problem}"));
                Err(())
            }
        }
    }
}

bindings::export!(Deployed with_types_in bindings);
