//! Standard output and error over WASI 0.3 streams: [`outln!`] and [`errln!`] are this crate's `println!`.
//!
//! A stream is opened at the first write and kept. Each call returns when the host has taken the whole text, so that a guest
//! that ends or traps afterwards loses nothing; it blocks the guest's task meanwhile, so that printing works in ordinary
//! functions.

use std::cell::RefCell;

use wit_bindgen::{FutureReader, StreamReader, StreamWriter};

use crate::bindings::wasi::cli::types::ErrorCode;
use crate::bindings::wasi::cli::{stderr, stdout};
use crate::bindings::wit_stream;

/// The stream of a text.
#[derive(Clone, Copy)]
pub enum Target {
    Stdout,
    Stderr,
}

/// An open stream; its future would report the end, which printing ignores.
struct Open {
    /// `None` once the reader is gone: a write to it would trap.
    writer: Option<StreamWriter<u8>>,
    _end: FutureReader<Result<(), ErrorCode>>,
}

impl Open {
    fn new(start: impl FnOnce(StreamReader<u8>) -> FutureReader<Result<(), ErrorCode>>) -> Open {
        let (writer, reader) = wit_stream::new();
        let end = start(reader);
        Open { writer: Some(writer), _end: end }
    }
}

thread_local! {
    static STDOUT: RefCell<Option<Open>> = const { RefCell::new(None) };
    static STDERR: RefCell<Option<Open>> = const { RefCell::new(None) };
}

/// Writes `text`, and returns when the host has taken it. A closed stream drops the text, like a closed pipe.
pub fn write(target: Target, text: &str) {
    if text.is_empty() {
        return;
    }
    let slot = match target {
        Target::Stdout => &STDOUT,
        Target::Stderr => &STDERR,
    };
    // Taken out while in use: a panic inside the write finds an empty slot, not a locked one.
    let mut open = slot.with(|slot| slot.borrow_mut().take()).unwrap_or_else(|| match target {
        Target::Stdout => Open::new(stdout::write_via_stream),
        Target::Stderr => Open::new(stderr::write_via_stream),
    });
    let bytes = text.as_bytes().to_vec();
    let open = wit_bindgen::block_on(async move {
        if let Some(writer) = &mut open.writer
            && !writer.write_all(bytes).await.is_empty()
        {
            open.writer = None;
        }
        open
    });
    slot.with(|slot| *slot.borrow_mut() = Some(open));
}

/// Prints to standard output without a newline.
#[macro_export]
macro_rules! out {
    ($($arg:tt)*) => { $crate::print::write($crate::print::Target::Stdout, &::std::format!($($arg)*)) };
}

/// Prints a line to standard output.
#[macro_export]
macro_rules! outln {
    () => { $crate::print::write($crate::print::Target::Stdout, "\n") };
    ($($arg:tt)*) => { $crate::print::write($crate::print::Target::Stdout, &(::std::format!($($arg)*) + "\n")) };
}

/// Prints a line to standard error.
#[macro_export]
macro_rules! errln {
    ($($arg:tt)*) => { $crate::print::write($crate::print::Target::Stderr, &(::std::format!($($arg)*) + "\n")) };
}
