//! The calls of a program, as data: the same for both sides, and printed where they differ.

use wgpu::{BufferUsages, TextureFormat, TextureUsages};

/// How many objects of each kind there are; a call names them by number.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    pub buffers: usize,
    pub textures: usize,
    pub views: usize,
    pub samplers: usize,
    pub layouts: usize,
    pub pipeline_layouts: usize,
    pub groups: usize,
    pub modules: usize,
    pub compute_pipelines: usize,
    pub render_pipelines: usize,
    pub query_sets: usize,
    pub bundles: usize,
}

#[derive(Clone, Debug)]
pub enum Op {
    CreateBuffer {
        size: u64,
        usage: BufferUsages,
        mapped: bool,
    },
    WriteBuffer {
        buffer: usize,
        offset: u64,
        len: usize,
    },
    WriteBufferWith {
        buffer: usize,
        offset: u64,
        len: u64,
    },
    CreateTexture {
        size: [u32; 3],
        mips: u32,
        samples: u32,
        dimension: wgpu::TextureDimension,
        format: TextureFormat,
        usage: TextureUsages,
        srgb_view: bool,
    },
    WriteTexture {
        place: Place,
        len: usize,
        layout: wgpu::TexelCopyBufferLayout,
        size: [u32; 3],
    },
    CreateView {
        texture: usize,
        format: Option<TextureFormat>,
        dimension: Option<wgpu::TextureViewDimension>,
        aspect: wgpu::TextureAspect,
        mips: (u32, Option<u32>),
        layers: (u32, Option<u32>),
    },
    CreateSampler {
        mode: wgpu::AddressMode,
        filters: [wgpu::FilterMode; 2],
        lod: (f32, f32),
        compare: Option<wgpu::CompareFunction>,
        anisotropy: u16,
    },
    CreateLayout {
        entries: Vec<wgpu::BindGroupLayoutEntry>,
    },
    CreatePipelineLayout {
        layouts: Vec<usize>,
        immediates: u32,
    },
    CreateGroup {
        layout: usize,
        entries: Vec<(u32, Resource)>,
    },
    CreateModule {
        code: &'static str,
    },
    CompilationInfo {
        module: usize,
    },
    CreateComputePipeline {
        module: usize,
        entry: Option<&'static str>,
        layout: Option<usize>,
        constant: Option<f64>,
    },
    CreateRenderPipeline {
        module: usize,
        layout: Option<usize>,
        target: TextureFormat,
        depth: Option<TextureFormat>,
        samples: u32,
        topology: wgpu::PrimitiveTopology,
        strip: bool,
        blend: bool,
        vertex: bool,
    },
    LayoutOf {
        pipeline: usize,
        compute: bool,
        index: u32,
    },
    CreateQuerySet {
        ty: wgpu::QueryType,
        count: u32,
    },
    CreateBundle {
        format: TextureFormat,
        samples: u32,
        commands: Vec<Draw>,
    },
    Record {
        commands: Vec<Command>,
        submit: bool,
    },
    Map {
        buffer: usize,
        mode: wgpu::MapMode,
        range: (u64, u64),
        write: bool,
    },
    Unmap {
        buffer: usize,
    },
    DestroyBuffer {
        buffer: usize,
    },
    DestroyTexture {
        texture: usize,
    },
    DestroyQuerySet {
        set: usize,
    },
    WorkDone,
    Poll,
    /// Reads the contents of a buffer or texture through a copy, at the end.
    ReadBuffer {
        buffer: usize,
    },
    ReadTexture {
        texture: usize,
    },
}

#[derive(Clone, Copy, Debug)]
pub struct Place {
    pub texture: usize,
    pub mip: u32,
    pub origin: [u32; 3],
    pub aspect: wgpu::TextureAspect,
}

#[derive(Clone, Copy, Debug)]
pub enum Resource {
    Buffer(usize, u64, Option<u64>),
    View(usize),
    Sampler(usize),
}

#[derive(Clone, Debug)]
pub enum Command {
    CopyBuffer {
        from: (usize, u64),
        to: (usize, u64),
        size: Option<u64>,
    },
    BufferToTexture {
        from: usize,
        layout: wgpu::TexelCopyBufferLayout,
        to: Place,
        size: [u32; 3],
    },
    TextureToBuffer {
        from: Place,
        to: usize,
        layout: wgpu::TexelCopyBufferLayout,
        size: [u32; 3],
    },
    TextureToTexture {
        from: Place,
        to: Place,
        size: [u32; 3],
    },
    Clear {
        buffer: usize,
        offset: u64,
        size: Option<u64>,
    },
    Resolve {
        set: usize,
        queries: (u32, u32),
        to: (usize, u64),
    },
    Group(bool),
    Compute(Vec<Compute>),
    Render {
        view: usize,
        resolve: Option<usize>,
        depth: Option<usize>,
        occlusion: Option<usize>,
        clear: bool,
        commands: Vec<Draw>,
    },
}

#[derive(Clone, Debug)]
pub enum Compute {
    Pipeline(usize),
    Group(u32, Option<usize>, Vec<u32>),
    Dispatch([u32; 3]),
    Indirect(usize, u64),
    Immediates(u32, usize),
    Debug(bool),
}

#[derive(Clone, Debug)]
pub enum Draw {
    Pipeline(usize),
    Group(u32, Option<usize>, Vec<u32>),
    Index(usize, u64, bool),
    Vertex(u32, Option<usize>, u64),
    Draw(u32, u32),
    DrawIndexed(u32, i32),
    Indirect(usize, u64, bool),
    MultiIndirect(usize, u64, u32),
    Viewport([f32; 6]),
    Scissor([u32; 4]),
    Blend(f64),
    Stencil(u32),
    Occlusion(Option<u32>),
    Debug(bool),
    Bundles(Vec<usize>),
}

/// The calls that read everything that a program has left.
pub fn readbacks(counts: Counts) -> impl Iterator<Item = Op> {
    let buffers = (0..counts.buffers).map(|buffer| Op::ReadBuffer { buffer });
    buffers.chain((0..counts.textures).map(|texture| Op::ReadTexture { texture }))
}

impl Op {
    /// Whether every kind of object that it names is there.
    pub fn is_possible(&self, counts: &Counts) -> bool {
        match self {
            Op::CreateBuffer { .. } | Op::CreateTexture { .. } | Op::CreateSampler { .. } | Op::CreateLayout { .. } => {
                true
            }
            Op::CreateModule { .. } | Op::CreateQuerySet { .. } | Op::WorkDone | Op::Poll => true,
            Op::WriteBuffer { .. } | Op::WriteBufferWith { .. } | Op::Map { .. } => counts.buffers > 0,
            Op::Unmap { .. } | Op::DestroyBuffer { .. } => counts.buffers > 0,
            Op::WriteTexture { .. } | Op::CreateView { .. } | Op::DestroyTexture { .. } => counts.textures > 0,
            Op::CreatePipelineLayout { layouts, .. } => layouts.is_empty() || counts.layouts > 0,
            Op::CreateGroup { entries, .. } => {
                counts.layouts > 0
                    && entries.iter().all(|(_, resource)| match resource {
                        Resource::Buffer(..) => counts.buffers > 0,
                        Resource::View(_) => counts.views > 0,
                        Resource::Sampler(_) => counts.samplers > 0,
                    })
            }
            Op::CompilationInfo { .. } => counts.modules > 0,
            Op::CreateComputePipeline { layout, .. } | Op::CreateRenderPipeline { layout, .. } => {
                counts.modules > 0 && (layout.is_none() || counts.pipeline_layouts > 0)
            }
            Op::LayoutOf { pipeline, compute, .. } => {
                *pipeline < if *compute { counts.compute_pipelines } else { counts.render_pipelines }
            }
            Op::CreateBundle { commands, .. } => commands.iter().all(|draw| draw.is_possible(counts)),
            Op::Record { commands, .. } => commands.iter().all(|command| command.is_possible(counts)),
            Op::DestroyQuerySet { .. } => counts.query_sets > 0,
            Op::ReadBuffer { .. } => counts.buffers > 0,
            Op::ReadTexture { .. } => counts.textures > 0,
        }
    }
}

impl Command {
    fn is_possible(&self, counts: &Counts) -> bool {
        match self {
            Command::CopyBuffer { .. } | Command::Clear { .. } => counts.buffers > 0,
            Command::BufferToTexture { .. } | Command::TextureToBuffer { .. } => {
                counts.buffers > 0 && counts.textures > 0
            }
            Command::TextureToTexture { .. } => counts.textures > 0,
            Command::Resolve { .. } => counts.query_sets > 0 && counts.buffers > 0,
            Command::Group(_) => true,
            Command::Compute(commands) => commands.iter().all(|command| match command {
                Compute::Pipeline(_) => counts.compute_pipelines > 0,
                Compute::Group(_, group, _) => group.is_none() || counts.groups > 0,
                Compute::Indirect(..) => counts.buffers > 0,
                Compute::Dispatch(_) | Compute::Immediates(..) | Compute::Debug(_) => true,
            }),
            Command::Render { occlusion, commands, .. } => {
                counts.views > 0
                    && (occlusion.is_none() || counts.query_sets > 0)
                    && commands.iter().all(|draw| draw.is_possible(counts))
            }
        }
    }
}

impl Draw {
    fn is_possible(&self, counts: &Counts) -> bool {
        match self {
            Draw::Pipeline(_) => counts.render_pipelines > 0,
            Draw::Group(_, group, _) => group.is_none() || counts.groups > 0,
            Draw::Vertex(_, buffer, _) => buffer.is_none() || counts.buffers > 0,
            Draw::Index(..) | Draw::Indirect(..) | Draw::MultiIndirect(..) => counts.buffers > 0,
            _ => true,
        }
    }
}
