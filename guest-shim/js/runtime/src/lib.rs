//! JavaScript for `airlock run app.js`: QuickJS-ng in a component that imports WASI 0.3 and `wasi:webgpu`, and exports
//! `wasi:cli/run`. The web's classes around it are JavaScript, in `lib/`.
//!
//! The component's arguments: the script's name for messages, its path in the guest's file system (or empty), the time limit
//! in milliseconds (or empty), its source, and then the script's own arguments.

mod abi;
mod address;
mod bindings;
mod engine;
mod events;
mod files;
mod heap;
mod image;
mod js;
mod library;
mod modules;
mod native;
mod objects;
mod pending;
mod pixels;
mod print;
mod source;
mod tables;
mod typescript;

use bindings::wasi::cli::{environment, exit};

struct Runtime;

impl bindings::exports::wasi::cli::run::Guest for Runtime {
    async fn run() -> Result<(), ()> {
        std::panic::set_hook(Box::new(|info| {
            let message = info.payload_as_str().unwrap_or("no message");
            print::write(print::Target::Stderr, &format!("airlock: the script runtime failed: {message}\n"));
        }));
        let mut arguments = environment::get_arguments().into_iter();
        let mut next = || arguments.next().unwrap_or_default();
        let (name, path, timeout, source) = (next(), next(), next(), next());
        let path = (!path.is_empty()).then_some(path);
        let options = engine::Options {
            main: modules::Main { name, path },
            source,
            arguments: arguments.collect(),
            timeout: timeout.parse().ok(),
        };
        match engine::run(options).await {
            0 => Ok(()),
            1 => Err(()),
            code => {
                exit::exit_with_code(code);
                Err(())
            }
        }
    }
}

bindings::export!(Runtime with_types_in bindings);

/// The wall-clock time for the engine's C code, in microseconds since 1970.
#[unsafe(no_mangle)]
extern "C" fn __rquickjs_host_now_us() -> f64 {
    let now = bindings::wasi::clocks::system_clock::now();
    now.seconds as f64 * 1e6 + f64::from(now.nanoseconds) / 1e3
}
