//! `GPUComputePipeline` and `GPURenderPipeline`.

use airlock_protocol_derive::{command, wire};
use serde::{Deserialize, Serialize};

use crate::{
    commands::texture::TextureFormat,
    ids::{
        BindGroupLayoutId, ComputePipelineId, DeviceId, PipelineLayoutId, RenderPipelineId, RequestId, ShaderModuleId,
    },
};

pub use crate::commands::texture::CompareFunction;

/// `GPUDevice.createComputePipeline`, and its async form.
#[command(effect = Create, makes = pipeline, reply = PipelineReply)]
#[derive(Clone, Debug, PartialEq)]
pub struct CreateComputePipeline<'a> {
    pub device: DeviceId,
    pub pipeline: ComputePipelineId,
    /// Present for the async form: a failure is reported by [`Event::PipelineReply`](crate::Event::PipelineReply) and
    /// raises no error.
    pub request: Option<RequestId>,
    pub label: &'a str,
    /// Its layout; absent for `"auto"`.
    pub layout: Option<PipelineLayoutId>,
    pub compute: ProgrammableStage<'a>,
}

/// `GPUDevice.createRenderPipeline`, and its async form.
#[command(effect = Create, makes = pipeline, reply = PipelineReply)]
#[derive(Clone, Debug, PartialEq)]
pub struct CreateRenderPipeline<'a> {
    pub device: DeviceId,
    pub pipeline: RenderPipelineId,
    /// Present for the async form, as in [`CreateComputePipeline::request`].
    pub request: Option<RequestId>,
    pub label: &'a str,
    /// Its layout; absent for `"auto"`.
    pub layout: Option<PipelineLayoutId>,
    pub vertex: ProgrammableStage<'a>,
    /// One layout per vertex buffer slot; absent for an unused slot.
    #[bound(pipeline)]
    pub vertex_buffers: Vec<Option<VertexBufferLayout>>,
    pub primitive: PrimitiveState,
    /// Absent without depth and stencil tests.
    pub depth_stencil: Option<DepthStencilState>,
    pub multisample: MultisampleState,
    /// The fragment stage and its targets.
    pub fragment: Option<FragmentState<'a>>,
}

/// `getBindGroupLayout` of either kind of pipeline.
#[command(effect = Create, makes = layout)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GetBindGroupLayout {
    pub pipeline: PipelineId,
    /// The group's number.
    pub index: u32,
    pub layout: BindGroupLayoutId,
}

/// Either kind of pipeline.
#[wire]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PipelineId {
    Compute(ComputePipelineId),
    Render(RenderPipelineId),
}

/// `GPUProgrammableStage`.
#[wire]
#[derive(Clone, Debug, PartialEq)]
pub struct ProgrammableStage<'a> {
    pub module: ShaderModuleId,
    /// The entry point; absent when the module has exactly one for the stage.
    pub entry_point: Option<&'a str>,
    /// Values of `override` declarations, by name or number.
    #[bound(pipeline)]
    pub constants: Vec<(&'a str, f64)>,
}

/// `GPUFragmentState`.
#[wire]
#[derive(Clone, Debug, PartialEq)]
pub struct FragmentState<'a> {
    pub stage: ProgrammableStage<'a>,
    /// One state per color attachment; absent for an unused one.
    #[bound(pipeline)]
    pub targets: Vec<Option<ColorTargetState>>,
}

/// `GPUColorTargetState`.
#[wire]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ColorTargetState {
    pub format: TextureFormat,
    pub blend: Option<(BlendComponent, BlendComponent)>,
    pub write_mask: ColorWrite,
}

/// `GPUBlendComponent`.
#[wire]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlendComponent {
    /// Combines the two products.
    pub operation: BlendOperation,
    /// Factor of the fragment's value.
    pub src_factor: BlendFactor,
    /// Factor of the attachment's value.
    pub dst_factor: BlendFactor,
}

/// `GPUVertexBufferLayout`.
#[wire]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VertexBufferLayout {
    /// Distance between elements, in bytes.
    pub array_stride: u64,
    /// Advance per vertex or per instance.
    pub step_mode: VertexStepMode,
    #[bound(pipeline)]
    pub attributes: Vec<VertexAttribute>,
}

/// `GPUVertexAttribute`.
#[wire]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VertexAttribute {
    pub format: VertexFormat,
    /// Offset from the element's start, in bytes.
    pub offset: u64,
    /// The `@location` number.
    pub shader_location: u32,
}

/// `GPUPrimitiveState`.
#[wire]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrimitiveState {
    pub topology: PrimitiveTopology,
    /// The index format of a strip.
    pub strip_index_format: Option<IndexFormat>,
    /// The winding of front faces.
    pub front_face: FrontFace,
    /// The faces that are not drawn.
    pub cull_mode: CullMode,
    /// Depth clipping is off.
    pub unclipped_depth: bool,
}

/// `GPUDepthStencilState`.
#[wire]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DepthStencilState {
    pub format: TextureFormat,
    /// Required for formats with depth.
    pub depth_write_enabled: Option<bool>,
    /// Required for formats with depth that are tested.
    pub depth_compare: Option<CompareFunction>,
    /// Stencil of front faces.
    pub stencil_front: StencilFaceState,
    /// Stencil of back faces.
    pub stencil_back: StencilFaceState,
    pub stencil_read_mask: u32,
    pub stencil_write_mask: u32,
    /// Constant depth bias.
    pub depth_bias: i32,
    /// Depth bias by slope.
    pub depth_bias_slope_scale: f32,
    /// Largest depth bias.
    pub depth_bias_clamp: f32,
}

/// `GPUStencilFaceState`.
#[wire]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StencilFaceState {
    pub compare: CompareFunction,
    /// When the stencil test fails.
    pub fail_op: StencilOperation,
    /// When the depth test fails.
    pub depth_fail_op: StencilOperation,
    /// When both tests pass.
    pub pass_op: StencilOperation,
}

/// `GPUMultisampleState`.
#[wire]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MultisampleState {
    pub count: u32,
    /// Samples that are written.
    pub mask: u32,
    /// Alpha decides how many samples are written.
    pub alpha_to_coverage_enabled: bool,
}

bitflags::bitflags! {
    /// `GPUColorWrite`.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
    pub struct ColorWrite: u32 {
        /// `GPUColorWrite.RED`.
        const RED = 1 << 0;
        /// `GPUColorWrite.GREEN`.
        const GREEN = 1 << 1;
        /// `GPUColorWrite.BLUE`.
        const BLUE = 1 << 2;
        /// `GPUColorWrite.ALPHA`.
        const ALPHA = 1 << 3;
    }
}

crate::wire::flags!(ColorWrite);

/// `GPUStencilOperation`.
#[wire]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StencilOperation {
    Keep,
    Zero,
    Replace,
    Invert,
    IncrementClamp,
    DecrementClamp,
    IncrementWrap,
    DecrementWrap,
}

/// `GPUBlendFactor`.
#[wire]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BlendFactor {
    Zero,
    One,
    Src,
    OneMinusSrc,
    SrcAlpha,
    OneMinusSrcAlpha,
    Dst,
    OneMinusDst,
    DstAlpha,
    OneMinusDstAlpha,
    SrcAlphaSaturated,
    Constant,
    OneMinusConstant,
    Src1,
    OneMinusSrc1,
    Src1Alpha,
    OneMinusSrc1Alpha,
}

/// `GPUBlendOperation`.
#[wire]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BlendOperation {
    Add,
    Subtract,
    ReverseSubtract,
    Min,
    Max,
}

/// `GPUPrimitiveTopology`.
#[wire]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PrimitiveTopology {
    PointList,
    LineList,
    LineStrip,
    TriangleList,
    TriangleStrip,
}

/// `GPUFrontFace`.
#[wire]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FrontFace {
    Ccw,
    Cw,
}

/// `GPUCullMode`.
#[wire]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CullMode {
    None,
    Front,
    Back,
}

/// `GPUIndexFormat`.
#[wire]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IndexFormat {
    Uint16,
    Uint32,
}

/// `GPUVertexStepMode`.
#[wire]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VertexStepMode {
    Vertex,
    Instance,
}

/// `GPUVertexFormat`.
#[wire]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VertexFormat {
    Uint8,
    Uint8x2,
    Uint8x4,
    Sint8,
    Sint8x2,
    Sint8x4,
    Unorm8,
    Unorm8x2,
    Unorm8x4,
    Snorm8,
    Snorm8x2,
    Snorm8x4,
    Uint16,
    Uint16x2,
    Uint16x4,
    Sint16,
    Sint16x2,
    Sint16x4,
    Unorm16,
    Unorm16x2,
    Unorm16x4,
    Snorm16,
    Snorm16x2,
    Snorm16x4,
    Float16,
    Float16x2,
    Float16x4,
    Float32,
    Float32x2,
    Float32x3,
    Float32x4,
    Uint32,
    Uint32x2,
    Uint32x3,
    Uint32x4,
    Sint32,
    Sint32x2,
    Sint32x3,
    Sint32x4,
    Unorm1010102,
    Unorm8x4Bgra,
}
