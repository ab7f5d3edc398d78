//! The generated side of `wasi:webgpu@0.3.0-rc.2`: the only module that knows this version of the interface.
#![allow(missing_docs)]

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "wasi:webgpu/imports",
    imports: {
        "wasi:webgpu/webgpu.[method]gpu-device.lost": store | trappable,
        "wasi:webgpu/webgpu.[method]gpu-device.on-uncaptured-error": store | trappable,
        default: trappable,
    },
    with: {
        "wasi:webgpu/webgpu.gpu": crate::shadow::Gpu,
        "wasi:webgpu/webgpu.gpu-adapter": crate::shadow::Adapter,
        "wasi:webgpu/webgpu.gpu-adapter-info": crate::shadow::AdapterInfo,
        "wasi:webgpu/webgpu.gpu-bind-group": crate::shadow::BindGroup,
        "wasi:webgpu/webgpu.gpu-bind-group-layout": crate::shadow::BindGroupLayout,
        "wasi:webgpu/webgpu.gpu-buffer": crate::shadow::Buffer,
        "wasi:webgpu/webgpu.gpu-canvas-context": crate::shadow::CanvasContext,
        "wasi:webgpu/webgpu.gpu-command-buffer": crate::shadow::CommandBuffer,
        "wasi:webgpu/webgpu.gpu-command-encoder": crate::shadow::CommandEncoder,
        "wasi:webgpu/webgpu.gpu-compilation-info": crate::shadow::CompilationInfo,
        "wasi:webgpu/webgpu.gpu-compilation-message": crate::shadow::Message,
        "wasi:webgpu/webgpu.gpu-compute-pass-encoder": crate::shadow::ComputePass,
        "wasi:webgpu/webgpu.gpu-compute-pipeline": crate::shadow::ComputePipeline,
        "wasi:webgpu/webgpu.gpu-device": crate::shadow::Device,
        "wasi:webgpu/webgpu.gpu-device-lost-info": crate::shadow::DeviceLostInfo,
        "wasi:webgpu/webgpu.gpu-error": crate::shadow::GpuError,
        "wasi:webgpu/webgpu.gpu-pipeline-layout": crate::shadow::PipelineLayout,
        "wasi:webgpu/webgpu.gpu-query-set": crate::shadow::QuerySet,
        "wasi:webgpu/webgpu.gpu-queue": crate::shadow::Queue,
        "wasi:webgpu/webgpu.gpu-render-bundle": crate::shadow::RenderBundle,
        "wasi:webgpu/webgpu.gpu-render-bundle-encoder": crate::shadow::RenderBundleEncoder,
        "wasi:webgpu/webgpu.gpu-render-pass-encoder": crate::shadow::RenderPass,
        "wasi:webgpu/webgpu.gpu-render-pipeline": crate::shadow::RenderPipeline,
        "wasi:webgpu/webgpu.gpu-sampler": crate::shadow::Sampler,
        "wasi:webgpu/webgpu.gpu-shader-module": crate::shadow::ShaderModule,
        "wasi:webgpu/webgpu.gpu-supported-features": crate::shadow::SupportedFeatures,
        "wasi:webgpu/webgpu.gpu-supported-limits": crate::shadow::SupportedLimits,
        "wasi:webgpu/webgpu.gpu-texture": crate::shadow::Texture,
        "wasi:webgpu/webgpu.gpu-texture-view": crate::shadow::TextureView,
        "wasi:webgpu/webgpu.gpu-uncaptured-error-event": crate::shadow::UncapturedErrorEvent,
        "wasi:webgpu/webgpu.record-gpu-pipeline-constant-value": crate::shadow::Constants,
        "wasi:webgpu/webgpu.record-option-gpu-size64": crate::shadow::OptionalSizes,
        "wasi:webgpu/webgpu.wgsl-language-features": crate::shadow::WgslLanguageFeatures,
    },
});

pub use wasi::webgpu::webgpu;
