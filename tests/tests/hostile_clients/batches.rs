//! Invalid batches, and messages that are not batches.

use std::{os::fd::AsFd, thread};

use airlock_protocol::{
    Command, Payload,
    codec::{BATCH_HEADER, encode_command},
    commands::{
        binding::CreatePipelineLayout,
        error::{ErrorFilter, RaiseError},
        queue::Submit,
        session::{DropObject, ReportStats, Stage},
    },
    ids::{AdapterId, Object, PipelineLayoutId, RequestId},
    limits::MAX_BATCH,
};
use rustix::net::{SendFlags, send as write};

use crate::{
    Case, World, case,
    wire::{Client, DEVICE, Raw, channel_pair, ended, noop_adapter, packet, send, whole},
};

pub const CASES: &[Case] = &[
    case(
        "unknown-command",
        "sends commands with numbers that there are not",
        "`byte 16 of the batch`",
        unknown_command,
    ),
    case(
        "truncated-batch",
        "sends a batch that ends after each of its bytes, with a header that fits and with one that does not",
        "the offset, or both lengths",
        truncated,
    ),
    case("trailing-bytes", "appends bytes to a batch's last command", "`bytes follow the last command`", trailing),
    case(
        "sequence",
        "begins with a wrong number, repeats one, skips one, starts again",
        "`where batch 0 is expected`",
        sequence,
    ),
    case(
        "header",
        "says another length, and fewer or more commands than there are",
        "what is expected and found",
        header,
    ),
    case("batch-too-long", "sends a batch of 16 MiB and one byte", "`longer than the 16777216 bytes`", too_long),
    case("string-length", "says that a text is 2^45 and 2^64 - 1 bytes long", "`byte 16 of the batch`", string_length),
    case("list-length", "says that a list has 2^45 and 2^64 - 1 elements", "`byte 16 of the batch`", list_length),
    case("absent-elements", "sends a list of a million absent elements", "`at most 65536 elements`", absent_elements),
    case("empty-batch", "sends batches without a command", "nothing: they count as batches", empty),
    case("tiny-batches", "sends 100 000 batches of one command", "nothing: each is executed", tiny),
    case("empty-message", "sends an empty message", "`shorter than its 16-byte header`", empty_message),
    case(
        "unfinished-message",
        "sends the start of a message whose rest never comes",
        "`did not finish a batch`, after `--client-timeout`",
        unfinished,
    ),
    case("message-of-2^60", "says that a message is 2^60 bytes long", "`longer than the 16777216 bytes`", of_2_60),
    case(
        "no-message",
        "sends packets without a header, of other lengths than they say, without the socket for their rest",
        "`is no message`",
        no_message,
    ),
    case(
        "long-rest",
        "sends more of a message than its length, on its socket",
        "`its rest is longer than it says`",
        long_rest,
    ),
    case(
        "descriptors-with-batches",
        "sends 2000 batches with 60 descriptors each",
        "nothing: the session goes on, with no descriptor more",
        descriptors,
    ),
    case("floods-and-goes", "sends 16 MiB and is gone at once", "its worker ends", floods_and_goes),
];

fn encoded<'a>(command: impl Into<Command<'a>>) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_command(&command.into(), &mut bytes).expect("it has an encoding");
    bytes
}

fn good() -> Vec<u8> {
    encoded(noop_adapter(RequestId(1), AdapterId(0)))
}

/// A batch with the given header and commands.
fn batch(sequence: u64, length: u32, count: u32, commands: &[u8]) -> Vec<u8> {
    [&sequence.to_le_bytes()[..], &length.to_le_bytes(), &count.to_le_bytes(), commands].concat()
}

/// A batch with a valid header.
fn honest(commands: &[u8], count: u32) -> Vec<u8> {
    batch(0, u32::try_from(commands.len()).expect("it is short"), count, commands)
}

/// Sends a first batch and expects the end of the session, with a reason.
fn closes(world: &World, bytes: &[u8], what: &str) {
    let client = Client::open(world.serve.socket());
    // The worker may close before it has read everything.
    let _ = client.batches.send(bytes);
    client.expect_closed(what);
}

fn unknown_command(world: &World) {
    let first = u8::try_from(Command::NAMES.len()).expect("numbers of one byte");
    for number in
        [vec![first], vec![250], vec![251, 0xff, 0xff], vec![252, 0xff, 0xff, 0xff, 0xff], vec![253; 9], vec![255]]
    {
        closes(world, &honest(&number, 1), "byte 16 of the batch, command 0");
    }
}

fn truncated(world: &World) {
    let commands = good();
    let whole = honest(&commands, 1);
    for end in 0..BATCH_HEADER {
        closes(world, &whole[..end], "shorter than its 16-byte header");
    }
    for end in 0..commands.len() {
        closes(world, &honest(&commands[..end], 1), "byte 16 of the batch, command 0");
    }
    for end in [BATCH_HEADER, BATCH_HEADER + 1, whole.len() - 1] {
        closes(world, &whole[..end], "the header says");
    }
}

fn trailing(world: &World) {
    for more in [1, 1000] {
        let commands = [good(), vec![0; more]].concat();
        closes(world, &honest(&commands, 1), &format!("{more} bytes follow the last command"));
    }
}

fn sequence(world: &World) {
    let (commands, length) = (good(), u32::try_from(good().len()).expect("it is short"));
    for number in [1, 7, u64::MAX] {
        closes(
            world,
            &batch(number, length, 1, &commands),
            &format!("batch {number} arrives where batch 0 is expected"),
        );
    }
    for (number, what) in [(0, "batch 0 arrives where batch 1"), (2, "batch 2 arrives where batch 1")] {
        let client = Client::open(world.serve.socket());
        client.batches.send(&honest(&commands, 1)).expect("it is sent");
        let _ = client.batches.send(&batch(number, length, 1, &commands));
        client.expect_closed(what);
    }
}

fn header(world: &World) {
    let commands = good();
    let length = u32::try_from(commands.len()).expect("it is short");
    for lie in [0, length - 1, length + 1, u32::MAX] {
        let what = format!("the header says {lie} bytes of commands, the batch has {length}");
        closes(world, &batch(0, lie, 1, &commands), &what);
    }
    closes(world, &batch(0, length, 0, &commands), "bytes follow the last command");
    for count in [2, u32::MAX] {
        closes(world, &batch(0, length, count, &commands), "command 1");
    }
}

fn too_long(world: &World) {
    let bytes = vec![0; MAX_BATCH + 1];
    closes(world, &bytes, "longer than the 16777216 bytes");
}

/// A length in the codec's encoding.
fn length(of: u64) -> Vec<u8> {
    [&[253][..], &of.to_le_bytes()].concat()
}

/// A command whose last byte, the length of an empty value, is replaced.
fn stretched<'a>(command: impl Into<Command<'a>>, by: &[u8]) -> Vec<u8> {
    let mut bytes = encoded(command);
    assert_eq!(bytes.pop(), Some(0), "it does not end with a length");
    [bytes, by.to_vec()].concat()
}

fn string_length(world: &World) {
    for len in [1 << 45, u64::MAX] {
        let command = RaiseError { device: DEVICE, kind: ErrorFilter::Validation, message: "" };
        let bytes = [stretched(command, &length(len)), vec![b'x'; 1000]].concat();
        closes(world, &honest(&bytes, 1), "byte 16 of the batch, command 0");
    }
}

fn list_length(world: &World) {
    for len in [1 << 45, u64::MAX] {
        let bytes =
            [stretched(Submit { device: DEVICE, command_buffers: vec![] }, &length(len)), vec![0; 1000]].concat();
        closes(world, &honest(&bytes, 1), "byte 16 of the batch, command 0");
    }
}

fn absent_elements(world: &World) {
    let (layout, bind_group_layouts) = (PipelineLayoutId(0), vec![]);
    let mut bytes =
        encoded(CreatePipelineLayout { device: DEVICE, layout, label: "", bind_group_layouts, immediate_size: 0 });
    assert_eq!(bytes.split_off(bytes.len() - 2), [0, 0], "the list and the size are not last");
    bytes.extend(length(1_000_000));
    bytes.extend(vec![0; 1_000_001]);
    closes(world, &honest(&bytes, 1), "at most 65536 elements");
}

fn empty(world: &World) {
    let mut client = Client::open(world.serve.socket());
    for _ in 0..100 {
        client.flush();
    }
    assert_eq!(client.lives().batches, 101);
}

fn tiny(world: &World) {
    let mut client = Client::open(world.serve.socket());
    for _ in 0..100_000 {
        // The shortest command.
        client.push(Stage { data: Payload::Inline(&[]) });
        client.flush();
    }
    let report = client.lives();
    assert_eq!((report.batches, report.commands), (100_001, 100_001));
}

fn empty_message(world: &World) {
    closes(world, &[], "shorter than its 16-byte header");
}

fn unfinished(world: &World) {
    let raw = Raw::open(world.impatient.socket());
    assert!(raw.event().is_some());
    let (_rest, end) = channel_pair();
    send(&raw.batches, &packet(116, 100_000, &[0; 100]), &[end.as_fd()]).expect("a start");
    let reason = raw.closed();
    assert!(reason.contains("did not finish a batch within 1 s"), "{reason}");
    assert_eq!(ended(&raw.link), "ENDED exit code 1");
}

/// Sends one packet and expects the end of the session, with a reason.
fn breaks(world: &World, bytes: &[u8], what: &str) {
    let raw = Raw::open(world.serve.socket());
    let (_rest, end) = channel_pair();
    let with = [end.as_fd()];
    send(&raw.batches, bytes, if what.contains("cannot come") { &[] } else { &with }).expect("it is sent");
    let reason = raw.closed();
    assert!(reason.contains(what), "{reason}");
    assert_eq!(ended(&raw.link), "ENDED exit code 1");
}

fn of_2_60(world: &World) {
    for total in [MAX_BATCH as u64 + 1, 1 << 45, 1 << 60, u64::MAX] {
        breaks(world, &packet(116, total, &[0; 100]), "longer than the 16777216 bytes");
    }
}

fn no_message(world: &World) {
    breaks(world, &[1], "is no message: it has no header");
    breaks(world, &[0; 15], "is no message: it has no header");
    for length in [0, 15, 115, 117, u64::MAX] {
        breaks(world, &packet(length, 100, &[0; 100]), "is no message: its header says another length");
    }
    breaks(world, &packet(116, 99, &[0; 100]), "is no message: it is longer than it says");
    breaks(world, &packet(116, 101, &[0; 100]), "is no message: its rest cannot come");
}

fn long_rest(world: &World) {
    let raw = Raw::open(world.serve.socket());
    let (rest, end) = channel_pair();
    send(&raw.batches, &packet(116, 200, &[0; 100]), &[end.as_fd()]).expect("a start");
    write(&rest, &[0; 101], SendFlags::empty()).expect("a rest");
    let reason = raw.closed();
    assert!(reason.contains("its rest is longer than it says"), "{reason}");
}

fn descriptors(world: &World) {
    let raw = Raw::open(world.serve.socket());
    assert!(raw.event().is_some());
    let null = std::fs::File::open("/dev/null").expect("/dev/null");
    let with = [null.as_fd(); 60];
    for sequence in 0..2000_u64 {
        send(&raw.batches, &whole(&batch(sequence, 0, 0, &[])), &with).expect("it is sent");
    }
    let report = encoded(ReportStats { request: RequestId(1) });
    let length = u32::try_from(report.len()).expect("it is short");
    send(&raw.batches, &whole(&batch(2000, length, 1, &report)), &with).expect("it is sent");
    assert!(raw.event().is_some(), "the session ended: {}", ended(&raw.link));
}

fn floods_and_goes(world: &World) {
    let client = Client::open(world.serve.socket());
    let commands = encoded(DropObject { object: Object::Adapter(AdapterId(0)) });
    let many = commands.repeat(4_000_000);
    thread::scope(|scope| {
        let batches = &client.batches;
        scope.spawn(move || batches.send(&honest(&many, 4_000_000)));
        let _ = client.link.shutdown(std::net::Shutdown::Both);
    });
}
