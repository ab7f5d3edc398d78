//! The driver's process is killed during its work: the program's device is lost, and the program continues with a new one.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test ends at the first failure")]

mod common;

use std::sync::{Arc, Mutex, mpsc};

#[test]
fn a_program_outlives_its_driver() {
    let instance = wgpu_airlock::instance(Default::default()).unwrap();
    let adapter = common::adapter(&instance);
    let (device, queue) = common::device(&adapter);
    assert_eq!(common::multiples(&device, &queue, 3), [0, 3, 6, 9, 12, 15, 18, 21]);

    let lost = Arc::new(Mutex::new(Vec::new()));
    let told = lost.clone();
    device.set_device_lost_callback(move |reason, message| told.lock().unwrap().push((reason, message)));
    device.on_uncaptured_error(Arc::new(|error: wgpu::Error| panic!("a lost device has no errors, but: {error}")));

    // Seconds of work, whose end is waited for: Marsaglia's xorshift, which no compiler can shorten. llvmpipe ends a shader's
    // loops after 65,535 rounds, so there are many workgroups.
    let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
    let numbers = common::buffer(&device, &[1; 128 << 10], usage);
    let long = "
        var n = numbers[id.x];
        for (var i = 0u; i < 60000u; i++) { n ^= n << 13u; n ^= n >> 17u; n ^= n << 5u; }
        numbers[id.x] = n;
    ";
    let pipeline = common::compute(&device, long);
    let readback = common::dispatch(&device, &queue, &pipeline, &numbers);
    let mapped = common::map(&readback);
    let (sender, done) = mpsc::channel();
    queue.on_submitted_work_done(move || sender.send(()).unwrap());
    let in_time = device
        .poll(wgpu::PollType::Wait { submission_index: None, timeout: Some(std::time::Duration::from_millis(50)) });
    assert!(matches!(in_time, Err(wgpu::PollError::Timeout)), "the work is under way: {in_time:?}");
    common::kill_the_driver();

    // Every wait ends, and every callback is called.
    device.poll(wgpu::PollType::wait_indefinitely()).unwrap();
    assert!(mapped.try_recv().unwrap().is_err());
    done.try_recv().unwrap();
    while lost.lock().unwrap().is_empty() {
        device.poll(wgpu::PollType::Poll).unwrap();
        std::thread::yield_now();
    }
    let told = lost.lock().unwrap().clone();
    assert!(matches!(&*told, [(wgpu::DeviceLostReason::Unknown, message)] if !message.is_empty()), "{told:?}");

    // Calls on the lost device have no effect, and do not panic.
    let scope = device.push_error_scope(wgpu::ErrorFilter::Validation);
    let after = common::buffer(&device, &[1, 2, 3, 4], wgpu::BufferUsages::COPY_SRC);
    queue.write_buffer(&numbers, 0, &[0; 4]);
    queue.submit([device.create_command_encoder(&Default::default()).finish()]);
    assert!(pollster::block_on(scope.pop()).is_none());
    assert!(matches!(device.poll(wgpu::PollType::wait_indefinitely()), Ok(wgpu::PollStatus::QueueEmpty)));

    // A new device, from the existing adapter or from a new one, has a new process.
    let (second, second_queue) = common::device(&adapter);
    assert_eq!(common::multiples(&second, &second_queue, 5), [0, 5, 10, 15, 20, 25, 30, 35]);
    assert_eq!(common::workers().len(), 1);
    let (third, third_queue) = common::device(&common::adapter(&instance));
    assert_eq!(common::multiples(&third, &third_queue, 7), [0, 7, 14, 21, 28, 35, 42, 49]);

    // Use of a lost device's object on a new device is an error, and no more.
    let scope = third.push_error_scope(wgpu::ErrorFilter::Validation);
    let mut encoder = third.create_command_encoder(&Default::default());
    encoder.clear_buffer(&after, 0, None);
    drop(encoder);
    let error = pollster::block_on(scope.pop()).expect("the buffer is another device's");
    assert!(error.to_string().contains("belongs to a device that is lost"), "{error}");
}
