//! Unbuffered standard output and error: a script that ends or traps after a write loses nothing.

use std::cell::RefCell;

use wit_bindgen::{FutureReader, StreamReader, StreamWriter};

use crate::bindings::wasi::cli::types::ErrorCode;
use crate::bindings::wasi::cli::{stderr, stdout};
use crate::bindings::wit_stream;

#[derive(Clone, Copy)]
pub enum Target {
    Stdout,
    Stderr,
}

struct Open {
    writer: StreamWriter<u8>,
    _end: FutureReader<Result<(), ErrorCode>>,
}

impl Open {
    fn new(start: impl FnOnce(StreamReader<u8>) -> FutureReader<Result<(), ErrorCode>>) -> Open {
        let (writer, reader) = wit_stream::new();
        let end = start(reader);
        Open { writer, _end: end }
    }
}

thread_local! {
    static OPEN: RefCell<[Option<Open>; 2]> = const { RefCell::new([None, None]) };
}

/// Writes `text`, and returns when the host has taken it. A closed stream drops it.
pub fn write(target: Target, text: &str) {
    if text.is_empty() {
        return;
    }
    let slot = target as usize;
    let mut open = OPEN.with_borrow_mut(|open| open[slot].take()).unwrap_or_else(|| match target {
        Target::Stdout => Open::new(stdout::write_via_stream),
        Target::Stderr => Open::new(stderr::write_via_stream),
    });
    let bytes = text.as_bytes().to_vec();
    let open = wit_bindgen::block_on(async move {
        open.writer.write_all(bytes).await;
        open
    });
    OPEN.with_borrow_mut(|all| all[slot] = Some(open));
}
