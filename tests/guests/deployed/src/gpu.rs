//! A device, and short ways to what every section needs.

use crate::bindings::wasi::webgpu::webgpu::*;

/// A device, with its adapter.
pub fn request() -> Result<(GpuAdapter, GpuDevice), String> {
    let adapter = get_gpu().request_adapter(None).ok_or("there is no adapter")?;
    let device = adapter.request_device(None).map_err(|error| error.message)?;
    Ok((adapter, device))
}

pub fn buffer(device: &GpuDevice, size: u64, usage: u32) -> GpuBuffer {
    device.create_buffer(&GpuBufferDescriptor { size, usage, mapped_at_creation: None, label: None })
}

pub fn texture(device: &GpuDevice, usage: u32) -> GpuTexture {
    device.create_texture(&GpuTextureDescriptor {
        size: GpuExtent3D { width: 4, height: Some(4), depth_or_array_layers: None },
        mip_level_count: None,
        sample_count: None,
        dimension: None,
        format: GpuTextureFormat::Rgba8unorm,
        usage,
        view_formats: None,
        label: Some("a texture".to_owned()),
    })
}

pub fn module(device: &GpuDevice, code: &str) -> GpuShaderModule {
    let code = code.to_owned();
    device.create_shader_module(&GpuShaderModuleDescriptor { code, compilation_hints: None, label: None })
}

/// The error of what is done in between, if any.
pub fn caught(device: &GpuDevice, work: impl FnOnce()) -> Result<Option<GpuErrorKind>, String> {
    device.push_error_scope(GpuErrorFilter::Validation);
    work();
    let error = device.pop_error_scope().map_err(|error| error.message)?;
    Ok(error.map(|error| error.kind()))
}

/// The bytes of a buffer that can be mapped for reading.
pub fn read(buffer: &GpuBuffer) -> Result<Vec<u8>, String> {
    buffer.map_async(GpuMapMode::read(), None, None).map_err(|error| error.message)?;
    let bytes = buffer.get_mapped_range_get_with_copy(None, None).map_err(|error| error.message)?;
    buffer.unmap().map_err(|error| error.message)?;
    Ok(bytes)
}

/// A render pipeline without vertex buffers, for targets of a format.
pub fn pipeline<'a>(
    module: &'a GpuShaderModule,
    format: GpuTextureFormat,
    write_mask: Option<u32>,
) -> GpuRenderPipelineDescriptor<'a> {
    GpuRenderPipelineDescriptor {
        vertex: GpuVertexState { buffers: None, module, entry_point: None, constants: None },
        primitive: None,
        depth_stencil: None,
        multisample: None,
        fragment: Some(GpuFragmentState {
            targets: vec![Some(GpuColorTargetState { format, blend: None, write_mask })],
            module,
            entry_point: None,
            constants: None,
        }),
        layout: GpuLayoutMode::Auto,
        label: None,
    }
}
