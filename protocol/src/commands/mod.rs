//! The commands: one flat enum, one file per WebGPU object, items in WIT order.
//!
//! A record's `#[command(...)]` describes the command: the ids that it names, makes and drops, the contents that it
//! reads and writes, the event that replies ([`Description`]). Its encoding, bounded decoding, visit of ids and schema
//! follow from the definition.
//!
//! Variants are only ever appended and fields never change, so that every later build reads every earlier stream. A
//! change is a new variant.

use airlock_protocol_derive::wire;
use serde::Serialize;

use crate::{
    ids::Object,
    payload::Payload,
    wire::{Use, VisitIds, Wire},
};

pub mod adapter;
pub mod binding;
pub mod buffer;
pub mod command_encoder;
pub mod compute_pass;
mod description;
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

pub(crate) use description::hash;
pub use description::{Describe, Description, Effect, End, Pair};

/// The record of a command, in a variant of [`Command`].
///
/// A record is appended to a batch without making a [`Command`] of it, which is as large as the largest record and would be
/// built, matched and dropped for each call of a guest.
pub trait Record: Serialize {
    /// The command's number on the wire.
    const NUMBER: u32;
    /// The command's name.
    const NAME: &'static str;
}

/// Lists the variants once: the enum, the names for statistics and text, the records and the conversions from them.
macro_rules! commands {
    ($($Variant:ident($record:ty),)*) => {
        /// One command of the stream. See each record for its meaning.
        #[wire]
        #[derive(Clone, Debug, PartialEq)]
        #[allow(missing_docs)]
        pub enum Command<'a> {
            $($Variant($record),)*
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

        impl<'a> Command<'a> {
            /// The descriptions of all commands, in the order of their numbers on the wire.
            pub const DESCRIPTIONS: &'static [Description] = &[$(<$record as Describe<'a>>::DESCRIPTION,)*];

            /// The command's number on the wire, and its name's place in [`Command::NAMES`].
            pub fn number(&self) -> usize {
                match self {
                    $(Command::$Variant(_) => Number::$Variant as usize,)*
                }
            }

            /// The command's description.
            pub const fn description(&self) -> &'static Description {
                match self {
                    $(Command::$Variant(_) => &<$record as Describe<'a>>::DESCRIPTION,)*
                }
            }

            /// The command's label, with the object that has it.
            pub fn label(&self) -> Option<(Object, &'a str)> {
                match self {
                    $(Command::$Variant(record) => record.label(),)*
                }
            }

            /// The bulk data that the command carries, if its kind carries any.
            pub fn payload(&self) -> Option<&Payload<'a>> {
                match self {
                    $(Command::$Variant(record) => record.payload(),)*
                }
            }

            /// The bulk data, to replace it.
            pub fn payload_mut(&mut self) -> Option<&mut Payload<'a>> {
                match self {
                    $(Command::$Variant(record) => record.payload_mut(),)*
                }
            }

            /// Removes members from the command's list, if its kind has one: see [`Description::list`].
            pub fn retain_members(&mut self, keep: impl FnMut(Object) -> bool) {
                match self {
                    $(Command::$Variant(record) => record.retain_members(keep),)*
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
    RequestAdapter(instance::RequestAdapter<'a>),
    ListAdapters(instance::ListAdapters),
    // adapter
    RequestDevice(adapter::RequestDevice<'a>),
    // device
    DestroyDevice(device::DestroyDevice),
    // queue
    Submit(queue::Submit),
    OnSubmittedWorkDone(queue::OnSubmittedWorkDone),
    WriteBuffer(queue::WriteBuffer<'a>),
    WriteTexture(queue::WriteTexture<'a>),
    // buffer
    CreateBuffer(buffer::CreateBuffer<'a>),
    MapBuffer(buffer::MapBuffer),
    WriteMapped(buffer::WriteMapped<'a>),
    UnmapBuffer(buffer::UnmapBuffer),
    DestroyBuffer(buffer::DestroyBuffer),
    // texture
    CreateTexture(texture::CreateTexture<'a>),
    CreateTextureView(texture::CreateTextureView<'a>),
    DestroyTexture(texture::DestroyTexture),
    CreateSampler(texture::CreateSampler<'a>),
    // binding
    CreateBindGroupLayout(binding::CreateBindGroupLayout<'a>),
    CreatePipelineLayout(binding::CreatePipelineLayout<'a>),
    CreateBindGroup(binding::CreateBindGroup<'a>),
    // shader
    CreateShaderModule(shader::CreateShaderModule<'a>),
    GetCompilationInfo(shader::GetCompilationInfo),
    // pipeline
    CreateComputePipeline(pipeline::CreateComputePipeline<'a>),
    CreateRenderPipeline(pipeline::CreateRenderPipeline<'a>),
    GetBindGroupLayout(pipeline::GetBindGroupLayout),
    // command_encoder
    CreateCommandEncoder(command_encoder::CreateCommandEncoder<'a>),
    CopyBufferToBuffer(command_encoder::CopyBufferToBuffer),
    CopyBufferToTexture(command_encoder::CopyBufferToTexture),
    CopyTextureToBuffer(command_encoder::CopyTextureToBuffer),
    CopyTextureToTexture(command_encoder::CopyTextureToTexture),
    ClearBuffer(command_encoder::ClearBuffer),
    ResolveQuerySet(command_encoder::ResolveQuerySet),
    FinishCommandEncoder(command_encoder::FinishCommandEncoder<'a>),
    EncoderPushDebugGroup(command_encoder::EncoderPushDebugGroup<'a>),
    EncoderPopDebugGroup(command_encoder::EncoderPopDebugGroup),
    EncoderInsertDebugMarker(command_encoder::EncoderInsertDebugMarker<'a>),
    // render_pass
    BeginRenderPass(render_pass::BeginRenderPass<'a>),
    RenderPassSetPipeline(render_pass::RenderPassSetPipeline),
    RenderPassSetIndexBuffer(render_pass::RenderPassSetIndexBuffer),
    RenderPassSetVertexBuffer(render_pass::RenderPassSetVertexBuffer),
    RenderPassDraw(render_pass::RenderPassDraw),
    RenderPassDrawIndexed(render_pass::RenderPassDrawIndexed),
    RenderPassDrawIndirect(render_pass::RenderPassDrawIndirect),
    RenderPassDrawIndexedIndirect(render_pass::RenderPassDrawIndexedIndirect),
    RenderPassSetBindGroup(render_pass::RenderPassSetBindGroup),
    RenderPassSetImmediates(render_pass::RenderPassSetImmediates<'a>),
    SetViewport(render_pass::SetViewport),
    SetScissorRect(render_pass::SetScissorRect),
    SetBlendConstant(render_pass::SetBlendConstant),
    SetStencilReference(render_pass::SetStencilReference),
    BeginOcclusionQuery(render_pass::BeginOcclusionQuery),
    EndOcclusionQuery(render_pass::EndOcclusionQuery),
    ExecuteBundles(render_pass::ExecuteBundles),
    EndRenderPass(render_pass::EndRenderPass),
    RenderPassPushDebugGroup(render_pass::RenderPassPushDebugGroup<'a>),
    RenderPassPopDebugGroup(render_pass::RenderPassPopDebugGroup),
    RenderPassInsertDebugMarker(render_pass::RenderPassInsertDebugMarker<'a>),
    // compute_pass
    BeginComputePass(compute_pass::BeginComputePass<'a>),
    ComputePassSetPipeline(compute_pass::ComputePassSetPipeline),
    ComputePassSetBindGroup(compute_pass::ComputePassSetBindGroup),
    ComputePassSetImmediates(compute_pass::ComputePassSetImmediates<'a>),
    DispatchWorkgroups(compute_pass::DispatchWorkgroups),
    DispatchWorkgroupsIndirect(compute_pass::DispatchWorkgroupsIndirect),
    EndComputePass(compute_pass::EndComputePass),
    ComputePassPushDebugGroup(compute_pass::ComputePassPushDebugGroup<'a>),
    ComputePassPopDebugGroup(compute_pass::ComputePassPopDebugGroup),
    ComputePassInsertDebugMarker(compute_pass::ComputePassInsertDebugMarker<'a>),
    // render_bundle
    CreateRenderBundleEncoder(render_bundle::CreateRenderBundleEncoder<'a>),
    BundleSetPipeline(render_bundle::BundleSetPipeline),
    BundleSetIndexBuffer(render_bundle::BundleSetIndexBuffer),
    BundleSetVertexBuffer(render_bundle::BundleSetVertexBuffer),
    BundleDraw(render_bundle::BundleDraw),
    BundleDrawIndexed(render_bundle::BundleDrawIndexed),
    BundleDrawIndirect(render_bundle::BundleDrawIndirect),
    BundleDrawIndexedIndirect(render_bundle::BundleDrawIndexedIndirect),
    BundleSetBindGroup(render_bundle::BundleSetBindGroup),
    BundleSetImmediates(render_bundle::BundleSetImmediates<'a>),
    FinishRenderBundle(render_bundle::FinishRenderBundle<'a>),
    BundlePushDebugGroup(render_bundle::BundlePushDebugGroup<'a>),
    BundlePopDebugGroup(render_bundle::BundlePopDebugGroup),
    BundleInsertDebugMarker(render_bundle::BundleInsertDebugMarker<'a>),
    // query_set
    CreateQuerySet(query_set::CreateQuerySet<'a>),
    DestroyQuerySet(query_set::DestroyQuerySet),
    // error
    PushErrorScope(error::PushErrorScope),
    PopErrorScope(error::PopErrorScope),
    RaiseError(error::RaiseError<'a>),
    // session
    SetLabel(session::SetLabel<'a>),
    DropObject(session::DropObject),
    Stage(session::Stage<'a>),
    ReportStats(session::ReportStats),
}

impl Command<'_> {
    /// Visits the command's ids in the order of its fields, each with its use.
    #[inline]
    pub fn visit_ids(&self, to: &mut impl VisitIds) {
        Wire::visit_ids(self, Use::Names, to);
    }
}
