//! Writes with their data: inline, through the ring, in parts.

use airlock_client::{
    Client,
    buffer::{Buffer, BufferDescriptor},
    device::Device,
    queue::Queue,
    texture::{Extent3d, Origin3d, TexelCopyBufferLayout, TexelCopyTextureInfo, Texture, TextureDescriptor},
};
use airlock_protocol::{
    Command, Payload,
    commands::{
        buffer::BufferUsage,
        error::ErrorFilter,
        texture::{TextureFormat, TextureUsage},
    },
    limits::{INLINE_PAYLOAD, MAX_PIECE, MAX_STAGED},
};

use crate::daemon::Daemon;

const MIB: usize = 1 << 20;

fn buffer(client: &mut Client, device: &Device, usage: BufferUsage) -> (Buffer, Queue) {
    let descriptor = BufferDescriptor { size: 16 << 20, usage, ..BufferDescriptor::default() };
    (device.create_buffer(client, descriptor), device.queue())
}

/// Offset and length of each write, whose data is checked against the whole.
fn writes(daemon: &mut Daemon, whole: &[u8]) -> Vec<(usize, usize)> {
    let mut writes = Vec::new();
    for command in daemon.sent() {
        if let Command::WriteBuffer(write) = command {
            let data = daemon.data(&write.data);
            let offset = write.offset as usize;
            assert!(data == whole[offset..offset + data.len()]);
            writes.push((offset, data.len()));
        }
    }
    writes
}

fn counted(len: usize) -> Vec<u8> {
    (0..len).map(|index| (index / 251) as u8 ^ index as u8).collect()
}

#[test]
fn short_data_is_in_the_command_and_longer_in_the_ring() {
    let (mut client, mut daemon, device) = Daemon::with_device();
    let (buffer, queue) = buffer(&mut client, &device, BufferUsage::COPY_DST);
    for len in [INLINE_PAYLOAD, INLINE_PAYLOAD + 4] {
        queue.write_buffer(&mut client, &buffer, 0, &counted(len), None, None).unwrap();
    }
    queue.submit(&mut client, []);
    let sent = daemon.sent();
    let Command::WriteBuffer(short) = &sent[1] else { panic!("{:?}", sent[1]) };
    let Command::WriteBuffer(long) = &sent[2] else { panic!("{:?}", sent[2]) };
    assert!(matches!(short.data, Payload::Inline(bytes) if bytes.len() == INLINE_PAYLOAD));
    assert!(matches!(long.data, Payload::Shared { start: 0, .. }));
    assert_eq!(daemon.data(&long.data), counted(INLINE_PAYLOAD + 4));
}

#[test]
fn a_long_write_that_is_valid_goes_in_parts_and_one_that_may_be_refused_as_one() {
    let (mut client, mut daemon, device) = Daemon::with_device();
    let (buffer, queue) = buffer(&mut client, &device, BufferUsage::COPY_DST);
    let data = counted(3 * MIB + 4);
    queue.write_buffer(&mut client, &buffer, 0, &data, None, None).unwrap();
    queue.submit(&mut client, []);
    assert_eq!(writes(&mut daemon, &data), [(0, MIB), (MIB, MIB), (2 * MIB, MIB), (3 * MIB, 4)]);
    daemon.credit();
    // Behind the end of the buffer: one error, and nothing is written.
    queue.write_buffer(&mut client, &buffer, 15 << 20, &data[..2 * MIB - 4], None, None).unwrap();
    queue.submit(&mut client, []);
    let sent = daemon.sent();
    assert_eq!(sent.iter().map(Command::name).collect::<Vec<_>>(), ["WriteBuffer", "Submit"]);
}

#[test]
fn data_that_is_not_there_is_refused_here() {
    let (mut client, mut daemon, device) = Daemon::with_device();
    let (buffer, queue) = buffer(&mut client, &device, BufferUsage::COPY_DST);
    for (offset, size) in [(Some(9), None), (Some(4), Some(8)), (None, Some(6)), (Some(u64::MAX), Some(1))] {
        queue.write_buffer(&mut client, &buffer, 0, &[0; 8], offset, size).unwrap_err();
    }
    queue.write_buffer(&mut client, &buffer, 0, &[1, 2, 3, 4, 5, 6, 7, 8], Some(4), None).unwrap();
    queue.submit(&mut client, []);
    let sent = daemon.sent();
    let Command::WriteBuffer(write) = &sent[1] else { panic!("{:?}", sent[1]) };
    assert_eq!(daemon.data(&write.data), [5, 6, 7, 8]);
}

#[test]
fn data_longer_than_a_piece_is_staged() {
    let (mut client, mut daemon, device) = Daemon::with_device();
    // Mappable, so that it may not be split.
    let (buffer, queue) = buffer(&mut client, &device, BufferUsage::COPY_DST | BufferUsage::MAP_READ);
    let data = counted(2 * MAX_PIECE as usize + 4);
    queue.write_buffer(&mut client, &buffer, 0, &data, None, None).unwrap();
    queue.submit(&mut client, []);
    let mut staged = Vec::new();
    let sent = daemon.sent();
    for command in &sent[1..4] {
        let Command::Stage(stage) = command else { panic!("{command:?}") };
        staged.extend(daemon.data(&stage.data));
    }
    assert!(staged == data);
    let Command::WriteBuffer(write) = &sent[4] else { panic!("{:?}", sent[4]) };
    assert_eq!(write.data, Payload::Staged { len: data.len() as u64 });
}

#[test]
fn rows_of_a_long_write_to_a_texture_go_in_parts() {
    let (mut client, mut daemon, device) = Daemon::with_device();
    let size = Extent3d { width: 1000, height: Some(300), depth_or_array_layers: None };
    let texture: Texture = device.create_texture(
        &mut client,
        TextureDescriptor {
            label: None,
            size,
            mip_level_count: None,
            sample_count: None,
            dimension: None,
            format: TextureFormat::Rgba8unorm,
            usage: TextureUsage::COPY_DST,
            view_formats: Vec::new(),
        },
    );
    let stride = 4096;
    let data = counted(8 + 299 * stride + 4000);
    let destination =
        TexelCopyTextureInfo { texture: &texture, mip_level: None, origin: Origin3d::default(), aspect: None };
    let layout = TexelCopyBufferLayout { offset: Some(8), bytes_per_row: Some(stride as u32), rows_per_image: None };
    device.queue().write_texture(&mut client, destination, &data, layout, size);
    device.queue().submit(&mut client, []);
    let mut rows = 0;
    for command in daemon.sent() {
        let Command::WriteTexture(write) = command else { continue };
        assert_eq!((write.destination.origin.y, write.layout.offset), (rows, 0));
        let part = daemon.data(&write.data);
        let start = 8 + rows as usize * stride;
        assert!(part == data[start..start + part.len()]);
        rows += write.size.height;
    }
    assert_eq!(rows, 300);
}

#[test]
fn more_data_than_a_call_may_carry_is_an_out_of_memory_error() {
    let (mut client, mut daemon, device) = Daemon::with_device();
    let (buffer, queue) = buffer(&mut client, &device, BufferUsage::COPY_DST);
    // Zeroed memory that nobody touches.
    let data = vec![0; MAX_STAGED as usize + 4];
    queue.write_buffer(&mut client, &buffer, 0, &data, None, None).unwrap();
    queue.submit(&mut client, []);
    let sent = daemon.sent();
    let Command::RaiseError(error) = &sent[1] else { panic!("{:?}", sent[1]) };
    assert_eq!(error.kind, ErrorFilter::OutOfMemory);
}
