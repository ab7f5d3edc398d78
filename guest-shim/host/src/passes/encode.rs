//! Records the commands of a list, each by the function of its call.

use std::fmt;

use airlock_client::{
    Client,
    binding::{BindGroup, DynamicOffsets},
    buffer::Buffer,
    compute_pass::ComputePass,
    object::DeviceObject as _,
    pipeline::{ComputePipeline, RenderPipeline},
    render_bundle::{RenderBundle, RenderBundleEncoder},
    render_pass::RenderPass,
};
use airlock_passes::{Command, IndexFormat, Malformed, Offsets, Reader, Size, Token};
use airlock_protocol::commands::pipeline;
use wasmtime::component::{Resource, ResourceTable};

use super::tokens::Tokens;

/// Objects by their tokens.
#[derive(Clone, Copy)]
pub(super) struct Objects<'a> {
    pub(super) table: &'a ResourceTable,
    pub(super) tokens: &'a Tokens,
}

impl<'a> Objects<'a> {
    /// Looks up the object of a token. A missing object, or one of another kind, is a fault.
    #[inline]
    fn get<O: Send + 'static>(&self, token: Token) -> Result<&'a O, Fault> {
        let object = self.tokens.find(token).ok_or(Fault::Token(token))?;
        self.table.get(&Resource::new_borrow(object)).map_err(|_| Fault::Token(token))
    }

    #[inline]
    fn optional<O: Send + 'static>(&self, token: Option<Token>) -> Result<Option<&'a O>, Fault> {
        token.map(|token| self.get(token)).transpose()
    }
}

/// The reason why a list is not recorded to its end.
#[derive(Debug)]
pub(super) enum Fault {
    /// The bytes are not a valid list.
    Malformed(Malformed),
    /// A token names no live object of the kind that the command takes.
    Token(Token),
    /// The token of a bundle is 0.
    NoBundle,
    /// The encoder does not have the command.
    Elsewhere(&'static str),
}

impl From<Malformed> for Fault {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(malformed) => malformed.fmt(f),
            Self::Token(token) => write!(f, "the token {} names no live object of the right kind", token.get()),
            Self::NoBundle => f.write_str("a bundle's token is 0"),
            Self::Elsewhere(encoder) => write!(f, "a {encoder} has no such command"),
        }
    }
}

/// An encoder that lists are recorded in.
pub(super) trait Encoder: Send + 'static {
    /// Records one command.
    fn encode(&self, client: &mut Client, objects: &Objects<'_>, command: Command<'_>) -> Result<(), Fault>;

    /// Raises a validation error on its device.
    fn invalid(&self, client: &mut Client, message: &str);
}

/// Records all commands of a list, or those before the first fault; returns the fault and the offset of the byte after
/// its command.
pub(super) fn encode<E: Encoder>(
    encoder: &E,
    client: &mut Client,
    objects: &Objects<'_>,
    list: &[u8],
) -> Result<(), (usize, Fault)> {
    let mut reader = Reader::new(list);
    loop {
        let recorded = match reader.next_command() {
            Ok(None) => return Ok(()),
            Ok(Some(command)) => encoder.encode(client, objects, command),
            Err(malformed) => Err(malformed.into()),
        };
        recorded.map_err(|fault| (reader.position(), fault))?;
    }
}

/// The commands that render passes and render bundles share.
macro_rules! draws {
    ($encoder:expr, $client:expr, $objects:expr, $command:expr, { $($others:tt)* }) => {
        match $command {
            Command::SetPipeline { pipeline } => {
                let pipeline: &RenderPipeline = $objects.get(pipeline)?;
                $encoder.set_pipeline($client, pipeline);
            }
            Command::SetVertexBuffer { slot, buffer, offset, size } => {
                let buffer: Option<&Buffer> = $objects.optional(buffer)?;
                $encoder.set_vertex_buffer($client, slot, buffer, Some(offset), bytes(size));
            }
            Command::SetIndexBuffer { buffer, index_format, offset, size } => {
                let buffer: &Buffer = $objects.get(buffer)?;
                $encoder.set_index_buffer($client, buffer, format(index_format), Some(offset), bytes(size));
            }
            Command::Draw { vertex_count, instance_count, first_vertex, first_instance } => {
                let (instances, vertex, instance) = (Some(instance_count), Some(first_vertex), Some(first_instance));
                $encoder.draw($client, vertex_count, instances, vertex, instance);
            }
            Command::DrawIndexed { index_count, instance_count, first_index, base_vertex, first_instance } => {
                let (instances, instance) = (Some(instance_count), Some(first_instance));
                let (index, base) = (Some(first_index), Some(base_vertex));
                $encoder.draw_indexed($client, index_count, instances, index, base, instance);
            }
            Command::DrawIndirect { indirect_buffer, indirect_offset } => {
                let buffer: &Buffer = $objects.get(indirect_buffer)?;
                $encoder.draw_indirect($client, buffer, indirect_offset);
            }
            Command::DrawIndexedIndirect { indirect_buffer, indirect_offset } => {
                let buffer: &Buffer = $objects.get(indirect_buffer)?;
                $encoder.draw_indexed_indirect($client, buffer, indirect_offset);
            }
            other => common!($encoder, $client, $objects, other, { $($others)* }),
        }
    };
}

/// The commands that all encoders share.
macro_rules! common {
    ($encoder:expr, $client:expr, $objects:expr, $command:expr, { $($others:tt)* }) => {
        match $command {
            Command::SetBindGroup { index, bind_group, dynamic_offsets } => {
                let group: Option<&BindGroup> = $objects.optional(bind_group)?;
                // Fails only with a start and a length, which are absent here.
                let _ = $encoder.set_bind_group($client, index, group, offsets(dynamic_offsets));
            }
            Command::SetImmediates { range_offset, data } => {
                $encoder.set_immediates($client, range_offset, data, None, None);
            }
            Command::PushDebugGroup { label } => $encoder.push_debug_group($client, label),
            Command::PopDebugGroup {} => $encoder.pop_debug_group($client),
            Command::InsertDebugMarker { label } => $encoder.insert_debug_marker($client, label),
            $($others)*
        }
    };
}

impl Encoder for RenderPass {
    #[inline]
    fn encode(&self, client: &mut Client, objects: &Objects<'_>, command: Command<'_>) -> Result<(), Fault> {
        draws!(self, client, objects, command, {
            Command::SetViewport { x, y, width, height, min_depth, max_depth } => {
                self.set_viewport(client, x, y, width, height, min_depth, max_depth);
            }
            Command::SetScissorRect { x, y, width, height } => self.set_scissor_rect(client, x, y, width, height),
            Command::SetBlendConstant { red, green, blue, alpha } => {
                self.set_blend_constant(client, [red, green, blue, alpha]);
            }
            Command::SetStencilReference { reference } => self.set_stencil_reference(client, reference),
            Command::BeginOcclusionQuery { query_index } => self.begin_occlusion_query(client, query_index),
            Command::EndOcclusionQuery {} => self.end_occlusion_query(client),
            Command::ExecuteBundles { bundles } => {
                let named = bundles.iter().map(|token| match Token::new(token) {
                    Some(token) => objects.get::<RenderBundle>(token),
                    None => Err(Fault::NoBundle),
                });
                let bundles = named.collect::<Result<Vec<_>, _>>()?;
                self.execute_bundles(client, bundles);
            }
            _ => return Err(Fault::Elsewhere("render pass")),
        });
        Ok(())
    }

    fn invalid(&self, client: &mut Client, message: &str) {
        self.raise_invalid(client, message);
    }
}

impl Encoder for RenderBundleEncoder {
    #[inline]
    fn encode(&self, client: &mut Client, objects: &Objects<'_>, command: Command<'_>) -> Result<(), Fault> {
        draws!(self, client, objects, command, {
            _ => return Err(Fault::Elsewhere("render bundle")),
        });
        Ok(())
    }

    fn invalid(&self, client: &mut Client, message: &str) {
        self.raise_invalid(client, message);
    }
}

impl Encoder for ComputePass {
    #[inline]
    fn encode(&self, client: &mut Client, objects: &Objects<'_>, command: Command<'_>) -> Result<(), Fault> {
        common!(self, client, objects, command, {
            Command::SetPipeline { pipeline } => {
                let pipeline: &ComputePipeline = objects.get(pipeline)?;
                self.set_pipeline(client, pipeline);
            }
            Command::DispatchWorkgroups { x, y, z } => self.dispatch_workgroups(client, x, Some(y), Some(z)),
            Command::DispatchWorkgroupsIndirect { indirect_buffer, indirect_offset } => {
                let buffer: &Buffer = objects.get(indirect_buffer)?;
                self.dispatch_workgroups_indirect(client, buffer, indirect_offset);
            }
            _ => return Err(Fault::Elsewhere("compute pass")),
        });
        Ok(())
    }

    fn invalid(&self, client: &mut Client, message: &str) {
        self.raise_invalid(client, message);
    }
}

fn bytes(size: Size) -> Option<u64> {
    match size {
        Size::Rest => None,
        Size::Bytes(size) => Some(size),
    }
}

fn format(format: IndexFormat) -> pipeline::IndexFormat {
    match format {
        IndexFormat::Uint16 => pipeline::IndexFormat::Uint16,
        IndexFormat::Uint32 => pipeline::IndexFormat::Uint32,
    }
}

fn offsets(offsets: Offsets<'_>) -> DynamicOffsets {
    let data = (!offsets.is_empty()).then(|| offsets.iter().collect());
    DynamicOffsets { data, ..DynamicOffsets::default() }
}
