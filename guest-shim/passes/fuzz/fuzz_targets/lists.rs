//! Arbitrary bytes as a list of a pass's commands.
//!
//! The reader must neither panic nor allocate in proportion to a count in the list, and the encoding is canonical: a command
//! that was read is written as the bytes that it was read from. `scripts/fuzz lists` runs it.
#![no_main]

use airlock_passes::{List, Reader};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut reader = Reader::new(data);
    let mut list = List::new();
    let mut end = 0;
    let malformed = loop {
        match reader.next_command() {
            Ok(Some(command)) => {
                command.write(&mut list);
                end = reader.position();
            }
            Ok(None) => break None,
            Err(malformed) => break Some(malformed),
        }
    };
    assert_eq!(list.bytes(), &data[..end]);
    match malformed {
        None => assert_eq!(end, data.len()),
        Some(_) => assert!(end < data.len()),
    }
});
