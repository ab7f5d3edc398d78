//! The bytes of the stream. Daemons of other builds and older traces depend on them: a change here other than a new variant
//! breaks both.

#![allow(clippy::expect_used, clippy::disallowed_methods)]

#[path = "common/sample.rs"]
mod sample;

use std::{env, fmt::Write as _, fs, path::Path};

use airlock_protocol::{
    Command, Event, Payload, Record,
    codec::{
        BATCH_HEADER, BatchReader, BatchWriter, DecodeError, decode_command, decode_event, decode_map_data,
        encode_command, encode_event, encode_map_data,
    },
    commands::{
        adapter::{FeatureName, LimitName, RequestDevice},
        buffer::{BufferUsage, CreateBuffer},
        queue::{Submit, WriteBuffer},
        render_pass::{RenderPassDraw, RenderPassSetBindGroup},
        session::DropObject,
        texture::TextureFormat,
    },
    events::{MapError, MapErrorKind},
    ids::{AdapterId, BindGroupId, BufferId, CommandBufferId, DeviceId, Object, RenderPassId, RequestId},
};

fn bytes(command: &Command<'_>) -> Vec<u8> {
    let mut writer = BatchWriter::default();
    writer.push(command).expect("commands have an encoding");
    writer.finish(|bytes| bytes[BATCH_HEADER..].to_vec())
}

/// A record's bytes, which are its command's.
fn record_bytes(record: impl Record + Into<Command<'static>>) -> Vec<u8> {
    let mut writer = BatchWriter::default();
    writer.push_record(&record).expect("records have an encoding");
    let found = writer.finish(|bytes| bytes[BATCH_HEADER..].to_vec());
    assert_eq!(found, bytes(&record.into()));
    found
}

#[test]
fn commands_have_these_bytes() {
    let draw = RenderPassDraw {
        pass: RenderPassId(1),
        vertex_count: 3,
        instance_count: 1,
        first_vertex: 0,
        first_instance: 300,
    };
    assert_eq!(record_bytes(draw), [40, 1, 3, 1, 0, 251, 44, 1]);
    let set = RenderPassSetBindGroup {
        pass: RenderPassId(1),
        index: 0,
        bind_group: Some(BindGroupId(7)),
        dynamic_offsets: vec![256],
    };
    assert_eq!(record_bytes(set), [44, 1, 0, 1, 7, 1, 251, 0, 1]);
    let create = CreateBuffer {
        device: DeviceId(0),
        buffer: BufferId(2),
        label: "hi",
        size: 64,
        usage: BufferUsage::COPY_DST | BufferUsage::STORAGE,
        mapped_at_creation: false,
    };
    assert_eq!(record_bytes(create), [8, 0, 2, 2, b'h', b'i', 64, 136, 0]);
    let write =
        WriteBuffer { device: DeviceId(0), buffer: BufferId(2), offset: 4, data: Payload::Inline(&[9, 8, 7, 6]) };
    assert_eq!(record_bytes(write), [6, 0, 2, 4, 0, 4, 9, 8, 7, 6]);
    let shared =
        WriteBuffer { device: DeviceId(0), buffer: BufferId(2), offset: 0, data: Payload::Shared { start: 5, len: 6 } };
    assert_eq!(record_bytes(shared), [6, 0, 2, 0, 1, 5, 6]);
    let submit = Submit { device: DeviceId(0), command_buffers: vec![CommandBufferId(4), CommandBufferId(5)] };
    assert_eq!(record_bytes(submit), [4, 0, 2, 4, 5]);
    let request = RequestDevice {
        request: RequestId(1),
        adapter: AdapterId(0),
        device: DeviceId(0),
        label: "",
        required_features: vec![FeatureName::TimestampQuery],
        required_limits: vec![(LimitName::MaxBufferSize, 1 << 20)],
    };
    assert_eq!(record_bytes(request), [2, 1, 0, 0, 0, 1, 8, 1, 24, 252, 0, 0, 16, 0]);
    assert_eq!(record_bytes(DropObject { object: Object::Buffer(BufferId(2)) }), [87, 2, 2]);
}

/// One line for each command and event, in the order of their numbers: the name and the bytes of its sample, in
/// hexadecimal.
fn sample_lines() -> String {
    let mut lines = String::new();
    let mut line = |name: &str, bytes: &[u8]| {
        lines.push_str(name);
        lines.push(' ');
        bytes.iter().for_each(|byte| write!(lines, "{byte:02x}").expect("a string takes any text"));
        lines.push('\n');
    };
    for (number, name) in (0..).zip(Command::NAMES) {
        let command: Command<'static> = sample::variant(number);
        assert_eq!((command.number(), command.name()), (number as usize, *name));
        let found = bytes(&command);
        assert_eq!(decode_command(&found).expect("our own bytes"), command);
        line(name, &found);
    }
    for number in 0..Event::KINDS as u32 {
        let event: Event<'static> = sample::variant(number);
        let mut found = Vec::new();
        encode_event(&event, &mut found).expect("events have an encoding");
        assert_eq!(decode_event(&found).expect("our own bytes"), event);
        line(&format!("<- {}", event.name()), &found);
    }
    lines
}

/// The bytes of a sample of every command and every event, in `golden.txt`. `AIRLOCK_BLESS=1` renews the file: existing
/// lines must stay as they are.
#[test]
fn every_command_and_event_has_these_bytes() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden.txt");
    let found = sample_lines();
    if env::var_os("AIRLOCK_BLESS").is_some() {
        fs::write(&path, &found).expect("the file can be written");
    }
    let expected = fs::read_to_string(&path).expect("golden.txt");
    for (expected, found) in expected.lines().zip(found.lines()) {
        assert_eq!(expected, found);
    }
    assert_eq!(expected.lines().count(), found.lines().count(), "AIRLOCK_BLESS=1 adds what is new");
}

/// The reader has a fast path for a few commands, selected by the first byte; a number with a longer encoding than necessary
/// takes the common path.
#[test]
fn both_ways_to_a_command_lead_to_it() {
    let commands: [Command<'_>; 6] = [
        RenderPassDraw {
            pass: RenderPassId(1),
            vertex_count: 300,
            instance_count: 70_000,
            first_vertex: 0,
            first_instance: 7,
        }
        .into(),
        RenderPassSetBindGroup { pass: RenderPassId(1), index: 0, bind_group: None, dynamic_offsets: vec![256, 1] }
            .into(),
        CreateBuffer {
            device: DeviceId(0),
            buffer: BufferId(2),
            label: "hi",
            size: 1 << 40,
            usage: BufferUsage::STORAGE,
            mapped_at_creation: true,
        }
        .into(),
        WriteBuffer { device: DeviceId(0), buffer: BufferId(2), offset: 4, data: Payload::Staged { len: 9 } }.into(),
        Submit { device: DeviceId(0), command_buffers: vec![CommandBufferId(4)] }.into(),
        DropObject { object: Object::Buffer(BufferId(2)) }.into(),
    ];
    for command in commands {
        let short = bytes(&command);
        let long = [&[251, short[0], 0], &short[1..]].concat();
        assert_eq!(decode_command(&short).expect("our own bytes"), command);
        assert_eq!(decode_command(&long).expect("our own bytes, longer"), command);
        for length in 1..short.len() {
            let causes = [&short[..length], &long[..length + 2]].map(|bytes| decode_command(bytes).map_err(cause));
            assert!(causes[0].is_err(), "{command:?} of {length} bytes");
            assert_eq!(causes[0], causes[1], "{command:?} of {length} bytes");
        }
    }
}

fn cause(error: DecodeError) -> String {
    match error {
        DecodeError::Command { cause, .. } => cause,
        other => other.to_string(),
    }
}

/// Encoders and batches start with room for common lengths, and grow for longer ones.
#[test]
fn commands_of_every_length_come_back() {
    let mut writer = BatchWriter::default();
    for length in [0, 1, 2, 4, 1_000, 8 << 10, 50 << 10, 70_000, 1 << 20, 5, 250, 251, 65_535, 65_536] {
        let data = vec![7; length];
        let write = WriteBuffer { device: DeviceId(0), buffer: BufferId(2), offset: 4, data: Payload::Inline(&data) };
        let drop = DropObject { object: Object::Buffer(BufferId(2)) };
        let (dropped, written) = (Command::from(drop), Command::from(write.clone()));
        let mut alone = vec![9];
        encode_command(&written, &mut alone).expect("commands have an encoding");
        assert_eq!(alone[0], 9);
        assert_eq!(decode_command(&alone[1..]).expect("our own bytes"), written);
        let both = [&bytes(&dropped)[..], &alone[1..]].concat();
        for records in [false, true] {
            let pushed = if records {
                writer.push_record(&drop).and_then(|()| writer.push_record(&write))
            } else {
                writer.push(&dropped).and_then(|()| writer.push(&written))
            };
            pushed.expect("commands have an encoding");
            assert_eq!(writer.len(), both.len());
            writer.finish(|bytes| assert_eq!(bytes[BATCH_HEADER..], both));
        }
        assert_eq!(writer.len(), 0);
    }
}

#[test]
fn commands_keep_their_numbers() {
    // The first, one of each file, and the last of this release: an insertion anywhere shifts one of them.
    let expected = [
        (0, "RequestAdapter"),
        (2, "RequestDevice"),
        (3, "DestroyDevice"),
        (4, "Submit"),
        (8, "CreateBuffer"),
        (13, "CreateTexture"),
        (17, "CreateBindGroupLayout"),
        (20, "CreateShaderModule"),
        (22, "CreateComputePipeline"),
        (25, "CreateCommandEncoder"),
        (36, "BeginRenderPass"),
        (57, "BeginComputePass"),
        (67, "CreateRenderBundleEncoder"),
        (81, "CreateQuerySet"),
        (83, "PushErrorScope"),
        (89, "ReportStats"),
    ];
    for (number, name) in expected {
        assert_eq!(Command::NAMES.get(number), Some(&name), "command {number}");
    }
    assert_eq!(Command::NAMES.len(), 90);
}

#[test]
fn formats_keep_their_numbers() {
    assert_eq!(TextureFormat::R8unorm as u32, 0);
    assert_eq!(TextureFormat::Rgba8unorm as u32, 21);
    assert_eq!(TextureFormat::Depth32floatStencil8 as u32, 48);
    assert_eq!(TextureFormat::Astc12x12UnormSrgb as u32, 100);
}

#[test]
fn events_have_these_bytes_and_come_back() {
    let events = [
        (Event::Welcome, vec![0]),
        (Event::Credit { consumed: 251 }, vec![2, 251, 251, 0]),
        (Event::MapData { request: RequestId(3), data: &[1, 2] }, vec![6, 3, 2, 1, 2]),
        (
            Event::Mapped {
                request: RequestId(3),
                result: Err(MapError { kind: MapErrorKind::Abort, message: "no".into() }),
            },
            vec![7, 3, 1, 1, 2, b'n', b'o'],
        ),
    ];
    for (event, expected) in events {
        let mut found = Vec::new();
        encode_event(&event, &mut found).expect("events have an encoding");
        assert_eq!(found, expected, "{event:?}");
        assert_eq!(decode_event(&found).expect("our own bytes"), event);
    }
}

/// A batch with a few commands of different shapes.
fn batch() -> Vec<u8> {
    let mut writer = BatchWriter::default();
    let commands: [Command<'_>; 3] = [
        CreateBuffer {
            device: DeviceId(0),
            buffer: BufferId(2),
            label: "a label",
            size: 1 << 40,
            usage: BufferUsage::all(),
            mapped_at_creation: true,
        }
        .into(),
        WriteBuffer { device: DeviceId(0), buffer: BufferId(2), offset: 4, data: Payload::Inline(&[7; 20]) }.into(),
        Submit { device: DeviceId(0), command_buffers: vec![CommandBufferId(4); 9] }.into(),
    ];
    for command in &commands {
        writer.push(command).expect("commands have an encoding");
    }
    writer.finish(<[u8]>::to_vec)
}

fn read(bytes: &[u8]) -> Result<usize, DecodeError> {
    let mut reader = BatchReader::new(bytes, 0)?;
    let mut commands = 0;
    while reader.next()?.is_some() {
        commands += 1;
    }
    Ok(commands)
}

#[test]
fn a_batch_comes_back_whole() {
    let bytes = batch();
    assert_eq!(read(&bytes).expect("our own bytes"), 3);
    assert!(matches!(BatchReader::new(&bytes, 1), Err(DecodeError::Sequence { expected: 1, found: 0 })));
}

#[test]
fn a_cut_batch_is_an_error_at_every_length() {
    let bytes = batch();
    for length in 0..bytes.len() {
        assert!(read(&bytes[..length]).is_err(), "{length} of {} bytes", bytes.len());
        // The same with the actual length in the header.
        let mut cut = bytes[..length].to_vec();
        if let Some(place) = cut.get_mut(8..12) {
            place.copy_from_slice(&((length.saturating_sub(BATCH_HEADER)) as u32).to_le_bytes());
            assert!(read(&cut).is_err(), "{length} of {} bytes", bytes.len());
        }
    }
}

#[test]
fn flipped_bytes_never_panic_and_never_allocate_without_bound() {
    let bytes = batch();
    for place in 0..bytes.len() {
        for value in [0, 1, 127, 128, 250, 251, 252, 253, 254, 255] {
            let mut flipped = bytes.clone();
            flipped[place] = value;
            // A length of 2^60 in eight bytes must fail before memory is reserved for it: the test would be killed.
            let _ = read(&flipped);
        }
    }
}

#[test]
fn an_event_with_an_endless_string_is_an_error() {
    // `Closed` with a reason of 2^45 and 2^63 bytes: no memory may be reserved for them.
    for length in [1u64 << 45, 1 << 63, u64::MAX] {
        let mut bytes = vec![1, 253];
        bytes.extend(length.to_le_bytes());
        bytes.extend(b"because");
        assert!(matches!(decode_event(&bytes), Err(DecodeError::Event(_))), "{length}");
    }
}

/// The encoding in two parts equals the encoding of the whole event.
#[test]
fn map_data_in_two_parts_is_the_event() {
    for len in [0, 1, 250, 251, 65_535, 65_536, 128 << 10] {
        let (request, data) = (RequestId(70_000), vec![7; len]);
        let mut whole = Vec::new();
        encode_event(&Event::MapData { request, data: &data }, &mut whole).expect("events have an encoding");
        let mut parts = Vec::new();
        encode_map_data(request, len, &mut parts).expect("events have an encoding");
        assert_eq!(decode_map_data(&parts, len).expect("it is one"), request);
        assert!(decode_map_data(&parts, len + 1).is_err());
        parts.extend_from_slice(&data);
        assert!(parts == whole, "{len}");
    }
    let mut other = Vec::new();
    encode_event(&Event::WorkDone { request: RequestId(1) }, &mut other).expect("events have an encoding");
    assert!(decode_map_data(&other, 0).is_err() && decode_map_data(&[], 0).is_err());
}
