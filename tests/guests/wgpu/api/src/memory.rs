//! Mapping, writes, and polling.

use std::error::Error;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use wgpu::BufferUsages as Usage;

use crate::Gpu;

pub fn run(gpu: &Gpu) -> Result<(), Box<dyn Error>> {
    mapped_at_creation(gpu)?;
    mapped_for_writing(gpu)?;
    refused_ranges(gpu)?;
    queue_writes(gpu)?;
    polling(gpu)?;
    callbacks(gpu)?;
    waits(gpu)
}

/// Ranges are written one after the other, one of them twice, and the other bytes remain zero.
fn mapped_at_creation(gpu: &Gpu) -> Result<(), Box<dyn Error>> {
    let buffer = gpu.device.create_buffer(&wgpu::BufferDescriptor {
        label: Some("mapped"),
        size: 64,
        usage: Usage::COPY_SRC,
        mapped_at_creation: true,
    });
    buffer.get_mapped_range_mut(0..16)?.slice(..4).copy_from_slice(&[1, 2, 3, 4]);
    buffer.get_mapped_range_mut(16..32)?.copy_from_slice(&[9; 16]);
    buffer.get_mapped_range_mut(0..32)?.slice(4..6).copy_from_slice(&[5, 6]);
    buffer.unmap();
    println!("mapped at creation: {:?}", gpu.read(&buffer)?);
    Ok(())
}

/// Bytes that are not written remain.
fn mapped_for_writing(gpu: &Gpu) -> Result<(), Box<dyn Error>> {
    let buffer = gpu.buffer(32, Usage::MAP_WRITE | Usage::COPY_SRC);
    for (offset, value) in [(0usize, 7u8), (3, 8)] {
        buffer.map_async(wgpu::MapMode::Write, .., |result| assert!(result.is_ok()));
        gpu.device.poll(wgpu::PollType::wait_indefinitely())?;
        buffer.get_mapped_range_mut(8..24)?.slice(offset..offset + 2).copy_from_slice(&[value, value]);
        buffer.unmap();
    }
    println!("mapped for writing: {:?}", gpu.read(&buffer)?);
    Ok(())
}

fn refused_ranges(gpu: &Gpu) -> Result<(), Box<dyn Error>> {
    let buffer = gpu.buffer(64, Usage::MAP_READ | Usage::COPY_DST);
    println!("range of an unmapped buffer is refused: {}", buffer.get_mapped_range(..).is_err());
    let result = Arc::new(Mutex::new(None));
    let told = result.clone();
    buffer.map_async(wgpu::MapMode::Read, 0..32, move |result| *told.lock().unwrap() = Some(result));
    println!("range while the map waits is refused: {}", buffer.get_mapped_range(0..32).is_err());
    buffer.unmap();
    gpu.device.poll(wgpu::PollType::wait_indefinitely())?;
    println!("map that was given up: {:?}", result.lock().unwrap().take());

    buffer.map_async(wgpu::MapMode::Read, 0..32, |result| assert!(result.is_ok()));
    gpu.device.poll(wgpu::PollType::wait_indefinitely())?;
    println!("range beyond the mapped one is refused: {}", buffer.get_mapped_range(0..64).is_err());
    println!("two views of one range: {}", {
        let (first, second) = (buffer.get_mapped_range(0..32)?, buffer.get_mapped_range(0..16)?);
        first[..16] == second[..]
    });
    buffer.unmap();
    Ok(())
}

fn queue_writes(gpu: &Gpu) -> Result<(), Box<dyn Error>> {
    let buffer = gpu.buffer(32, Usage::COPY_SRC | Usage::COPY_DST);
    gpu.queue.write_buffer(&buffer, 4, &[1; 8]);
    if let Some(mut view) = gpu.queue.write_buffer_with(&buffer, 16, wgpu::BufferSize::MIN.saturating_add(7)) {
        view.copy_from_slice(&[2; 8]);
    }
    let mut refused = true;
    let error = gpu.caught(|| {
        refused = gpu.queue.write_buffer_with(&buffer, 28, wgpu::BufferSize::MIN.saturating_add(7)).is_none();
    });
    println!("write beyond the end is refused: {refused}, {}", crate::kind(&error));
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    encoder.clear_buffer(&buffer, 8, Some(4));
    gpu.queue.submit([encoder.finish()]);
    println!("written: {:?}", gpu.read(&buffer)?);
    Ok(())
}

fn polling(gpu: &Gpu) -> Result<(), Box<dyn Error>> {
    let first = gpu.queue.submit([]);
    let second = gpu.queue.submit([]);
    let timeout = Some(Duration::from_secs(60));
    let wait = |index| wgpu::PollType::Wait { submission_index: Some(index), timeout };
    println!(
        "waited: {} {}",
        gpu.device.poll(wait(first))?.wait_finished(),
        gpu.device.poll(wait(second))?.wait_finished()
    );

    let buffer = gpu.buffer(16, Usage::MAP_READ | Usage::COPY_DST);
    let mapped = Arc::new(Mutex::new(false));
    let told = mapped.clone();
    buffer.map_async(wgpu::MapMode::Read, .., move |result| *told.lock().unwrap() = result.is_ok());
    // A loop without a wait has to let the host work.
    while !*mapped.lock().unwrap() {
        gpu.device.poll(wgpu::PollType::Poll)?;
    }
    println!("polled until the buffer was mapped");
    gpu.queue.submit([]);
    while !gpu.device.poll(wgpu::PollType::Poll)?.is_queue_empty() {}
    println!("polled until the queue was empty");
    Ok(())
}

/// Callbacks may use the device, and a wait returns after all of them.
fn callbacks(gpu: &Gpu) -> Result<(), Box<dyn Error>> {
    let count = Arc::new(Mutex::new(0));
    for _ in 0..3 {
        gpu.queue.submit([]);
        let count = count.clone();
        gpu.queue.on_submitted_work_done(move || *count.lock().unwrap() += 1);
    }
    let buffer = gpu.buffer(16, Usage::MAP_READ | Usage::COPY_DST);
    let (counted, device, mapped) = (count.clone(), gpu.device.clone(), buffer.clone());
    buffer.map_async(wgpu::MapMode::Read, .., move |result| {
        assert!(result.is_ok());
        assert!(mapped.get_mapped_range(..).is_ok_and(|range| range[..] == [0; 16]));
        let _ = device.poll(wgpu::PollType::Poll);
        *counted.lock().unwrap() += 1;
    });
    gpu.device.poll(wgpu::PollType::wait_indefinitely())?;
    println!("callbacks: {}", count.lock().unwrap());
    Ok(())
}

/// Waits that no map of the program goes with. The label of a buffer marks the end of each in a recording.
fn waits(gpu: &Gpu) -> Result<(), Box<dyn Error>> {
    let waited = |label| {
        drop(gpu.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(label),
            size: 4,
            usage: Usage::COPY_DST,
            mapped_at_creation: false,
        }));
    };
    gpu.queue.submit([]);
    gpu.device.poll(wgpu::PollType::wait_indefinitely())?;
    waited("waited for a submit");

    let called = Arc::new(Mutex::new(false));
    let told = called.clone();
    gpu.queue.on_submitted_work_done(move || *told.lock().unwrap() = true);
    gpu.device.poll(wgpu::PollType::wait_indefinitely())?;
    waited("waited for a callback");

    gpu.queue.submit([]);
    while !gpu.device.poll(wgpu::PollType::Poll)?.is_queue_empty() {}
    waited("polled for a submit");

    let buffer = gpu.buffer(16, Usage::MAP_READ | Usage::COPY_DST);
    gpu.queue.submit([]);
    buffer.map_async(wgpu::MapMode::Read, .., |_| {});
    buffer.unmap();
    gpu.device.poll(wgpu::PollType::wait_indefinitely())?;
    waited("waited for a submit and no map");
    println!("waited without a map: {}", called.lock().unwrap());
    Ok(())
}

/// A wait where the device has no memory for one more buffer than the program's.
pub fn crowded(gpu: &Gpu) -> Result<(), Box<dyn Error>> {
    let _only = gpu.buffer(16, Usage::COPY_DST);
    let scopes = [wgpu::ErrorFilter::OutOfMemory, wgpu::ErrorFilter::Validation]
        .map(|filter| gpu.device.push_error_scope(filter));
    for _ in 0..2 {
        gpu.queue.submit([]);
        gpu.device.poll(wgpu::PollType::wait_indefinitely())?;
    }
    for scope in scopes.into_iter().rev() {
        println!("waited: {}", crate::kind(&pollster::block_on(scope.pop())));
    }
    Ok(())
}
