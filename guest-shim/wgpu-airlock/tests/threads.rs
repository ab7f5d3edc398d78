//! Several threads on one device, as wgpu's documentation promises: objects are shared, polls wait for their own requests, and
//! error scopes are of one thread each.
#![allow(clippy::unwrap_used, reason = "a test ends at the first failure")]

mod common;

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;

/// A validation error, identified by the label in its message.
fn mistake(device: &wgpu::Device, label: &str) {
    let _ = device.create_buffer(&wgpu::BufferDescriptor {
        label: Some(label),
        size: 4,
        usage: wgpu::BufferUsages::empty(),
        mapped_at_creation: false,
    });
}

#[test]
fn threads_work_on_one_device() {
    let (device, queue) = common::device_with(Default::default());
    thread::scope(|scope| {
        for factor in 1..5 {
            let (device, queue) = (&device, &queue);
            scope.spawn(move || {
                for round in 0..10 {
                    let factor = factor * 10 + round;
                    let expected: Vec<u32> = (0..8).map(|number| number * factor).collect();
                    assert_eq!(common::multiples(device, queue, factor), expected);
                }
            });
        }
    });
}

#[test]
fn error_scopes_are_of_one_thread() {
    let (device, _queue) = common::device_with(Default::default());
    let uncaptured = Arc::new(AtomicUsize::new(0));
    let count = uncaptured.clone();
    device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
        assert!(error.to_string().contains("of nobody"), "{error}");
        count.fetch_add(1, SeqCst);
    }));
    // Three threads take turns: two have scopes, one has none.
    let turns = Barrier::new(3);
    thread::scope(|scope| {
        for name in ["first", "second"] {
            let (device, turns) = (&device, &turns);
            scope.spawn(move || {
                let outer = device.push_error_scope(wgpu::ErrorFilter::Validation);
                turns.wait();
                mistake(device, &format!("{name} outside"));
                turns.wait();
                let inner = device.push_error_scope(wgpu::ErrorFilter::Validation);
                turns.wait();
                mistake(device, &format!("{name} inside"));
                turns.wait();
                mistake(device, &format!("{name} inside and later"));
                turns.wait();
                let inner = pollster::block_on(inner.pop()).expect("a mistake was made").to_string();
                assert!(inner.contains(&format!("{name} inside'")), "{inner}");
                let outer = pollster::block_on(outer.pop()).expect("a mistake was made").to_string();
                assert!(outer.contains(&format!("{name} outside'")), "{outer}");
            });
        }
        for _ in 0..5 {
            mistake(&device, "of nobody");
            turns.wait();
        }
    });
    device.poll(wgpu::PollType::wait_indefinitely()).unwrap();
    assert_eq!(uncaptured.load(SeqCst), 5);
}

#[test]
fn a_poll_waits_for_what_another_poll_waits_for() {
    let (device, queue) = common::device_with(Default::default());
    let numbers = common::buffer(&device, &[1; 32], wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC);
    let long = "for (var i = 0u; i < 2000000u; i++) { numbers[id.x] = numbers[id.x] * 1664525u + 1013904223u; }";
    let pipeline = common::compute(&device, long);
    let readback = common::dispatch(&device, &queue, &pipeline, &numbers);
    let mapped = Arc::new(AtomicUsize::new(0));
    let told = mapped.clone();
    readback.map_async(wgpu::MapMode::Read, .., move |result| {
        result.unwrap();
        told.fetch_add(1, SeqCst);
    });
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                device.poll(wgpu::PollType::wait_indefinitely()).unwrap();
                // The buffer is mapped for all threads, whichever of them runs the callback.
                assert_eq!(readback.slice(..).get_mapped_range().unwrap().len(), 32);
            });
        }
    });
    assert_eq!(mapped.load(SeqCst), 1);
}

#[test]
fn a_callback_may_poll_and_drop() {
    let (device, queue) = common::device_with(Default::default());
    let (sender, receiver) = mpsc::channel();
    let again = device.clone();
    queue.on_submitted_work_done(move || {
        again.poll(wgpu::PollType::wait_indefinitely()).unwrap();
        drop(again);
        sender.send(()).unwrap();
    });
    drop(queue);
    device.poll(wgpu::PollType::wait_indefinitely()).unwrap();
    receiver.try_recv().unwrap();
}

#[test]
fn a_map_whose_buffer_is_dropped_fails_and_keeps_nothing() {
    let (device, queue) = common::device_with(Default::default());
    let buffer = device.create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size: 8,
        usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });
    let mapped = common::map(&buffer);
    drop(buffer);
    drop(queue);
    drop(device);
    // No thread polls: the drop of the device runs the callback.
    assert!(mapped.try_recv().unwrap().is_err());
}

#[test]
fn a_scope_of_another_order_is_a_panic_as_in_wgpu() {
    let (device, _queue) = common::device_with(Default::default());
    let outer = device.push_error_scope(wgpu::ErrorFilter::Validation);
    let _inner = device.push_error_scope(wgpu::ErrorFilter::Internal);
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(outer.pop())));
    let message = *caught.unwrap_err().downcast::<String>().unwrap();
    assert!(message.starts_with("Mismatched pop_error_scope call"), "{message}");
}

#[test]
fn everything_is_send_and_sync() {
    fn check<T: Send + Sync>() {}
    check::<wgpu_airlock::Options>();
    check::<wgpu::Instance>();
    check::<wgpu::Device>();
}
