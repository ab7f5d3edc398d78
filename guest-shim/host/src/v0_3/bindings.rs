//! The generated side of `wasi:webgpu@0.3.0-rc.2`, without the functions that `data` defines by hand.
#![allow(missing_docs)]

macro_rules! bindings {
    ($wit:tt) => {
        wasmtime::component::bindgen!({
            inline: $wit,
            world: "wasi:webgpu/imports",
            imports: {
                "wasi:webgpu/webgpu.[method]gpu-device.lost": store | trappable,
                "wasi:webgpu/webgpu.[method]gpu-device.on-uncaptured-error": store | trappable,
                default: trappable,
            },
            with: {
                "wasi:webgpu/webgpu.gpu": crate::v0_3::resources::Gpu,
                "wasi:webgpu/webgpu.gpu-adapter": airlock_client::adapter::Adapter,
                "wasi:webgpu/webgpu.gpu-adapter-info": crate::v0_3::resources::AdapterInfo,
                "wasi:webgpu/webgpu.gpu-bind-group": airlock_client::binding::BindGroup,
                "wasi:webgpu/webgpu.gpu-bind-group-layout": airlock_client::binding::BindGroupLayout,
                "wasi:webgpu/webgpu.gpu-buffer": airlock_client::buffer::Buffer,
                "wasi:webgpu/webgpu.gpu-canvas-context": crate::v0_3::resources::CanvasContext,
                "wasi:webgpu/webgpu.gpu-command-buffer": airlock_client::command_encoder::CommandBuffer,
                "wasi:webgpu/webgpu.gpu-command-encoder": airlock_client::command_encoder::CommandEncoder,
                "wasi:webgpu/webgpu.gpu-compilation-info": crate::v0_3::resources::CompilationInfo,
                "wasi:webgpu/webgpu.gpu-compilation-message": crate::v0_3::resources::Message,
                "wasi:webgpu/webgpu.gpu-compute-pass-encoder": airlock_client::compute_pass::ComputePass,
                "wasi:webgpu/webgpu.gpu-compute-pipeline": airlock_client::pipeline::ComputePipeline,
                "wasi:webgpu/webgpu.gpu-device": airlock_client::device::Device,
                "wasi:webgpu/webgpu.gpu-device-lost-info": crate::v0_3::resources::DeviceLostInfo,
                "wasi:webgpu/webgpu.gpu-error": crate::v0_3::resources::GpuError,
                "wasi:webgpu/webgpu.gpu-pipeline-layout": airlock_client::binding::PipelineLayout,
                "wasi:webgpu/webgpu.gpu-query-set": airlock_client::query_set::QuerySet,
                "wasi:webgpu/webgpu.gpu-queue": airlock_client::queue::Queue,
                "wasi:webgpu/webgpu.gpu-render-bundle": airlock_client::render_bundle::RenderBundle,
                "wasi:webgpu/webgpu.gpu-render-bundle-encoder": airlock_client::render_bundle::RenderBundleEncoder,
                "wasi:webgpu/webgpu.gpu-render-pass-encoder": airlock_client::render_pass::RenderPass,
                "wasi:webgpu/webgpu.gpu-render-pipeline": airlock_client::pipeline::RenderPipeline,
                "wasi:webgpu/webgpu.gpu-sampler": airlock_client::texture::Sampler,
                "wasi:webgpu/webgpu.gpu-shader-module": airlock_client::shader::ShaderModule,
                "wasi:webgpu/webgpu.gpu-supported-features": crate::v0_3::resources::SupportedFeatures,
                "wasi:webgpu/webgpu.gpu-supported-limits": crate::v0_3::resources::SupportedLimits,
                "wasi:webgpu/webgpu.gpu-texture": airlock_client::texture::Texture,
                "wasi:webgpu/webgpu.gpu-texture-view": airlock_client::texture::TextureView,
                "wasi:webgpu/webgpu.gpu-uncaptured-error-event": crate::v0_3::resources::UncapturedErrorEvent,
                "wasi:webgpu/webgpu.record-gpu-pipeline-constant-value": crate::v0_3::resources::Constants,
                "wasi:webgpu/webgpu.record-option-gpu-size64": crate::v0_3::resources::OptionalSizes,
                "wasi:webgpu/webgpu.wgsl-language-features": crate::v0_3::resources::WgslLanguageFeatures,
            },
        });
    };
}

include!(concat!(env!("OUT_DIR"), "/webgpu.rs"));

pub use wasi::webgpu::webgpu;
