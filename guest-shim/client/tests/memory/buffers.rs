//! Mapping: its states, its contents, its bounds.

use airlock_client::{
    Client,
    buffer::{Buffer, BufferDescriptor, BufferMapState, MappedRangeError},
    device::Device,
    object::DeviceObject as _,
};
use airlock_protocol::{
    Command, Event,
    commands::{
        buffer::{BufferUsage, MapMode},
        error::ErrorFilter,
    },
    events::MapErrorKind,
    limits::{MAX_MAPPED, MAX_PIECE},
};

use crate::daemon::Daemon;

fn buffer(client: &mut Client, device: &Device, size: u64, mapped: bool) -> Buffer {
    let usage = BufferUsage::MAP_READ | BufferUsage::COPY_DST;
    device.create_buffer(
        client,
        BufferDescriptor { size, usage, mapped_at_creation: Some(mapped), ..BufferDescriptor::default() },
    )
}

#[test]
fn a_map_brings_the_contents_and_an_unmap_takes_them() {
    let (mut client, mut daemon, device) = Daemon::with_device();
    let mut buffer = buffer(&mut client, &device, 64, false);
    assert_eq!(buffer.map_state(), BufferMapState::Unmapped);
    let (reply, map) = buffer.map_async(&mut client, Some(MapMode::Read), Some(8), None).unwrap();
    assert_eq!(buffer.map_state(), BufferMapState::Pending);
    let again = buffer.map_async(&mut client, Some(MapMode::Read), None, None).unwrap_err();
    assert_eq!(again.kind, MapErrorKind::Operation);
    assert!(matches!(daemon.command(), Command::CreateBuffer(_)));
    let request = daemon.request();
    for piece in [&[1; 50][..], &[2; 20]] {
        daemon.send(&Event::MapData { request, data: piece });
    }
    daemon.send(&Event::Mapped { request, result: Ok(()) });
    map.finish(&mut client, Some(&mut buffer), reply.wait()).unwrap();
    assert_eq!(buffer.map_state(), BufferMapState::Mapped);
    let bytes = buffer.mapped_range(Some(56), None).unwrap();
    assert_eq!(*bytes, [1, 1, 2, 2, 2, 2, 2, 2]);
    for (offset, size) in [(Some(0), None), (Some(8), Some(60)), (Some(12), None), (Some(16), Some(3))] {
        assert!(matches!(buffer.mapped_range(offset, size), Err(MappedRangeError::Operation(_))), "{offset:?}");
    }
    buffer.unmap(&mut client);
    assert_eq!(buffer.map_state(), BufferMapState::Unmapped);
    assert!(buffer.mapped_range(Some(56), None).is_err());
    assert_eq!(*bytes, [1, 1, 2, 2, 2, 2, 2, 2], "what was given out stays");
    device.queue().submit(&mut client, []);
    // The second map is an error on the device as well (WebGPU, mapAsync).
    assert_eq!(daemon.names(), ["RaiseError", "UnmapBuffer", "Submit"]);
}

/// WebGPU, "destroy": the buffers that there are are unmapped; one that is made afterwards starts mapped all the same.
#[test]
fn a_destroyed_device_unmaps_what_it_had() {
    let (mut client, _daemon, device) = Daemon::with_device();
    let mut early = buffer(&mut client, &device, 64, true);
    device.destroy(&mut client);
    let mut late = buffer(&mut client, &device, 64, true);
    assert_eq!([early.map_state(), late.map_state()], [BufferMapState::Unmapped, BufferMapState::Mapped]);
    assert!(early.write_mapped_range(&[1; 4], None, Some(4)).is_err());
    late.write_mapped_range(&[1; 4], None, Some(4)).unwrap();
    assert_eq!(*late.mapped_range(None, Some(4)).unwrap(), [1; 4]);
    late.unmap(&mut client);
    assert_eq!(late.map_state(), BufferMapState::Unmapped);
}

#[test]
fn an_unmap_ends_a_pending_map_and_its_reply_comes_too_late() {
    let (mut client, mut daemon, device) = Daemon::with_device();
    let mut buffer = buffer(&mut client, &device, 16, false);
    let (reply, map) = buffer.map_async(&mut client, Some(MapMode::Read), None, None).unwrap();
    buffer.unmap(&mut client);
    let (later, second) = buffer.map_async(&mut client, Some(MapMode::Read), None, None).unwrap();
    assert!(matches!(daemon.command(), Command::CreateBuffer(_)));
    let request = daemon.request();
    daemon.send(&Event::MapData { request, data: &[7; 16] });
    daemon.send(&Event::Mapped { request, result: Ok(()) });
    let error = map.finish(&mut client, Some(&mut buffer), reply.wait()).unwrap_err();
    assert_eq!(error.kind, MapErrorKind::Abort);
    assert_eq!(buffer.map_state(), BufferMapState::Pending, "the second map waits on");
    assert!(matches!(daemon.command(), Command::UnmapBuffer(_)));
    let request = daemon.request();
    daemon.send(&Event::Mapped { request, result: Ok(()) });
    let error = second.finish(&mut client, None, later.wait()).unwrap_err();
    assert!(error.message.contains("dropped"), "{}", error.message);
}

#[test]
fn what_was_written_is_sent_at_the_unmap_and_nothing_else() {
    let (mut client, mut daemon, device) = Daemon::with_device();
    let long = MAX_PIECE as usize + 8;
    let mut buffer = buffer(&mut client, &device, 4 << 20, true);
    assert_eq!(buffer.map_state(), BufferMapState::Mapped);
    buffer.write_mapped_range(&[1, 2, 3, 4], Some(8), None).unwrap();
    buffer.write_mapped_range(&vec![5; long], Some(1 << 20), None).unwrap();
    let error = buffer.write_mapped_range(&[0; 12], Some(0), Some(8)).unwrap_err();
    assert!(matches!(error, MappedRangeError::Range(_)), "{error}");
    let mut lifted = buffer.lift_mapping(4, Some(16), None).unwrap();
    lifted.write(&[9; 4]);
    buffer.put_mapping_back(lifted);
    assert_eq!(buffer.mapped_range(Some(8), Some(12)).unwrap()[..], [1, 2, 3, 4, 0, 0, 0, 0, 9, 9, 9, 9]);
    buffer.unmap(&mut client);
    device.queue().submit(&mut client, []);
    let mut writes = Vec::new();
    for command in daemon.sent() {
        if let Command::WriteMapped(write) = command {
            let data = daemon.data(&write.data);
            writes.push((write.offset, data.len(), data[0]));
        }
    }
    let start = 1 << 20;
    assert_eq!(writes, [(8, 4, 1), (16, 4, 9), (start, long - 8, 5), (start + long as u64 - 8, 8, 5)]);
}

#[test]
fn mapped_memory_is_bounded_and_free_again_after_its_end() {
    let (mut client, mut daemon, device) = Daemon::with_device();
    let limit = device.limits().max_buffer_size;
    let mut pending: Vec<_> = (0..MAX_MAPPED / limit)
        .map(|_| {
            let mut buffer = buffer(&mut client, &device, limit, false);
            let requested = buffer.map_async(&mut client, Some(MapMode::Read), None, None).unwrap();
            (buffer, requested)
        })
        .collect();
    let mut more = buffer(&mut client, &device, 16, false);
    let error = more.map_async(&mut client, Some(MapMode::Read), None, None).unwrap_err();
    assert!(error.message.contains("mapped at a time"), "{}", error.message);
    let mut inert = buffer(&mut client, &device, 16, true);
    assert_eq!(inert.map_state(), BufferMapState::Unmapped);
    // Mapping an invalid buffer is a validation error, too (WebGPU, "mapAsync").
    inert.map_async(&mut client, Some(MapMode::Read), None, None).unwrap_err();
    device.queue().submit(&mut client, []);
    let raised: Vec<_> = daemon
        .sent()
        .into_iter()
        .filter_map(|command| match command {
            Command::RaiseError(error) => Some(error.kind),
            _ => None,
        })
        .collect();
    assert_eq!(raised, [ErrorFilter::OutOfMemory, ErrorFilter::Validation]);
    let (released, _) = pending.pop().expect("a buffer");
    released.release(&mut client);
    let (wait, _) = more.map_async(&mut client, Some(MapMode::Read), None, None).expect("there is room again");
    assert!(!wait.is_ready());
}

#[test]
fn a_mode_that_is_none_and_a_destroyed_device_map_nothing() {
    let (mut client, mut daemon, device) = Daemon::with_device();
    let mut buffer = buffer(&mut client, &device, 16, true);
    buffer.unmap(&mut client);
    let error = buffer.map_async(&mut client, None, None, None).unwrap_err();
    assert_eq!(error.kind, MapErrorKind::Operation);
    let (reply, map) = buffer.map_async(&mut client, Some(MapMode::Write), None, None).unwrap();
    assert!(daemon.sent().iter().any(|command| matches!(command, Command::RaiseError(_))));
    device.destroy(&mut client);
    assert_eq!(buffer.map_state(), BufferMapState::Unmapped);
    daemon.die();
    let error = map.finish(&mut client, Some(&mut buffer), reply.wait()).unwrap_err();
    assert_eq!(error.kind, MapErrorKind::Abort);
}
