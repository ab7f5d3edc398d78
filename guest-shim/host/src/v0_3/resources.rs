//! Resource types that are not objects of `airlock-client`: views of its values, records, and the canvas.

use std::sync::Arc;

use airlock_client::{Lost, device::Device};
use airlock_protocol::commands::{adapter::Capabilities, error, shader::CompilationMessage, texture::TextureUsage};
use indexmap::IndexMap;

use super::bindings::webgpu;

/// `gpu`.
#[derive(Debug)]
pub struct Gpu;

/// `gpu-supported-features`.
#[derive(Debug)]
pub struct SupportedFeatures(pub(crate) Arc<Capabilities>);

/// `gpu-supported-limits`.
#[derive(Debug)]
pub struct SupportedLimits(pub(crate) Arc<Capabilities>);

/// `gpu-adapter-info`.
#[derive(Debug)]
pub struct AdapterInfo(pub(crate) Arc<Capabilities>);

/// `wgsl-language-features`.
#[derive(Debug)]
pub struct WgslLanguageFeatures;

/// `gpu-device-lost-info`.
#[derive(Debug)]
pub struct DeviceLostInfo(pub(crate) Arc<Lost>);

/// `gpu-error`.
#[derive(Clone, Debug)]
pub struct GpuError(pub(crate) error::GpuError);

/// `gpu-uncaptured-error-event`.
#[derive(Debug)]
pub struct UncapturedErrorEvent(pub(crate) GpuError);

/// `gpu-compilation-info`.
#[derive(Debug)]
pub struct CompilationInfo(pub(crate) Vec<CompilationMessage>);

/// `gpu-compilation-message`.
#[derive(Debug)]
pub struct Message(pub(crate) CompilationMessage);

/// `record-gpu-pipeline-constant-value`.
#[derive(Debug, Default)]
pub struct Constants(pub(crate) IndexMap<String, f64>);

/// `record-option-gpu-size64`.
#[derive(Debug, Default)]
pub struct OptionalSizes(pub(crate) IndexMap<String, Option<u64>>);

/// `gpu-canvas-context`. The interface has no constructor for it: an embedder pushes one into the table and passes it to its
/// guest through an interface of its own.
#[derive(Debug)]
pub struct CanvasContext {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) configuration: Option<CanvasConfiguration>,
}

impl CanvasContext {
    /// A canvas of this size in texels.
    pub fn new(width: u32, height: u32) -> Self {
        Self { width, height, configuration: None }
    }
}

/// Configuration of a canvas.
#[derive(Debug)]
pub(crate) struct CanvasConfiguration {
    pub(crate) device: Device,
    pub(crate) format: webgpu::GpuTextureFormat,
    pub(crate) usage: Option<TextureUsage>,
    pub(crate) view_formats: Option<Vec<webgpu::GpuTextureFormat>>,
    pub(crate) color_space: Option<webgpu::PredefinedColorSpace>,
    pub(crate) tone_mapping: Option<webgpu::GpuCanvasToneMapping>,
    pub(crate) alpha_mode: Option<webgpu::GpuCanvasAlphaMode>,
}
