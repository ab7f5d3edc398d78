//! `gpu-command-encoder` and `gpu-command-buffer`: copies of all four kinds, clearing, debug groups, and invalid commands.

use guest_support::gpu::*;
use guest_support::passes::compute_pass;
use guest_support::textures::{descriptor, extent, whole};
use guest_support::{Gpu, Outcome};

use crate::check::{Check, check_label, plain_device};

const COPY: GpuBufferUsage = GpuBufferUsage::COPY_SRC.union(GpuBufferUsage::COPY_DST);
const TEXTURE_COPY: GpuTextureUsage = GpuTextureUsage::COPY_SRC.union(GpuTextureUsage::COPY_DST);

pub async fn tour(check: &mut Check) -> Outcome {
    let gpu = plain_device("command encoder").await?;
    life(check, &gpu).await;
    buffers(check, &gpu).await?;
    textures(check, &gpu).await?;
    volumes(check, &gpu).await?;
    refusals(check, &gpu).await
}

async fn life(check: &mut Check, gpu: &Gpu) {
    let device = &gpu.device;
    let encoder = device.create_command_encoder(None);
    check_label!(check, encoder, "");
    let encoder =
        device.create_command_encoder(Some(&GpuCommandEncoderDescriptor { label: Some("encoder".to_string()) }));
    check_label!(check, encoder, "encoder");
    encoder.push_debug_group("outer");
    encoder.insert_debug_marker("a marker");
    encoder.push_debug_group("");
    encoder.pop_debug_group();
    encoder.pop_debug_group();
    let named = GpuCommandBufferDescriptor { label: Some("commands".to_string()) };
    let commands = check.valid(device, "finish", || encoder.finish(Some(&named))).await;
    check_label!(check, commands, "commands");
    check.valid(device, "submit", || gpu.queue.submit(&[&commands])).await;

    check.invalid(device, "the second finish", || encoder.finish(None)).await;
    check.invalid(device, "a command after finish", || encoder.insert_debug_marker("late")).await;
    let encoder = gpu.encoder("groups");
    encoder.push_debug_group("never closed");
    check.invalid(device, "an open debug group", || encoder.finish(None)).await;
    let encoder = gpu.encoder("groups");
    encoder.pop_debug_group();
    let broken = check.invalid(device, "a debug group that was never opened", || encoder.finish(None)).await;
    check.same("an invalid command buffer has a label", broken.label(), String::new());
    check.invalid(device, "a submit of an invalid command buffer", || gpu.queue.submit(&[&broken])).await;

    let encoder = gpu.encoder("open pass");
    let pass = compute_pass(&encoder, "never ended");
    check.invalid(device, "finish while a pass is open", || encoder.finish(None)).await;
    drop(pass);
    // Dropping an unfinished encoder is valid.
    check.valid(device, "an encoder that is dropped", || drop(gpu.encoder("abandoned"))).await;
}

async fn buffers(check: &mut Check, gpu: &Gpu) -> Outcome {
    let device = &gpu.device;
    let numbers: Vec<u8> = (1..=64).collect();
    let source = gpu.buffer_with("source", &numbers, COPY)?;
    let target = gpu.buffer("target", 64, COPY);
    let encoder = gpu.encoder("buffers");
    encoder.copy_buffer_to_buffer(&source, None, &target, None, None);
    encoder.copy_buffer_to_buffer(&source, Some(4), &target, Some(40), Some(8));
    encoder.clear_buffer(&target, Some(8), Some(4));
    encoder.clear_buffer(&target, Some(60), None);
    check.valid(device, "copies and clears", || gpu.submit(&encoder)).await;
    let mut expected = numbers.clone();
    expected[40..48].copy_from_slice(&numbers[4..12]);
    expected[8..12].fill(0);
    expected[60..].fill(0);
    check.same_list("the target", &gpu.download::<u8>(&target).await?, &expected);
    let encoder = gpu.encoder("clear");
    encoder.clear_buffer(&target, None, None);
    gpu.submit(&encoder);
    check.same_list("cleared", &gpu.download::<u8>(&target).await?, &[0; 64]);
    Ok(())
}

async fn textures(check: &mut Check, gpu: &Gpu) -> Outcome {
    let device = &gpu.device;
    // Texel i is [i, 0, 0, 255].
    let texels: Vec<u8> = (0..64).flat_map(|i| [i, 0, 0, 255]).collect();
    // Eight rows of eight texels, each row at a multiple of 256 bytes, after 512 unrelated bytes.
    let mut rows = vec![0xeeu8; 512 + 8 * 256];
    for (y, row) in texels.chunks_exact(32).enumerate() {
        rows[512 + y * 256..][..32].copy_from_slice(row);
    }
    let source = gpu.buffer_with("rows", &rows, COPY)?;
    let make = |mips| {
        device.create_texture(&GpuTextureDescriptor {
            mip_level_count: Some(mips),
            ..descriptor("texture", 8, 8, GpuTextureFormat::Rgba8unorm, TEXTURE_COPY)
        })
    };
    let (first, second) = (make(1), make(2));
    let from =
        GpuTexelCopyBufferInfo { buffer: &source, offset: Some(512), bytes_per_row: Some(256), rows_per_image: None };
    let at = |texture, mip_level, x, y| GpuTexelCopyTextureInfo {
        texture,
        mip_level: Some(mip_level),
        origin: Some(GpuOrigin3D { x: Some(x), y: Some(y), z: Some(0) }),
        aspect: Some(GpuTextureAspect::All),
    };
    let encoder = gpu.encoder("textures");
    encoder.copy_buffer_to_texture(&from, &whole(&first), extent(8, 8));
    encoder.copy_texture_to_texture(&at(&first, 0, 2, 3), &at(&second, 0, 5, 1), extent(3, 2));
    encoder.copy_texture_to_texture(&at(&first, 0, 4, 4), &at(&second, 1, 0, 0), extent(4, 4));
    check.valid(device, "copies of textures", || gpu.submit(&encoder)).await;
    check.same_list("from the buffer", &gpu.download_rgba(&first, 8, 8).await?, &texels);

    let found = gpu.download_rgba(&second, 8, 8).await?;
    let mut expected = vec![0u8; 256];
    for y in 0..2 {
        expected[((1 + y) * 8 + 5) * 4..][..12].copy_from_slice(&texels[((3 + y) * 8 + 2) * 4..][..12]);
    }
    check.same_list("a part to another place", &found, &expected);

    let small = gpu.buffer("level 1", 4 * 256, COPY);
    let to = GpuTexelCopyBufferInfo { buffer: &small, offset: None, bytes_per_row: Some(256), rows_per_image: Some(4) };
    let encoder = gpu.encoder("level 1");
    encoder.copy_texture_to_buffer(&at(&second, 1, 0, 0), &to, extent(4, 4));
    gpu.submit(&encoder);
    let found = gpu.download::<u8>(&small).await?;
    for y in 0..4 {
        let expected = &texels[((4 + y) * 8 + 4) * 4..][..16];
        check.same_list(&format!("mip level 1, row {y}"), &found[y * 256..][..16], expected);
    }
    Ok(())
}

/// Copies of three-dimensional textures, and of array layers.
async fn volumes(check: &mut Check, gpu: &Gpu) -> Outcome {
    let device = &gpu.device;
    let data: Vec<u8> = (0..4 * 4 * 6).map(|i| i as u8 + 1).collect();
    for (what, dimension) in [("3d", GpuTextureDimension::D3), ("an array", GpuTextureDimension::D2)] {
        let size = || GpuExtent3D { width: 4, height: Some(4), depth_or_array_layers: Some(6) };
        let make = || {
            device.create_texture(&GpuTextureDescriptor {
                size: size(),
                dimension: Some(dimension),
                ..descriptor("volume", 0, 0, GpuTextureFormat::R8uint, TEXTURE_COPY)
            })
        };
        let (first, second) = (make(), make());
        let layout = GpuTexelCopyBufferLayout { offset: None, bytes_per_row: Some(4), rows_per_image: Some(4) };
        let buffer = gpu.buffer("layers", 6 * 4 * 256, COPY);
        check
            .valid(device, what, || {
                gpu.queue.write_texture_with_copy(&whole(&first), &data, layout, size());
                let encoder = gpu.encoder("volume");
                // Copies layers 1 to 3 to layers 3 to 5.
                let layer = |texture, z| GpuTexelCopyTextureInfo {
                    origin: Some(GpuOrigin3D { x: None, y: None, z: Some(z) }),
                    ..whole(texture)
                };
                let three = GpuExtent3D { depth_or_array_layers: Some(3), ..size() };
                encoder.copy_texture_to_texture(&layer(&first, 1), &layer(&second, 3), three);
                let to = GpuTexelCopyBufferInfo {
                    buffer: &buffer,
                    offset: None,
                    bytes_per_row: Some(256),
                    rows_per_image: Some(4),
                };
                encoder.copy_texture_to_buffer(&whole(&second), &to, size());
                gpu.submit(&encoder);
            })
            .await;
        let padded = gpu.download::<u8>(&buffer).await?;
        let found: Vec<u8> = padded.chunks_exact(256).flat_map(|row| row[..4].to_vec()).collect();
        let mut expected = vec![0u8; 96];
        expected[48..96].copy_from_slice(&data[16..64]);
        check.same_list(what, &found, &expected);
    }
    Ok(())
}

async fn refusals(check: &mut Check, gpu: &Gpu) -> Outcome {
    let device = &gpu.device;
    let buffer = gpu.buffer("buffer", 1024, COPY);
    let other = gpu.buffer("other", 1024, COPY);
    let uniform = gpu.buffer("no copies", 1024, GpuBufferUsage::UNIFORM);
    let texture = gpu.texture("texture", 8, 8, GpuTextureFormat::Rgba8unorm, TEXTURE_COPY);
    let float = gpu.texture("float", 8, 8, GpuTextureFormat::R32float, TEXTURE_COPY);
    let rows =
        |bytes_per_row| GpuTexelCopyBufferInfo { buffer: &buffer, offset: None, bytes_per_row, rows_per_image: None };
    type Mistake<'a> = &'a dyn Fn(&GpuCommandEncoder);
    let mistakes: [(&str, Mistake<'_>); 11] = [
        ("a copy over the end", &|e| e.copy_buffer_to_buffer(&buffer, Some(8), &other, None, Some(1024))),
        ("an odd size", &|e| e.copy_buffer_to_buffer(&buffer, None, &other, None, Some(6))),
        ("an odd offset", &|e| e.copy_buffer_to_buffer(&buffer, Some(2), &other, None, Some(4))),
        ("a buffer to itself", &|e| e.copy_buffer_to_buffer(&buffer, None, &buffer, Some(512), Some(4))),
        ("a source without the usage", &|e| e.copy_buffer_to_buffer(&uniform, None, &other, None, Some(4))),
        ("a clear without the usage", &|e| e.clear_buffer(&uniform, None, None)),
        ("a clear over the end", &|e| e.clear_buffer(&buffer, Some(1020), Some(8))),
        ("rows of odd length", &|e| e.copy_buffer_to_texture(&rows(Some(100)), &whole(&texture), extent(8, 4))),
        ("no row length", &|e| e.copy_texture_to_buffer(&whole(&texture), &rows(None), extent(8, 4))),
        ("more rows than the buffer has", &|e| {
            e.copy_texture_to_buffer(&whole(&texture), &rows(Some(256)), extent(8, 8));
        }),
        ("between formats", &|e| e.copy_texture_to_texture(&whole(&texture), &whole(&float), extent(8, 8))),
    ];
    for (what, mistake) in mistakes {
        let encoder = gpu.encoder("mistake");
        mistake(&encoder);
        check.invalid(device, what, || encoder.finish(None)).await;
    }
    Ok(())
}
