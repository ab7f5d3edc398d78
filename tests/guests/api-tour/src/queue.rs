//! `gpu-queue`: submits, writes to buffers and textures, and completion of submitted work.

use guest_support::gpu::*;
use guest_support::textures::{extent, whole};
use guest_support::{Gpu, Outcome};

use crate::check::{Check, check_error, check_success, plain_device};

pub async fn tour(check: &mut Check) -> Outcome {
    let gpu = plain_device("queue").await?;
    let (device, queue) = (&gpu.device, &gpu.queue);

    queue.on_submitted_work_done().await;
    check.that("an idle queue is done", true);
    check.valid(device, "a submit of nothing", || queue.submit(&[])).await;
    queue.on_submitted_work_done().await;

    write_buffer(check, &gpu).await?;
    write_texture(check, &gpu).await?;
    write_many_rows(check, &gpu).await?;

    let commands = gpu.encoder("once").finish(None);
    check.valid(device, "the first submit of a command buffer", || queue.submit(&[&commands])).await;
    check.invalid(device, "the second submit of a command buffer", || queue.submit(&[&commands])).await;
    let (a, b) = (gpu.encoder("a").finish(None), gpu.encoder("b").finish(None));
    check.valid(device, "a submit of two", || queue.submit(&[&a, &b])).await;
    queue.on_submitted_work_done().await;
    check.that("the queue is done", true);
    Ok(())
}

async fn write_buffer(check: &mut Check, gpu: &Gpu) -> Outcome {
    let (device, queue) = (&gpu.device, &gpu.queue);
    let buffer = gpu.buffer("target", 64, GpuBufferUsage::COPY_DST | GpuBufferUsage::COPY_SRC);
    let data: Vec<u8> = (0..32).collect();
    let write = |offset, from, size| queue.write_buffer_with_copy(&buffer, offset, &data, from, size);

    check_success!(check, "a write of everything", write(0, None, None));
    check_success!(check, "a write of a part", write(32, Some(8), Some(12)));
    check_success!(check, "a write to the end", write(48, Some(16), None));
    check_success!(check, "a write of nothing", write(64, Some(32), None));
    let mut expected = data.clone();
    expected.extend(&data[8..20]);
    expected.extend([0; 4]);
    expected.extend(&data[16..32]);
    check.same_list("what was written", &gpu.download::<u8>(&buffer).await?, &expected);

    use WriteBufferErrorKind::OperationError;
    check_error!(check, "a size that is no multiple of 4", write(0, None, Some(6)), OperationError);
    check_error!(check, "more than there is", write(0, Some(28), Some(8)), OperationError);
    check_error!(check, "an offset behind the data", write(0, Some(40), None), OperationError);
    let result = check.invalid(device, "a write at an odd place", || write(2, None, Some(4))).await;
    check_success!(check, "... is not the host's error", result);
    let result = check.invalid(device, "a write over the end", || write(48, None, None)).await;
    check_success!(check, "... is not the host's error either", result);
    let wrong = gpu.buffer("no target", 64, GpuBufferUsage::COPY_SRC);
    let result = check
        .invalid(device, "a write without COPY_DST", || queue.write_buffer_with_copy(&wrong, 0, &data, None, None))
        .await;
    check_success!(check, "... is the device's error", result);

    // Above any threshold between small and bulk data.
    let big: Vec<u32> = (0..1 << 20).collect();
    let target = gpu.buffer("big", 4 << 20, GpuBufferUsage::COPY_DST | GpuBufferUsage::COPY_SRC);
    gpu.upload(&target, 0, &big)?;
    check.same_list("4 MiB there and back", &gpu.download::<u32>(&target).await?, &big);

    // The same amount in a mapping, away from its ends.
    let mapped = device.create_buffer(&GpuBufferDescriptor {
        size: (4 << 20) + 16,
        usage: GpuBufferUsage::COPY_SRC,
        mapped_at_creation: Some(true),
        label: None,
    });
    let bytes: Vec<u8> = big.iter().flat_map(|number| number.to_le_bytes()).collect();
    check_success!(check, "write a long mapping", mapped.get_mapped_range_set_with_copy(&bytes, Some(8), None));
    check_success!(check, "unmap it", mapped.unmap());
    let expected = [&[0, 0], big.as_slice(), &[0, 0]].concat();
    check.same_list("what the GPU sees of it", &gpu.download::<u32>(&mapped).await?, &expected);
    Ok(())
}

async fn write_texture(check: &mut Check, gpu: &Gpu) -> Outcome {
    let (device, queue) = (&gpu.device, &gpu.queue);
    let usage = GpuTextureUsage::COPY_DST | GpuTextureUsage::COPY_SRC;
    let texture = gpu.texture("target", 8, 4, GpuTextureFormat::Rgba8unorm, usage);
    let data: Vec<u8> = (0..=255).collect();
    let layout =
        |offset, row| GpuTexelCopyBufferLayout { offset: Some(offset), bytes_per_row: Some(row), rows_per_image: None };
    check
        .valid(device, "a write of a texture", || {
            queue.write_texture_with_copy(&whole(&texture), &data, layout(0, 32), extent(8, 4));
        })
        .await;
    // A 2 x 2 corner, from rows of 20 bytes that start at byte 4.
    let corner = GpuTexelCopyTextureInfo {
        origin: Some(GpuOrigin3D { x: Some(6), y: Some(2), z: None }),
        mip_level: Some(0),
        aspect: Some(GpuTextureAspect::All),
        texture: &texture,
    };
    check
        .valid(device, "a write of a corner", || {
            queue.write_texture_with_copy(&corner, &data[..32], layout(4, 20), extent(2, 2));
        })
        .await;
    let mut expected = data[..128].to_vec();
    expected[2 * 32 + 24..3 * 32].copy_from_slice(&data[4..12]);
    expected[3 * 32 + 24..].copy_from_slice(&data[24..32]);
    check.same_list("the texture", &gpu.download_rgba(&texture, 8, 4).await?, &expected);

    check
        .invalid(device, "a write over the texture's edge", || {
            queue.write_texture_with_copy(&corner, &data, layout(0, 32), extent(3, 2));
        })
        .await;
    check
        .invalid(device, "a write of too little data", || {
            queue.write_texture_with_copy(&whole(&texture), &data[..100], layout(0, 32), extent(8, 4));
        })
        .await;
    Ok(())
}

/// More data than a host has to send in one piece.
async fn write_many_rows(check: &mut Check, gpu: &Gpu) -> Outcome {
    const WIDTH: u32 = 300;
    const HEIGHT: u32 = 500;
    const LEFT: u32 = 7;
    const TOP: u32 = 5;
    const OFFSET: usize = 20;
    /// Neither a row's length nor a multiple of the copy alignment.
    const STRIDE: usize = 1300;
    let (device, queue) = (&gpu.device, &gpu.queue);
    let usage = GpuTextureUsage::COPY_DST | GpuTextureUsage::COPY_SRC;
    let texture = gpu.texture("many rows", WIDTH, HEIGHT, GpuTextureFormat::Rgba8unorm, usage);
    let (width, height) = (WIDTH - LEFT - 3, HEIGHT - TOP - 4);
    let row = width as usize * 4;
    let data: Vec<u8> = (0..OFFSET + STRIDE * (height as usize - 1) + row).map(|at| (at % 251) as u8).collect();
    let layout = || GpuTexelCopyBufferLayout {
        offset: Some(OFFSET as u64),
        bytes_per_row: Some(STRIDE as u32),
        rows_per_image: None,
    };
    let at = |x, y| GpuTexelCopyTextureInfo {
        origin: Some(GpuOrigin3D { x: Some(x), y: Some(y), z: None }),
        ..whole(&texture)
    };
    let write = |to: GpuTexelCopyTextureInfo<'_>, data: &[u8]| {
        queue.write_texture_with_copy(&to, data, layout(), extent(width, height));
    };
    check.valid(device, "a write of many rows", || write(at(LEFT, TOP), &data)).await;
    let mut expected = vec![0; WIDTH as usize * HEIGHT as usize * 4];
    for y in 0..height as usize {
        let to = ((y + TOP as usize) * WIDTH as usize + LEFT as usize) * 4;
        let from = OFFSET + STRIDE * y;
        expected[to..to + row].copy_from_slice(&data[from..from + row]);
    }
    check.same_list("many rows", &gpu.download_rgba(&texture, WIDTH, HEIGHT).await?, &expected);

    // One error each, and no partial write: rows that would fit are not written either.
    let other: Vec<u8> = data.iter().map(|byte| !byte).collect();
    check.invalid(device, "many rows over the lower edge", || write(at(LEFT, TOP + 5), &other)).await;
    check.invalid(device, "many rows over the right edge", || write(at(LEFT + 4, TOP), &other)).await;
    check.invalid(device, "many rows of too little data", || write(at(LEFT, TOP), &other[..other.len() - 1])).await;
    check.same_list("many rows, unharmed", &gpu.download_rgba(&texture, WIDTH, HEIGHT).await?, &expected);
    texture.destroy();
    // A destroyed texture is detected at the submit of the write (WebGPU, writeTexture), or, by wgpu, in the call.
    device.push_error_scope(GpuErrorFilter::Validation);
    write(at(LEFT, TOP), &data);
    check_success!(check, "many rows of a destroyed texture", device.pop_error_scope().await);
    Ok(())
}
