//! Traps of the Canonical ABI, before the host's functions are reached: values outside the types of the interface, passed by
//! raw imports, because bindings cannot make them.

use guest_support::gpu::*;
use guest_support::tasks::{join, sleep_ms};
use guest_support::{Failure, Gpu, Outcome};

#[link(wasm_import_module = "wasi:webgpu/webgpu@0.3.0-rc.2")]
unsafe extern "C" {
    #[link_name = "[method]gpu-device.push-error-scope"]
    fn push_error_scope(device: u32, filter: u32);
    #[link_name = "[method]gpu-buffer.size"]
    fn buffer_size(buffer: u32) -> u64;
    #[link_name = "[method]gpu-buffer.set-label"]
    fn buffer_set_label(buffer: u32, text: usize, length: usize);
    #[link_name = "[resource-drop]gpu-buffer"]
    fn buffer_drop(buffer: u32);
    #[link_name = "[method]gpu-queue.submit"]
    fn submit(queue: u32, list: usize, length: usize);
    #[link_name = "[method]gpu-command-encoder.clear-buffer"]
    fn clear_buffer(encoder: u32, buffer: u32, has_offset: u32, offset: u64, has_size: u32, size: u64);
}

pub const NAMES: [&str; 14] = [
    "no-such-case",
    "no-such-option",
    "no-such-handle",
    "dropped-handle",
    "handle-of-another-type",
    "second-drop",
    "lent-handle",
    "text-beyond-memory",
    "text-not-utf8",
    "list-beyond-memory",
    "list-not-aligned",
    "too-many-handles",
    "too-many-lent",
    "too-much-data",
];

/// Runs the case `name`, which does not return.
pub async fn run(name: &str) -> Outcome {
    let gpu = Gpu::request("traps").await?;
    let buffer = gpu.buffer("buffer", 64, GpuBufferUsage::MAP_READ | GpuBufferUsage::COPY_DST);
    let encoder = gpu.encoder("encoder");
    let (device, handle) = (gpu.device.handle(), buffer.handle());
    // SAFETY: the host validates these arguments, which is the property under test.
    unsafe {
        match name {
            "no-such-case" => push_error_scope(device, 3),
            "no-such-option" => clear_buffer(encoder.handle(), handle, 2, 0, 0, 0),
            "no-such-handle" => drop(buffer_size(0x00ff_ffff)),
            "dropped-handle" => {
                drop(buffer);
                buffer_size(handle);
            }
            "handle-of-another-type" => drop(buffer_size(device)),
            "second-drop" => {
                buffer_drop(handle);
                buffer_drop(handle);
            }
            "lent-handle" => {
                let wait = gpu.queue.on_submitted_work_done();
                let _ = join(
                    async {
                        let map = buffer.map_async(GpuMapMode::READ, None, None);
                        join(map, wait).await
                    },
                    async {
                        buffer_drop(handle);
                        sleep_ms(1000).await;
                    },
                )
                .await;
            }
            "text-beyond-memory" => buffer_set_label(handle, usize::MAX - 3, 100),
            "text-not-utf8" => buffer_set_label(handle, [0xffu8; 4].as_ptr() as usize, 4),
            "list-beyond-memory" => submit(gpu.queue.handle(), 0, usize::MAX),
            "list-not-aligned" => submit(gpu.queue.handle(), 1, 1),
            "too-many-handles" => {
                let buffers: Vec<_> = (0..1_000_000).map(|_| gpu.buffer("", 4, GpuBufferUsage::UNIFORM)).collect();
                drop(buffers);
            }
            "too-many-lent" => {
                let commands = encoder.finish(None);
                gpu.queue.submit(&vec![&commands; 200_000]);
            }
            "too-much-data" => {
                gpu.queue.write_buffer_with_copy(&buffer, 0, &vec![0; 129 << 20], None, None).ok();
            }
            _ => return Err(Failure::usage("there is no such trap", &NAMES.join(", "))),
        }
    }
    Err(Failure::new(format!("{name} does not trap")))
}
