//! Shared parts of the programs: an instance on either target, a device, and pictures.

use std::error::Error;
use std::fs::File;
use std::io::BufWriter;

/// An instance: the only code that differs between a component, a native program with Airlock, and one on wgpu's own
/// drivers. Panics without a GPU process.
pub fn instance() -> wgpu::Instance {
    #[cfg(target_family = "wasm")]
    return wgpu_wasi::instance();
    #[cfg(all(not(target_family = "wasm"), feature = "airlock"))]
    return wgpu_airlock::instance(Default::default()).unwrap_or_else(|error| panic!("{error}"));
    #[cfg(all(not(target_family = "wasm"), not(feature = "airlock")))]
    {
        let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
        descriptor.backends = wgpu::Backends::VULKAN;
        wgpu::Instance::new(descriptor)
    }
}

/// A device of the first adapter, with those of the wished features that the adapter has and both targets know.
pub fn device(wished: wgpu::Features) -> Result<(wgpu::Device, wgpu::Queue), Box<dyn Error>> {
    let instance = instance();
    let adapter = pollster::block_on(instance.request_adapter(&wgpu::RequestAdapterOptions::default()))?;
    let descriptor = wgpu::DeviceDescriptor { required_features: adapter.features() & wished, ..Default::default() };
    Ok(pollster::block_on(adapter.request_device(&descriptor))?)
}

/// A texture with the usages of a render target, a storage binding and a readback.
pub fn target(device: &wgpu::Device, width: u32, height: u32, format: wgpu::TextureFormat) -> wgpu::Texture {
    texture(device, width, height, format, wgpu::TextureUsages::STORAGE_BINDING)
}

/// Like [`target`], for a format without storage writes.
pub fn target_without_storage(
    device: &wgpu::Device,
    width: u32,
    height: u32,
    format: wgpu::TextureFormat,
) -> wgpu::Texture {
    texture(device, width, height, format, wgpu::TextureUsages::empty())
}

fn texture(
    device: &wgpu::Device,
    width: u32,
    height: u32,
    format: wgpu::TextureFormat,
    usage: wgpu::TextureUsages,
) -> wgpu::Texture {
    device.create_texture(&wgpu::TextureDescriptor {
        label: Some("target"),
        size: wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format,
        usage: wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::COPY_SRC | usage,
        view_formats: &[],
    })
}

/// The bytes of a mappable buffer.
pub fn read_buffer(device: &wgpu::Device, buffer: &wgpu::Buffer) -> Result<Vec<u8>, Box<dyn Error>> {
    let (sender, receiver) = std::sync::mpsc::channel();
    buffer.map_async(wgpu::MapMode::Read, .., move |result| {
        let _ = sender.send(result);
    });
    device.poll(wgpu::PollType::wait_indefinitely())?;
    receiver.recv()??;
    let bytes = buffer.get_mapped_range(..)?.to_vec();
    buffer.unmap();
    Ok(bytes)
}

/// The texels of a texture of four bytes each, row by row.
pub fn read_texture(
    device: &wgpu::Device,
    queue: &wgpu::Queue,
    texture: &wgpu::Texture,
) -> Result<Vec<u8>, Box<dyn Error>> {
    let row = texture.width() * 4;
    let padded = row.next_multiple_of(wgpu::COPY_BYTES_PER_ROW_ALIGNMENT);
    let buffer = device.create_buffer(&wgpu::BufferDescriptor {
        label: Some("readback"),
        size: u64::from(padded) * u64::from(texture.height()),
        usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });
    let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
    encoder.copy_texture_to_buffer(
        texture.as_image_copy(),
        wgpu::TexelCopyBufferInfo {
            buffer: &buffer,
            layout: wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(padded), rows_per_image: None },
        },
        texture.size(),
    );
    queue.submit([encoder.finish()]);
    let bytes = read_buffer(device, &buffer)?;
    Ok(bytes.chunks_exact(padded as usize).flat_map(|padded| &padded[..row as usize]).copied().collect())
}

/// Writes an 8-bit RGBA texture to the PNG file that the first argument names, `out.png` by default, and prints a digest of
/// its texels. For `-` there is no file, as on a host that has none.
pub fn write_picture(
    device: &wgpu::Device,
    queue: &wgpu::Queue,
    texture: &wgpu::Texture,
) -> Result<(), Box<dyn Error>> {
    let texels = read_texture(device, queue, texture)?;
    let path = std::env::args().nth(1).unwrap_or("out.png".to_owned());
    if path != "-" {
        let mut encoder = png::Encoder::new(BufWriter::new(File::create(path)?), texture.width(), texture.height());
        encoder.set_color(png::ColorType::Rgba);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.write_header()?.write_image_data(&texels)?;
    }
    println!("{} x {} texels, FNV-1a {:016x}", texture.width(), texture.height(), digest(&texels));
    Ok(())
}

/// FNV-1a of 64 bits, which distinguishes pictures without a dependency.
pub fn digest(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}
