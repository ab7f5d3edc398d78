//! Shader modules. The interface takes WGSL; other sources are translated here.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use wgpu::custom::{ShaderCompilationInfoFuture, ShaderModuleInterface};
use wgpu::{CompilationInfo, CompilationMessage, CompilationMessageType, SourceLocation};

use crate::bindings::webgpu as gpu;
use crate::device::{Shared, label};
use crate::executor;

/// Code that no WGSL compiler accepts, for invalid modules.
const INVALID_CODE: &str = "invalid";

/// `wgpu::ShaderModule` of this backend.
pub struct ShaderModule {
    gpu: Arc<gpu::GpuShaderModule>,
    /// This crate's messages about the code, which precede the host's.
    messages: Vec<CompilationMessage>,
    /// The program's WGSL, to which the host's positions refer; `None` for translated code.
    source: Option<Arc<str>>,
}

impl fmt::Debug for ShaderModule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ShaderModule")
    }
}

impl ShaderModule {
    pub fn gpu(&self) -> &gpu::GpuShaderModule {
        &self.gpu
    }
}

pub fn create(device: &Arc<Shared>, desc: wgpu::ShaderModuleDescriptor<'_>) -> ShaderModule {
    let (code, source) = match desc.source {
        wgpu::ShaderSource::Wgsl(code) => (code.to_string(), Some(Arc::from(&*code))),
        #[cfg(feature = "spirv")]
        wgpu::ShaderSource::SpirV(words) => match translate::spirv(&words, desc.label) {
            Ok(code) => (code, None),
            Err(info) => return refused(device, desc.label, info),
        },
        #[cfg(feature = "glsl")]
        wgpu::ShaderSource::Glsl { shader, stage, defines } => {
            match translate::glsl(&shader, stage, defines, desc.label) {
                Ok(code) => (code, None),
                Err(info) => return refused(device, desc.label, info),
            }
        }
        #[cfg(feature = "naga-ir")]
        wgpu::ShaderSource::Naga(module) => match translate::module(&module, "", desc.label) {
            Ok(code) => (code, None),
            Err(info) => return refused(device, desc.label, info),
        },
        wgpu::ShaderSource::Dummy(_) => panic!("found `ShaderSource::Dummy`"),
        #[allow(unreachable_patterns, reason = "wgpu's features may be on without this crate's")]
        _ => {
            let message = "wgpu-wasi needs its feature `spirv`, `glsl` or `naga-ir` for shaders in this language";
            let message = CompilationMessage {
                message: message.to_owned(),
                message_type: CompilationMessageType::Error,
                location: None,
            };
            return refused(device, desc.label, CompilationInfo { messages: vec![message] });
        }
    };
    let descriptor = gpu::GpuShaderModuleDescriptor { code, compilation_hints: None, label: label(desc.label) };
    let gpu = device.gpu.create_shader_module(&descriptor).into();
    ShaderModule { gpu, messages: Vec::new(), source }
}

/// Reports the errors of a shader that could not be translated.
fn refused(device: &Arc<Shared>, label: Option<&str>, info: CompilationInfo) -> ShaderModule {
    let messages: Vec<&str> = info.messages.iter().map(|message| message.message.as_str()).collect();
    let cause = format!("Shader '{}' parsing error: {}", label.unwrap_or_default(), messages.join("\n"));
    device.report("Device::create_shader_module", label, &cause);
    invalid(device, info.messages)
}

/// Creates an invalid module, whose error has been reported.
pub fn invalid(device: &Arc<Shared>, messages: Vec<CompilationMessage>) -> ShaderModule {
    let gpu = device.invalid(invalid_module).into();
    ShaderModule { gpu, messages, source: None }
}

/// Creates an invalid module of the host, which raises a validation error.
pub fn invalid_module(device: &gpu::GpuDevice) -> gpu::GpuShaderModule {
    let code = INVALID_CODE.to_owned();
    device.create_shader_module(&gpu::GpuShaderModuleDescriptor { code, compilation_hints: None, label: None })
}

impl ShaderModuleInterface for ShaderModule {
    fn get_compilation_info(&self) -> Pin<Box<dyn ShaderCompilationInfoFuture>> {
        if !self.messages.is_empty() {
            return Box::pin(std::future::ready(CompilationInfo { messages: self.messages.clone() }));
        }
        let (gpu, source) = (self.gpu.clone(), self.source.clone());
        Box::pin(executor::started(async move {
            let messages = gpu.get_compilation_info().await.messages();
            CompilationInfo { messages: messages.iter().map(|message| convert(message, source.as_deref())).collect() }
        }))
    }
}

fn convert(message: &gpu::GpuCompilationMessage, source: Option<&str>) -> CompilationMessage {
    CompilationMessage {
        message: message.message(),
        message_type: match message.type_() {
            gpu::GpuCompilationMessageType::Error => CompilationMessageType::Error,
            gpu::GpuCompilationMessageType::Warning => CompilationMessageType::Warning,
            gpu::GpuCompilationMessageType::Info => CompilationMessageType::Info,
        },
        // Line 0 means that there is no position.
        location: source
            .filter(|_| message.line_num() > 0)
            .and_then(|source| location(source, message.line_num(), message.offset(), message.length())),
    }
}

/// Converts a position in `source` from UTF-16 code units, as in WebGPU, to bytes, as in wgpu.
fn location(source: &str, line: u64, offset: u64, length: u64) -> Option<SourceLocation> {
    let start = utf16_to_bytes(source, offset);
    let end = start + utf16_to_bytes(source.get(start..)?, length);
    let line_start = source.get(..start)?.rfind('\n').map_or(0, |newline| newline + 1);
    Some(SourceLocation {
        line_number: u32::try_from(line).ok()?,
        line_position: u32::try_from(start - line_start + 1).ok()?,
        offset: u32::try_from(start).ok()?,
        length: u32::try_from(end - start).ok()?,
    })
}

/// The length in bytes of the first `units` UTF-16 code units of `text`.
fn utf16_to_bytes(text: &str, units: u64) -> usize {
    let mut left = units;
    let mut bytes = 0;
    for character in text.chars() {
        if left == 0 {
            break;
        }
        left = left.saturating_sub(character.len_utf16() as u64);
        bytes += character.len_utf8();
    }
    bytes
}

/// naga reads the other languages and writes WGSL.
#[cfg(any(feature = "spirv", feature = "glsl", feature = "naga-ir"))]
mod translate {
    use naga::error::ShaderError;
    use naga::valid::{Capabilities, ValidationFlags, Validator};
    use wgpu::CompilationInfo;

    #[cfg(feature = "spirv")]
    pub fn spirv(words: &[u32], label: Option<&str>) -> Result<String, CompilationInfo> {
        let options = naga::front::spv::Options {
            adjust_coordinate_space: false,
            strict_capabilities: true,
            block_ctx_dump_prefix: None,
        };
        let parsed = naga::front::spv::Frontend::new(words.iter().copied(), &options).parse();
        let parsed = parsed.map_err(|inner| error("", label, inner))?;
        module(&parsed, "", label)
    }

    #[cfg(feature = "glsl")]
    pub fn glsl(
        source: &str,
        stage: naga::ShaderStage,
        defines: &[(&str, &str)],
        label: Option<&str>,
    ) -> Result<String, CompilationInfo> {
        let defines = defines.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let options = naga::front::glsl::Options { stage, defines };
        let parsed = naga::front::glsl::Frontend::default().parse(&options, source);
        let parsed = parsed.map_err(|inner| error(source, label, inner))?;
        module(&parsed, source, label)
    }

    pub fn module(module: &naga::Module, source: &str, label: Option<&str>) -> Result<String, CompilationInfo> {
        let mut validator = Validator::new(ValidationFlags::all(), Capabilities::all());
        let info = validator.validate(module).map_err(|inner| error(source, label, inner))?;
        let flags = naga::back::wgsl::WriterFlags::empty();
        naga::back::wgsl::write_string(module, &info, flags).map_err(|error| CompilationInfo {
            messages: vec![wgpu::CompilationMessage {
                message: error.to_string(),
                message_type: wgpu::CompilationMessageType::Error,
                location: None,
            }],
        })
    }

    fn error<E>(source: &str, label: Option<&str>, inner: E) -> CompilationInfo
    where
        CompilationInfo: From<ShaderError<E>>,
    {
        let label = label.map(str::to_owned);
        ShaderError { source: source.to_owned(), label, inner: Box::new(inner) }.into()
    }
}
