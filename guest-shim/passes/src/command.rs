//! The table of commands. Numbers are never reused; a new command gets the next one.

use crate::{
    cursor::{Cursor, Malformed},
    field::{Field, IndexFormat, Offsets, Size, Token, Tokens},
};

/// Encoded commands of a pass or bundle.
#[derive(Clone, Debug, Default)]
pub struct List {
    bytes: Vec<u8>,
}

impl List {
    /// An empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// The encoded commands, for the interface's functions.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Removes all commands and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
    }
}

macro_rules! commands {
    ($($(#[$doc:meta])* $number:literal $Name:ident $method:ident($($field:ident: $Type:ty),*);)*) => {
        /// One command.
        #[derive(Clone, Copy, Debug, PartialEq)]
        #[allow(missing_docs, reason = "fields are WebGPU's parameters of the same names")]
        pub enum Command<'a> {
            $($(#[$doc])* $Name { $($field: $Type),* },)*
        }

        impl<'a> Command<'a> {
            /// Reads the fields of the command with this number; `None` for an unknown number.
            #[inline]
            pub(crate) fn read(number: u8, cursor: &mut Cursor<'a>) -> Result<Option<Self>, Malformed> {
                Ok(match number {
                    $($number => Some(Self::$Name { $($field: Field::read(cursor)?),* }),)*
                    _ => None,
                })
            }

            /// Appends the command to a list.
            pub fn write(&self, list: &mut List) {
                match *self {
                    $(Self::$Name { $($field),* } => list.$method($($field),*),)*
                }
            }
        }

        impl List {
            $(
                $(#[$doc])*
                #[inline]
                #[allow(clippy::too_many_arguments, clippy::extra_unused_lifetimes, reason = "WebGPU's parameters, of any command")]
                pub fn $method<'a>(&mut self, $($field: $Type),*) {
                    self.bytes.push($number);
                    $($field.write(&mut self.bytes);)*
                }
            )*
        }
    };
}

commands! {
    /// `setPipeline`, of a render or compute pipeline.
    1 SetPipeline set_pipeline(pipeline: Token);
    /// `setBindGroup`; no token for none.
    2 SetBindGroup set_bind_group(index: u32, bind_group: Option<Token>, dynamic_offsets: Offsets<'a>);
    /// `setImmediates`, of all of the data.
    3 SetImmediates set_immediates(range_offset: u32, data: &'a [u8]);
    /// `draw`.
    4 Draw draw(vertex_count: u32, instance_count: u32, first_vertex: u32, first_instance: u32);
    /// `drawIndexed`.
    5 DrawIndexed draw_indexed(
        index_count: u32, instance_count: u32, first_index: u32, base_vertex: i32, first_instance: u32
    );
    /// `drawIndirect`.
    6 DrawIndirect draw_indirect(indirect_buffer: Token, indirect_offset: u64);
    /// `drawIndexedIndirect`.
    7 DrawIndexedIndirect draw_indexed_indirect(indirect_buffer: Token, indirect_offset: u64);
    /// `setIndexBuffer`.
    8 SetIndexBuffer set_index_buffer(buffer: Token, index_format: IndexFormat, offset: u64, size: Size);
    /// `setVertexBuffer`; no token for none.
    9 SetVertexBuffer set_vertex_buffer(slot: u32, buffer: Option<Token>, offset: u64, size: Size);
    /// `executeBundles`.
    10 ExecuteBundles execute_bundles(bundles: Tokens<'a>);
    /// `setViewport`.
    11 SetViewport set_viewport(x: f32, y: f32, width: f32, height: f32, min_depth: f32, max_depth: f32);
    /// `setScissorRect`.
    12 SetScissorRect set_scissor_rect(x: u32, y: u32, width: u32, height: u32);
    /// `setBlendConstant`.
    13 SetBlendConstant set_blend_constant(red: f64, green: f64, blue: f64, alpha: f64);
    /// `setStencilReference`.
    14 SetStencilReference set_stencil_reference(reference: u32);
    /// `beginOcclusionQuery`.
    15 BeginOcclusionQuery begin_occlusion_query(query_index: u32);
    /// `endOcclusionQuery`.
    16 EndOcclusionQuery end_occlusion_query();
    /// `pushDebugGroup`.
    17 PushDebugGroup push_debug_group(label: &'a str);
    /// `popDebugGroup`.
    18 PopDebugGroup pop_debug_group();
    /// `insertDebugMarker`.
    19 InsertDebugMarker insert_debug_marker(label: &'a str);
    /// `dispatchWorkgroups`.
    20 DispatchWorkgroups dispatch_workgroups(x: u32, y: u32, z: u32);
    /// `dispatchWorkgroupsIndirect`.
    21 DispatchWorkgroupsIndirect dispatch_workgroups_indirect(indirect_buffer: Token, indirect_offset: u64);
}
