//! Lists: written commands are read back, and no bytes break the reader.
#![allow(clippy::unwrap_used, missing_docs)]

use airlock_passes::{Command, IndexFormat, List, Malformed, Offsets, Reader, Size, Token, Tokens};

fn token(number: u64) -> Token {
    Token::new(number).unwrap()
}

/// One command of each kind.
fn commands() -> Vec<Command<'static>> {
    vec![
        Command::SetPipeline { pipeline: token(1 << 40) },
        Command::SetBindGroup {
            index: 3,
            bind_group: Some(token(7)),
            dynamic_offsets: Offsets::new(&[0, 256, u32::MAX]),
        },
        Command::SetBindGroup { index: 0, bind_group: None, dynamic_offsets: Offsets::NONE },
        Command::SetImmediates { range_offset: 4, data: &[1, 2, 3, 4] },
        Command::Draw { vertex_count: 3, instance_count: 1, first_vertex: 0, first_instance: u32::MAX },
        Command::DrawIndexed { index_count: 6, instance_count: 2, first_index: 1, base_vertex: -5, first_instance: 0 },
        Command::DrawIndirect { indirect_buffer: token(2), indirect_offset: u64::MAX },
        Command::DrawIndexedIndirect { indirect_buffer: token(2), indirect_offset: 20 },
        Command::SetIndexBuffer { buffer: token(3), index_format: IndexFormat::Uint32, offset: 4, size: Size::Rest },
        Command::SetIndexBuffer {
            buffer: token(3),
            index_format: IndexFormat::Uint16,
            offset: 0,
            size: Size::Bytes(8),
        },
        Command::SetVertexBuffer { slot: 7, buffer: Some(token(9)), offset: 0, size: Size::Bytes(0) },
        Command::SetVertexBuffer { slot: 0, buffer: None, offset: 0, size: Size::Rest },
        Command::ExecuteBundles { bundles: Tokens::new(&[5, 6]) },
        Command::ExecuteBundles { bundles: Tokens::NONE },
        Command::SetViewport { x: 0.5, y: -1.0, width: 3.0, height: 4.0, min_depth: 0.0, max_depth: 1.0 },
        Command::SetScissorRect { x: 1, y: 2, width: 3, height: 4 },
        Command::SetBlendConstant { red: 0.1, green: 0.2, blue: 0.3, alpha: 1.0 },
        Command::SetStencilReference { reference: 255 },
        Command::BeginOcclusionQuery { query_index: 4095 },
        Command::EndOcclusionQuery {},
        Command::PushDebugGroup { label: "größe" },
        Command::PopDebugGroup {},
        Command::InsertDebugMarker { label: "" },
        Command::DispatchWorkgroups { x: 1, y: 2, z: 65_535 },
        Command::DispatchWorkgroupsIndirect { indirect_buffer: token(u64::MAX), indirect_offset: 12 },
    ]
}

fn list() -> List {
    let mut list = List::new();
    for command in commands() {
        command.write(&mut list);
    }
    list
}

/// Reads to the end or the first error.
fn read(bytes: &[u8]) -> Result<usize, Malformed> {
    let mut reader = Reader::new(bytes);
    let mut count = 0;
    while reader.next_command()?.is_some() {
        count += 1;
        assert!(reader.position() <= bytes.len());
    }
    Ok(count)
}

#[test]
fn what_is_written_is_read() {
    let list = list();
    let mut reader = Reader::new(list.bytes());
    for command in commands() {
        assert_eq!(reader.next_command().unwrap(), Some(command));
    }
    assert_eq!(reader.next_command(), Ok(None));
    assert_eq!(reader.position(), list.bytes().len());
}

/// The encoding is part of the interface: existing components send it.
#[test]
fn the_encoding_stays() {
    let mut list = List::new();
    list.set_bind_group(1, Some(token(0x0102)), Offsets::new(&[256]));
    list.draw(3, 1, 0, 9);
    let expected = [
        &[2, 1, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0][..],
        &[4, 3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0],
    ];
    assert_eq!(list.bytes(), expected.concat());
    list.clear();
    assert!(list.bytes().is_empty());
}

#[test]
fn what_is_malformed_is_told_with_its_byte() {
    for (bytes, error) in [
        (&[0][..], Malformed::Command { at: 0, found: 0 }),
        (&[16, 22], Malformed::Command { at: 1, found: 22 }),
        (&[16, 4, 3, 0], Malformed::Short { at: 2 }),
        (&[1, 0, 0, 0, 0, 0, 0, 0, 0], Malformed::NoToken { at: 1 }),
        (&[8, 1, 0, 0, 0, 0, 0, 0, 0, 2], Malformed::IndexFormat { at: 9, found: 2 }),
        (&[17, 1, 0, 0, 0, 0xff], Malformed::Text { at: 1 }),
        (&[17, 2, 0, 0, 0, b'a'], Malformed::Short { at: 1 }),
        (&[10, 255, 255, 255, 255], Malformed::Short { at: 1 }),
    ] {
        assert_eq!(read(bytes), Err(error), "{bytes:?}");
        assert!(error.to_string().starts_with("byte "), "{error}");
    }
}

/// Every prefix, every changed byte, and random bytes. The generator is xorshift64, so that failures are reproducible.
#[test]
fn no_bytes_break_the_reader() {
    let list = list();
    let whole = list.bytes();
    for end in 0..whole.len() {
        let _ = read(&whole[..end]);
    }
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for _ in 0..200_000 {
        let mut bytes = whole.to_vec();
        for _ in 0..1 + random() % 4 {
            let at = random() as usize % bytes.len();
            bytes[at] = random() as u8;
        }
        let _ = read(&bytes);
        let noise: Vec<u8> = (0..random() % 64).map(|_| (random() % 32) as u8).collect();
        let _ = read(&noise);
    }
}
