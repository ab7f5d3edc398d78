//! Start and end of a guest: [`main!`] exports `wasi:cli/run`, an error becomes a line and an exit code, a panic becomes a
//! line and a failure.

use std::fmt;

use crate::bindings::wasi::cli::exit;
use crate::errln;

/// The exit code for a wrong result, a missing device, or an unreadable file.
pub const FAILED: u8 = 1;
/// The exit code for invalid arguments.
pub const USAGE: u8 = 2;

/// An unsuccessful end: the printed message and the exit code.
#[derive(Debug)]
pub struct Failure {
    pub code: u8,
    pub message: String,
}

/// The result of a guest's main function and of most helpers.
pub type Outcome<T = ()> = Result<T, Failure>;

impl Failure {
    /// A failure with exit code 1.
    pub fn new(message: impl Into<String>) -> Failure {
        Failure { code: FAILED, message: message.into() }
    }

    /// An end with this exit code whose reason the guest has printed already.
    pub fn silent(code: u8) -> Failure {
        Failure { code, message: String::new() }
    }

    /// Invalid arguments: the reason, then the usage line; exit code 2.
    pub fn usage(reason: impl fmt::Display, usage: &str) -> Failure {
        Failure { code: USAGE, message: format!("{reason}\nusage: {usage}") }
    }
}

impl From<String> for Failure {
    fn from(message: String) -> Failure {
        Failure::new(message)
    }
}

impl From<&str> for Failure {
    fn from(message: &str) -> Failure {
        Failure::new(message)
    }
}

/// Returns early with a [`Failure`] of exit code 1 whose message is formatted from the arguments.
#[macro_export]
macro_rules! fail {
    ($($arg:tt)*) => { return ::std::result::Result::Err($crate::Failure::new(::std::format!($($arg)*))) };
}

/// Exports `wasi:cli/run`; the argument names an `async fn() -> Outcome`.
#[macro_export]
macro_rules! main {
    ($main:path) => {
        struct Guest;

        impl $crate::bindings::exports::wasi::cli::run::Guest for Guest {
            async fn run() -> ::std::result::Result<(), ()> {
                $crate::start::install_panic_hook(env!("CARGO_PKG_NAME"));
                $crate::start::end(env!("CARGO_PKG_NAME"), $main().await)
            }
        }

        $crate::bindings::export!(Guest with_types_in $crate::bindings);
    };
}

/// Makes a panic print `<guest>: panicked: <message>` and trap, which ends the guest with a failure. The binaries are built
/// without source locations.
pub fn install_panic_hook(guest: &'static str) {
    std::panic::set_hook(Box::new(move |info| {
        let message = info.payload_as_str().unwrap_or("no message");
        errln!("{guest}: panicked: {message}");
    }));
}

/// Turns the outcome into the result of `wasi:cli/run`, or exits with the code if it is neither 0 nor 1.
#[allow(clippy::result_unit_err, reason = "the type that wasi:cli/run returns")]
pub fn end(guest: &str, outcome: Outcome) -> Result<(), ()> {
    match outcome {
        Ok(()) => Ok(()),
        Err(failure) => {
            if !failure.message.is_empty() {
                errln!("{guest}: {}", failure.message);
            }
            if failure.code != FAILED {
                exit::exit_with_code(failure.code);
            }
            Err(())
        }
    }
}
