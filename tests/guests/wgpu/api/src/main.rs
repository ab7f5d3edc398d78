//! wgpu's API, part by part. Each printed line is the same on native drivers; a part that differs says so and is checked
//! here.

mod absent;
mod draws;
mod errors;
mod memory;
mod shaders;

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let (device, queue) = support::device(wgpu::Features::TIMESTAMP_QUERY | wgpu::Features::IMMEDIATES)?;
    let gpu = Gpu { device, queue };
    match std::env::args().nth(1).as_deref() {
        None => {}
        Some("exit") => std::process::exit(3),
        Some("crowded") => return memory::crowded(&gpu),
        // Each part alone, for hosts that cannot run them all.
        Some("memory") => return memory::run(&gpu),
        Some("shaders") => return shaders::run(&gpu),
        Some("draws") => return draws::run(&gpu),
        Some("errors") => return errors::run(&gpu),
        Some("absent") => return absent::run(),
        Some(case) => return errors::uncaught(&gpu, case),
    }
    about(&gpu);
    memory::run(&gpu)?;
    shaders::run(&gpu)?;
    draws::run(&gpu)?;
    errors::run(&gpu)?;
    absent::run()?;
    errors::loss(&gpu)?;
    println!("done");
    Ok(())
}

pub struct Gpu {
    pub device: wgpu::Device,
    pub queue: wgpu::Queue,
}

impl Gpu {
    pub fn buffer(&self, size: u64, usage: wgpu::BufferUsages) -> wgpu::Buffer {
        self.device.create_buffer(&wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false })
    }

    /// The contents of a buffer that can be copied from.
    pub fn read(&self, buffer: &wgpu::Buffer) -> Result<Vec<u8>, Box<dyn Error>> {
        let readback = self.buffer(buffer.size(), wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST);
        let mut encoder = self.device.create_command_encoder(&Default::default());
        encoder.copy_buffer_to_buffer(buffer, 0, &readback, 0, buffer.size());
        self.queue.submit([encoder.finish()]);
        support::read_buffer(&self.device, &readback)
    }

    /// The error that a validation scope around `run` catches.
    pub fn caught<T>(&self, run: impl FnOnce() -> T) -> Option<wgpu::Error> {
        let scope = self.device.push_error_scope(wgpu::ErrorFilter::Validation);
        run();
        pollster::block_on(scope.pop())
    }
}

/// The kind of an error, which is the same on both targets; messages differ with their validation.
pub fn kind(error: &Option<wgpu::Error>) -> &'static str {
    match error {
        None => "no error",
        Some(wgpu::Error::Validation { .. }) => "validation error",
        Some(wgpu::Error::OutOfMemory { .. }) => "out of memory",
        Some(wgpu::Error::Internal { .. }) => "internal error",
    }
}

fn about(gpu: &Gpu) {
    let limits = gpu.device.limits();
    println!("default limits are met: {}", wgpu::Limits::default().check_limits(&limits));
    println!("timestamps: {}", gpu.device.features().contains(wgpu::Features::TIMESTAMP_QUERY));
    println!("adapter has a name: {}", !gpu.device.adapter_info().name.is_empty());
}
