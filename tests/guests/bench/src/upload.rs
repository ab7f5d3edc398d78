//! Uploads of bytes, which the guest makes once, so that only the upload is measured.

use guest_support::gpu::{GpuBufferUsage, GpuTexelCopyBufferLayout, GpuTextureFormat, GpuTextureUsage};
use guest_support::textures::{extent, whole};
use guest_support::{ErrorScopes, Failure, Outcome, fail};

use crate::MIB;
use measure::{Bench, Watch};

/// Bytes that reveal a shift, a gap or a repeated page.
pub fn pattern(size: u32) -> Vec<u8> {
    // Reserved at once: a growing vector would leave holes of several times its size in the guest's memory.
    let mut bytes = Vec::with_capacity(size as usize);
    bytes.extend((0..size / 4).flat_map(|word| word.wrapping_mul(0x9E37_79B1).to_le_bytes()));
    bytes
}

/// The time of a `write-buffer`; all of them share the wait at the end.
pub async fn write_buffer(bench: &Bench, size: u32, writes: u32) -> Outcome {
    let gpu = &bench.gpu;
    let data = pattern(size);
    let scopes = ErrorScopes::open(&gpu.device);
    let buffer = gpu.buffer("target", u64::from(size), GpuBufferUsage::COPY_DST | GpuBufferUsage::COPY_SRC);
    let work = async || {
        let watch = Watch::start();
        for _ in 0..writes {
            gpu.queue
                .write_buffer_with_copy(&buffer, 0, &data, None, None)
                .map_err(|error| Failure::new(format!("cannot write a buffer: {}", error.message)))?;
        }
        let held = watch.ns();
        bench.wait().await?;
        Ok([watch.ns(), held].map(|ns| ns / f64::from(writes)))
    };
    let [whole, held] = bench.repeat(work).await?;
    scopes.close("writing the buffer").await?;
    if bench.computes {
        // In pieces: the guest's memory is measured as well.
        for from in (0..size).step_by(MIB as usize) {
            let piece = &data[from as usize..(from.saturating_add(MIB).min(size)) as usize];
            if gpu.download_range::<u8>(&buffer, u64::from(from), piece.len() as u64).await? != piece {
                fail!("the buffer holds other bytes than were written, in the MiB from {from}");
            }
        }
    }
    bench.report_memory();
    bench.report("whole", whole);
    bench.report("held", held);
    Ok(())
}

/// The time of a `write-texture` of all texels.
pub async fn write_texture(bench: &Bench, side: u32, writes: u32) -> Outcome {
    let gpu = &bench.gpu;
    let data = pattern(side * side * 4);
    let scopes = ErrorScopes::open(&gpu.device);
    let usage = GpuTextureUsage::COPY_DST | GpuTextureUsage::COPY_SRC;
    let texture = gpu.texture("target", side, side, GpuTextureFormat::Rgba8unorm, usage);
    let work = async || {
        let watch = Watch::start();
        for _ in 0..writes {
            let layout =
                GpuTexelCopyBufferLayout { offset: None, bytes_per_row: Some(side * 4), rows_per_image: Some(side) };
            gpu.queue.write_texture_with_copy(&whole(&texture), &data, layout, extent(side, side));
        }
        let held = watch.ns();
        bench.wait().await?;
        Ok([watch.ns(), held].map(|ns| ns / f64::from(writes)))
    };
    let [all, held] = bench.repeat(work).await?;
    scopes.close("writing the texture").await?;
    if bench.computes {
        // In bands: a large picture beside its pattern would double the guest's memory.
        let rows = side.min(256);
        for top in (0..side).step_by(rows as usize) {
            let band = gpu.download_rows(&texture, side, 4, top, rows).await?;
            let from = (top * side * 4) as usize;
            if band != data[from..from + band.len()] {
                fail!("the texture holds other texels than were written, in the rows from {top}");
            }
        }
    }
    bench.report("whole", all);
    bench.report("held", held);
    Ok(())
}
