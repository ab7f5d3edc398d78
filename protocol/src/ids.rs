//! Object ids. The client chooses them: dense, one number space per kind, reused only after the object's drop command.
//! The daemon keeps a slab per kind and rejects a create on a live slot and a use of a dead one.

use serde::{Deserialize, Serialize};

macro_rules! ids {
    ($($(#[$doc:meta])* $Kind:ident => $Id:ident),* $(,)?) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
            pub struct $Id(pub u32);

            impl Id for $Id {
                const OF: Kind = Kind::$Kind;
                #[inline]
                fn index(self) -> u32 {
                    self.0
                }
                #[inline]
                fn from_index(index: u32) -> Self {
                    Self(index)
                }
                #[inline]
                fn object(self) -> Object {
                    Object::$Kind(self)
                }
            }

            impl From<$Id> for Object {
                #[inline]
                fn from(id: $Id) -> Self {
                    Object::$Kind(id)
                }
            }
        )*

        /// The kinds of objects.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[allow(missing_docs)]
        pub enum Kind {
            $($Kind,)*
        }

        impl Kind {
            /// Every kind.
            pub const ALL: &'static [Kind] = &[$(Kind::$Kind,)*];
            /// The number of kinds.
            pub const COUNT: usize = Kind::ALL.len();

            /// Its name: `Buffer`.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Kind::$Kind => stringify!($Kind),)*
                }
            }

            /// The kind whose id type has this name: `BufferId`. Readers that walk a value with serde recognise ids by
            /// it.
            pub fn of_id(type_name: &str) -> Option<Kind> {
                match type_name {
                    $(stringify!($Id) => Some(Kind::$Kind),)*
                    _ => None,
                }
            }

            /// The object of this kind with a number.
            pub fn object(self, index: u32) -> Object {
                match self {
                    $(Kind::$Kind => Object::$Kind($Id(index)),)*
                }
            }
        }

        /// An object of any kind, for the commands that all kinds have: label and drop.
        #[airlock_protocol_derive::wire]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[allow(missing_docs)]
        pub enum Object {
            $($Kind($Id),)*
        }

        impl Object {
            /// The kind's name and the id's number, for messages.
            pub fn describe(self) -> (&'static str, u32) {
                match self {
                    $(Object::$Kind(id) => (stringify!($Kind), id.0),)*
                }
            }

            /// The object's kind.
            pub fn kind(self) -> Kind {
                match self {
                    $(Object::$Kind(_) => Kind::$Kind,)*
                }
            }
        }
    };
}

/// A typed object id.
pub trait Id: Copy + std::fmt::Debug + Eq + std::hash::Hash + Send + Sync + 'static {
    /// The kind of the identified object.
    const OF: Kind;
    /// The kind's name in messages.
    const KIND: &'static str = Self::OF.name();
    /// The kind's number, below [`Kind::COUNT`].
    const NUMBER: usize = Self::OF as usize;
    /// The slot in the kind's slab.
    fn index(self) -> u32;
    /// The id of a slot.
    fn from_index(index: u32) -> Self;
    /// The id with its kind, for [`Object`]'s commands.
    fn object(self) -> Object;
}

ids! {
    /// A `GPUAdapter`.
    Adapter => AdapterId,
    /// A `GPUDevice`, and its queue: WebGPU has one queue per device.
    Device => DeviceId,
    /// A `GPUBuffer`.
    Buffer => BufferId,
    /// A `GPUTexture`.
    Texture => TextureId,
    /// A `GPUTextureView`.
    TextureView => TextureViewId,
    /// A `GPUSampler`.
    Sampler => SamplerId,
    /// A `GPUBindGroupLayout`.
    BindGroupLayout => BindGroupLayoutId,
    /// A `GPUPipelineLayout`.
    PipelineLayout => PipelineLayoutId,
    /// A `GPUBindGroup`.
    BindGroup => BindGroupId,
    /// A `GPUShaderModule`.
    ShaderModule => ShaderModuleId,
    /// A `GPUComputePipeline`.
    ComputePipeline => ComputePipelineId,
    /// A `GPURenderPipeline`.
    RenderPipeline => RenderPipelineId,
    /// A `GPUCommandEncoder`.
    CommandEncoder => CommandEncoderId,
    /// A `GPUCommandBuffer`.
    CommandBuffer => CommandBufferId,
    /// A `GPURenderPassEncoder`.
    RenderPass => RenderPassId,
    /// A `GPUComputePassEncoder`.
    ComputePass => ComputePassId,
    /// A `GPURenderBundleEncoder`.
    RenderBundleEncoder => RenderBundleEncoderId,
    /// A `GPURenderBundle`.
    RenderBundle => RenderBundleId,
    /// A `GPUQuerySet`.
    QuerySet => QuerySetId,
}

/// The number of a request. The event that replies carries the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RequestId(pub u64);
