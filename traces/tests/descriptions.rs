//! Descriptions of commands against recorded runs: each command has the described effects.
#![allow(missing_docs, clippy::unwrap_used)]

use std::{
    collections::{BTreeSet, HashMap},
    fs,
    path::Path,
};

use airlock_protocol::{
    Command,
    codec::{decode_command, decode_event},
    commands::Effect,
};
use airlock_traces::{TraceFile, facts::Facts, trace::What};

/// In each golden trace, replies are of the kind in the request's description, labels are of objects that the command
/// names, and only commands that make an object introduce a new id.
#[test]
fn commands_do_what_their_descriptions_say() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
    let files = fs::read_dir(golden).unwrap().map(|entry| entry.unwrap().path());
    let (mut replies, mut effects) = (BTreeSet::new(), BTreeSet::new());
    for file in files.filter(|file| file.extension().is_some_and(|is| is == "airtrace")) {
        let place = file.display().to_string();
        let (mut requests, mut live) = (HashMap::new(), BTreeSet::new());
        for entry in TraceFile::open(&file).unwrap().entries() {
            let entry = entry.unwrap();
            match &entry.what {
                What::Session => {
                    requests.clear();
                    live.clear();
                }
                What::Command(bytes) => {
                    let command: Command<'_> = decode_command(bytes).unwrap();
                    let (facts, description) = (Facts::of(&command), command.description());
                    effects.insert(format!("{:?}", description.effect));
                    assert_eq!(facts.makes.map(|object| object.kind()), description.makes, "{place}: {command:?}");
                    assert_eq!(facts.drops.is_some(), description.effect == Effect::Drop, "{place}: {command:?}");
                    let key = |object: airlock_protocol::ids::Object| object.describe();
                    assert!(facts.needs().all(|object| live.contains(&key(object))), "{place}: {command:?}");
                    facts.makes.map(|object| live.insert(key(object)));
                    facts.drops.map(|object| live.remove(&key(object)));
                    assert_eq!(command.label().is_some(), description.has_label, "{place}: {command:?}");
                    assert!(command.label().is_none_or(|(object, _)| facts.objects.contains(&object)));
                    facts.request.map(|request| requests.insert(request, description.reply));
                }
                What::Event(bytes) => {
                    let event = decode_event(bytes).unwrap();
                    if let Some(request) = event.request() {
                        assert_eq!(requests.remove(&request), Some(Some(event.name())), "{place}");
                        replies.insert(event.name());
                    }
                }
                What::Flush
                | What::Piece(_)
                | What::Readback(_)
                | What::End(_)
                | What::Stopped(_)
                | What::Unknown(_) => {}
            }
        }
    }
    assert!(replies.len() >= 7, "{replies:?}");
    assert!(effects.len() >= 12, "{effects:?}");
}
