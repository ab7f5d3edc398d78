//! The entries of the input, and access to some of them out of order.

use std::borrow::Cow;

use airlock_protocol::{Event, codec, connect::CLOSED, ids::RequestId};

use super::{
    Input,
    labels::{Labels, facts},
};
use crate::file::{
    reader::ReadError,
    trace::{Entry, What},
};

/// Maximum entries that are searched for the reply to a request. A guest that requests an adapter waits for it.
const LOOK_AHEAD: usize = 16 << 10;

/// Entries, each with the number of commands before it.
pub(super) type Entries<'t> = Box<dyn Iterator<Item = Result<(u64, Cow<'t, Entry>), ReadError>> + 't>;

/// The entries from shortly before a command on.
pub(super) fn entries<'t>(input: &'t Input<'t>, from: u64) -> Entries<'t> {
    match input {
        Input::File(file) => {
            let owned = |(number, entry)| (number, Cow::Owned(entry));
            Box::new(file.entries_from(from).map(move |entry| entry.map(owned)))
        }
        Input::Trace(trace) => {
            let number = |next: &mut u64, entry| {
                let number = *next;
                *next = number.saturating_add(u64::from(matches!(entry, &Entry { what: What::Command(_), .. })));
                Some(Ok((number, Cow::Borrowed(entry))))
            };
            Box::new(trace.entries.iter().scan(0, number))
        }
    }
}

/// A command's session and bytes, by its number.
pub(super) fn command(input: &Input<'_>, wanted: u64) -> Option<(u32, Box<[u8]>)> {
    let found = entries(input, wanted).map_while(Result::ok).find_map(|(number, entry)| match &entry.what {
        What::Command(bytes) if number == wanted => Some(Some((entry.session, bytes.clone()))),
        _ if number > wanted => Some(None),
        _ => None,
    });
    found.flatten()
}

/// The labels of a session's objects at a command.
pub(super) fn labels(input: &Input<'_>, session: u32, until: u64) -> Labels {
    let mut labels = Labels::default();
    for (_, entry) in entries(input, 0).map_while(Result::ok).take_while(|&(number, _)| number <= until) {
        if let Some(Ok(command)) = entry.command().filter(|_| entry.session == session)
            && let Some(facts) = facts(&command)
        {
            labels.note(&command, &facts);
        }
    }
    labels
}

/// The recorded reply to a command's request.
pub(super) fn answer(input: &Input<'_>, session: u32, asks: u64, request: RequestId) -> Option<Box<[u8]>> {
    let after = entries(input, asks).map_while(Result::ok).skip_while(|&(number, _)| number <= asks);
    after.take(LOOK_AHEAD).find_map(|(_, entry)| match &entry.what {
        What::Event(bytes) if entry.session == session => {
            let answers = codec::decode_event(bytes).is_ok_and(|event: Event<'_>| event.request() == Some(request));
            answers.then(|| bytes.clone())
        }
        _ => None,
    })
}

/// The reason of a recorded session's end, unless its client closed it.
pub(super) fn broken_end(input: &Input<'_>, session: u32, from: u64) -> Option<String> {
    entries(input, from).map_while(Result::ok).find_map(|(_, entry)| match &entry.what {
        What::End(reason) if entry.session == session && reason != CLOSED => Some(reason.clone()),
        _ => None,
    })
}
