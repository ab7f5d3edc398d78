//! The commands: one flat enum, one file per WebGPU object, items in WIT order.
//!
//! Variants are only ever appended and fields never change, so that every later build reads every earlier stream. A
//! change is a new variant.

use serde::{Deserialize, Serialize};

use crate::payload::Payload;

pub mod adapter;
pub mod binding;
pub mod buffer;
pub mod command_encoder;
pub mod compute_pass;
pub mod device;
pub mod error;
pub mod instance;
pub mod pipeline;
pub mod query_set;
pub mod queue;
pub mod render_bundle;
pub mod render_pass;
pub mod session;
pub mod shader;
pub mod texture;

/// What a command says: the record in a variant of [`Command`].
///
/// Who has a record needs no [`Command`] to append it to a batch: that would be made as large as the largest, taken apart
/// again by its variant, and dropped, for each call of a guest.
pub trait Record: Serialize {
    /// The command's number on the wire.
    const NUMBER: u32;
    /// The command's name.
    const NAME: &'static str;
}

/// Lists the variants once: the enum, the names for statistics and text, the records and the conversions from them.
macro_rules! commands {
    ($($(#[$attribute:meta])* $Variant:ident($record:ty),)*) => {
        /// One command of the stream. See each record for its meaning.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[allow(missing_docs)]
        pub enum Command<'a> {
            $($Variant($(#[$attribute])* $record),)*
        }

        impl Command<'_> {
            /// The names of all commands, in the order of their numbers on the wire.
            pub const NAMES: &'static [&'static str] = &[$(stringify!($Variant),)*];

            /// The command's name.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Command::$Variant(_) => stringify!($Variant),)*
                }
            }
        }

        /// Positions in [`Command::NAMES`], one per variant.
        #[allow(clippy::enum_variant_names)]
        pub(crate) enum Number {
            $($Variant,)*
        }

        impl Command<'_> {
            /// The command's number on the wire, and its name's place in [`Command::NAMES`].
            pub fn number(&self) -> usize {
                match self {
                    $(Command::$Variant(_) => Number::$Variant as usize,)*
                }
            }
        }

        $(impl<'a> From<$record> for Command<'a> {
            #[inline]
            fn from(record: $record) -> Self {
                Command::$Variant(record)
            }
        }

        impl<'a> Record for $record {
            const NUMBER: u32 = Number::$Variant as u32;
            const NAME: &'static str = stringify!($Variant);
        })*
    };
}

commands! {
    // instance
    #[serde(borrow)]
    RequestAdapter(instance::RequestAdapter<'a>),
    ListAdapters(instance::ListAdapters),
    // adapter
    #[serde(borrow)]
    RequestDevice(adapter::RequestDevice<'a>),
    // device
    DestroyDevice(device::DestroyDevice),
    // queue
    Submit(queue::Submit),
    OnSubmittedWorkDone(queue::OnSubmittedWorkDone),
    #[serde(borrow)]
    WriteBuffer(queue::WriteBuffer<'a>),
    #[serde(borrow)]
    WriteTexture(queue::WriteTexture<'a>),
    // buffer
    #[serde(borrow)]
    CreateBuffer(buffer::CreateBuffer<'a>),
    MapBuffer(buffer::MapBuffer),
    #[serde(borrow)]
    WriteMapped(buffer::WriteMapped<'a>),
    UnmapBuffer(buffer::UnmapBuffer),
    DestroyBuffer(buffer::DestroyBuffer),
    // texture
    #[serde(borrow)]
    CreateTexture(texture::CreateTexture<'a>),
    #[serde(borrow)]
    CreateTextureView(texture::CreateTextureView<'a>),
    DestroyTexture(texture::DestroyTexture),
    #[serde(borrow)]
    CreateSampler(texture::CreateSampler<'a>),
    // binding
    #[serde(borrow)]
    CreateBindGroupLayout(binding::CreateBindGroupLayout<'a>),
    #[serde(borrow)]
    CreatePipelineLayout(binding::CreatePipelineLayout<'a>),
    #[serde(borrow)]
    CreateBindGroup(binding::CreateBindGroup<'a>),
    // shader
    #[serde(borrow)]
    CreateShaderModule(shader::CreateShaderModule<'a>),
    GetCompilationInfo(shader::GetCompilationInfo),
    // pipeline
    #[serde(borrow)]
    CreateComputePipeline(pipeline::CreateComputePipeline<'a>),
    #[serde(borrow)]
    CreateRenderPipeline(pipeline::CreateRenderPipeline<'a>),
    GetBindGroupLayout(pipeline::GetBindGroupLayout),
    // command_encoder
    #[serde(borrow)]
    CreateCommandEncoder(command_encoder::CreateCommandEncoder<'a>),
    CopyBufferToBuffer(command_encoder::CopyBufferToBuffer),
    CopyBufferToTexture(command_encoder::CopyBufferToTexture),
    CopyTextureToBuffer(command_encoder::CopyTextureToBuffer),
    CopyTextureToTexture(command_encoder::CopyTextureToTexture),
    ClearBuffer(command_encoder::ClearBuffer),
    ResolveQuerySet(command_encoder::ResolveQuerySet),
    #[serde(borrow)]
    FinishCommandEncoder(command_encoder::FinishCommandEncoder<'a>),
    #[serde(borrow)]
    EncoderPushDebugGroup(command_encoder::EncoderPushDebugGroup<'a>),
    EncoderPopDebugGroup(command_encoder::EncoderPopDebugGroup),
    #[serde(borrow)]
    EncoderInsertDebugMarker(command_encoder::EncoderInsertDebugMarker<'a>),
    // render_pass
    #[serde(borrow)]
    BeginRenderPass(render_pass::BeginRenderPass<'a>),
    RenderPassSetPipeline(render_pass::RenderPassSetPipeline),
    RenderPassSetIndexBuffer(render_pass::RenderPassSetIndexBuffer),
    RenderPassSetVertexBuffer(render_pass::RenderPassSetVertexBuffer),
    RenderPassDraw(render_pass::RenderPassDraw),
    RenderPassDrawIndexed(render_pass::RenderPassDrawIndexed),
    RenderPassDrawIndirect(render_pass::RenderPassDrawIndirect),
    RenderPassDrawIndexedIndirect(render_pass::RenderPassDrawIndexedIndirect),
    RenderPassSetBindGroup(render_pass::RenderPassSetBindGroup),
    #[serde(borrow)]
    RenderPassSetImmediates(render_pass::RenderPassSetImmediates<'a>),
    SetViewport(render_pass::SetViewport),
    SetScissorRect(render_pass::SetScissorRect),
    SetBlendConstant(render_pass::SetBlendConstant),
    SetStencilReference(render_pass::SetStencilReference),
    BeginOcclusionQuery(render_pass::BeginOcclusionQuery),
    EndOcclusionQuery(render_pass::EndOcclusionQuery),
    ExecuteBundles(render_pass::ExecuteBundles),
    EndRenderPass(render_pass::EndRenderPass),
    #[serde(borrow)]
    RenderPassPushDebugGroup(render_pass::RenderPassPushDebugGroup<'a>),
    RenderPassPopDebugGroup(render_pass::RenderPassPopDebugGroup),
    #[serde(borrow)]
    RenderPassInsertDebugMarker(render_pass::RenderPassInsertDebugMarker<'a>),
    // compute_pass
    #[serde(borrow)]
    BeginComputePass(compute_pass::BeginComputePass<'a>),
    ComputePassSetPipeline(compute_pass::ComputePassSetPipeline),
    ComputePassSetBindGroup(compute_pass::ComputePassSetBindGroup),
    #[serde(borrow)]
    ComputePassSetImmediates(compute_pass::ComputePassSetImmediates<'a>),
    DispatchWorkgroups(compute_pass::DispatchWorkgroups),
    DispatchWorkgroupsIndirect(compute_pass::DispatchWorkgroupsIndirect),
    EndComputePass(compute_pass::EndComputePass),
    #[serde(borrow)]
    ComputePassPushDebugGroup(compute_pass::ComputePassPushDebugGroup<'a>),
    ComputePassPopDebugGroup(compute_pass::ComputePassPopDebugGroup),
    #[serde(borrow)]
    ComputePassInsertDebugMarker(compute_pass::ComputePassInsertDebugMarker<'a>),
    // render_bundle
    #[serde(borrow)]
    CreateRenderBundleEncoder(render_bundle::CreateRenderBundleEncoder<'a>),
    BundleSetPipeline(render_bundle::BundleSetPipeline),
    BundleSetIndexBuffer(render_bundle::BundleSetIndexBuffer),
    BundleSetVertexBuffer(render_bundle::BundleSetVertexBuffer),
    BundleDraw(render_bundle::BundleDraw),
    BundleDrawIndexed(render_bundle::BundleDrawIndexed),
    BundleDrawIndirect(render_bundle::BundleDrawIndirect),
    BundleDrawIndexedIndirect(render_bundle::BundleDrawIndexedIndirect),
    BundleSetBindGroup(render_bundle::BundleSetBindGroup),
    #[serde(borrow)]
    BundleSetImmediates(render_bundle::BundleSetImmediates<'a>),
    #[serde(borrow)]
    FinishRenderBundle(render_bundle::FinishRenderBundle<'a>),
    #[serde(borrow)]
    BundlePushDebugGroup(render_bundle::BundlePushDebugGroup<'a>),
    BundlePopDebugGroup(render_bundle::BundlePopDebugGroup),
    #[serde(borrow)]
    BundleInsertDebugMarker(render_bundle::BundleInsertDebugMarker<'a>),
    // query_set
    #[serde(borrow)]
    CreateQuerySet(query_set::CreateQuerySet<'a>),
    DestroyQuerySet(query_set::DestroyQuerySet),
    // error
    PushErrorScope(error::PushErrorScope),
    PopErrorScope(error::PopErrorScope),
    #[serde(borrow)]
    RaiseError(error::RaiseError<'a>),
    // session
    #[serde(borrow)]
    SetLabel(session::SetLabel<'a>),
    DropObject(session::DropObject),
    #[serde(borrow)]
    Stage(session::Stage<'a>),
    ReportStats(session::ReportStats),
}

impl<'a> Command<'a> {
    /// The bulk data that the command carries, if its kind carries any.
    pub fn payload(&self) -> Option<&Payload<'a>> {
        match self {
            Command::WriteBuffer(c) => Some(&c.data),
            Command::WriteTexture(c) => Some(&c.data),
            Command::WriteMapped(c) => Some(&c.data),
            Command::Stage(c) => Some(&c.data),
            _ => None,
        }
    }

    /// The same, to put other data in its place.
    pub fn payload_mut(&mut self) -> Option<&mut Payload<'a>> {
        match self {
            Command::WriteBuffer(c) => Some(&mut c.data),
            Command::WriteTexture(c) => Some(&mut c.data),
            Command::WriteMapped(c) => Some(&mut c.data),
            Command::Stage(c) => Some(&mut c.data),
            _ => None,
        }
    }
}
