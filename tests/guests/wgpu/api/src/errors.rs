//! Destinations of errors: scopes, the handler, results, and the callback of a loss.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, mpsc};

use wgpu::BufferUsages as Usage;

use crate::{Gpu, kind};

pub fn run(gpu: &Gpu) -> Result<(), Box<dyn Error>> {
    let bad_buffer = || gpu.buffer(16, Usage::MAP_READ | Usage::MAP_WRITE);
    println!("a good buffer: {}", kind(&gpu.caught(|| gpu.buffer(16, Usage::COPY_DST))));
    println!("a bad buffer: {}", kind(&gpu.caught(bad_buffer)));

    let outer = gpu.device.push_error_scope(wgpu::ErrorFilter::Validation);
    let inner = gpu.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
    bad_buffer();
    let (inner, outer) = (pollster::block_on(inner.pop()), pollster::block_on(outer.pop()));
    println!("in nested scopes: {}, {}", kind(&inner), kind(&outer));

    // A dropped scope drops its errors.
    drop(gpu.device.push_error_scope(wgpu::ErrorFilter::Validation));
    println!(
        "an encoder with a mistake: {}",
        kind(&gpu.caught(|| {
            let mut encoder = gpu.device.create_command_encoder(&Default::default());
            encoder.pop_debug_group();
            gpu.queue.submit([encoder.finish()]);
        }))
    );
    println!("a pipeline without its entry point: {}", kind(&gpu.caught(|| pipeline(gpu, "absent"))));
    println!("a pipeline: {}", kind(&gpu.caught(|| pipeline(gpu, "main"))));

    let count = Arc::new(AtomicUsize::new(0));
    let told = count.clone();
    gpu.device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
        assert!(matches!(error, wgpu::Error::Validation { .. }));
        told.fetch_add(1, Relaxed);
    }));
    bad_buffer();
    bad_buffer();
    while count.load(Relaxed) < 2 {
        gpu.queue.submit([]);
        gpu.device.poll(wgpu::PollType::wait_indefinitely())?;
    }
    println!("uncaptured errors: {}", count.load(Relaxed));

    // A message names the object, and has the form of wgpu's own.
    let error = gpu.caught(|| {
        gpu.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("too many uses"),
            size: 16,
            usage: Usage::MAP_READ | Usage::STORAGE,
            mapped_at_creation: false,
        })
    });
    let message = error.map(|error| error.to_string()).unwrap_or_default();
    println!("message: {:?}", message.split('\n').take(3).collect::<Vec<_>>());
    let parts = ["In ", ", label = 'too many uses'", "`MAP` usage can only be combined with the opposite `COPY`"];
    println!("message has what matters: {}", parts.iter().all(|part| message.contains(part)));
    Ok(())
}

fn pipeline(gpu: &Gpu, entry_point: &str) -> wgpu::ComputePipeline {
    let module = gpu.device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: None,
        source: wgpu::ShaderSource::Wgsl("@compute @workgroup_size(1) fn main() {}".into()),
    });
    gpu.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: None,
        layout: None,
        module: &module,
        entry_point: Some(entry_point),
        compilation_options: Default::default(),
        cache: None,
    })
}

/// Uncaught errors: at the end of the program, before a wait, and of features that the interface does not have.
pub fn uncaught(gpu: &Gpu, case: &str) -> Result<(), Box<dyn Error>> {
    match case {
        "uncaught" | "uncaught-and-waiting" => {
            gpu.buffer(16, Usage::MAP_READ | Usage::MAP_WRITE);
        }
        "uncaught-absent" => {
            support::target(&gpu.device, 64, 64, wgpu::TextureFormat::NV12);
        }
        _ => return Err(format!("there is no case {case}").into()),
    }
    if case == "uncaught-and-waiting" {
        gpu.queue.submit([]);
        gpu.device.poll(wgpu::PollType::wait_indefinitely())?;
    }
    println!("went on");
    Ok(())
}

/// The end of a device that is destroyed.
pub fn loss(gpu: &Gpu) -> Result<(), Box<dyn Error>> {
    let (sender, receiver) = mpsc::channel();
    let sender = Mutex::new(sender);
    gpu.device.set_device_lost_callback(move |reason, message| {
        let _ = sender.lock().unwrap().send((reason, message.is_empty()));
    });
    gpu.device.destroy();
    let reason = loop {
        gpu.device.poll(wgpu::PollType::Poll)?;
        if let Ok((reason, _)) = receiver.try_recv() {
            break reason;
        }
    };
    println!("lost: {reason:?}");
    Ok(())
}
