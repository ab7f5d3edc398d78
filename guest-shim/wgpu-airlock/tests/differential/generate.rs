//! The next call of a program: mostly one that succeeds, by the objects that the program has, with mistakes in some values.

use wgpu::{BufferUsages, TextureFormat, TextureUsages};

use crate::known::{Known, Texture};
use crate::op::{Counts, Draw, Op, Place, Resource};
use crate::random::Random;

/// One value of so many is a mistake, perhaps.
const MISTAKES: usize = 16;

const FORMATS: &[TextureFormat] = &[
    TextureFormat::Rgba8Unorm,
    TextureFormat::Rgba8Unorm,
    TextureFormat::Rgba8UnormSrgb,
    TextureFormat::Bgra8Unorm,
    TextureFormat::R32Float,
    TextureFormat::R32Uint,
    TextureFormat::Rgba16Float,
    TextureFormat::Rgba32Float,
    TextureFormat::Depth32Float,
    TextureFormat::Depth24PlusStencil8,
    TextureFormat::Stencil8,
    TextureFormat::Bc1RgbaUnorm,
    TextureFormat::NV12,
];

/// Formats that a filtering sampler reads.
const FILTERED: &[TextureFormat] =
    &[TextureFormat::Rgba8Unorm, TextureFormat::Rgba8UnormSrgb, TextureFormat::Bgra8Unorm, TextureFormat::Rgba16Float];

/// Shaders: two to compute, three to draw, two that are invalid.
pub const CODE: &[&str] = &[
    "@group(0) @binding(0) var<storage, read_write> numbers: array<u32>;
     @compute @workgroup_size(4) fn main(@builtin(global_invocation_id) id: vec3<u32>) {
         if id.x < arrayLength(&numbers) { numbers[id.x] = numbers[id.x] * 3u + id.x; }
     }",
    "override scale: f32 = 2.0;
     @group(0) @binding(0) var<storage, read_write> numbers: array<f32>;
     @group(0) @binding(1) var<uniform> add: vec4<f32>;
     @compute @workgroup_size(1) fn main(@builtin(global_invocation_id) id: vec3<u32>) {
         numbers[id.x] = f32(id.x) * scale + add.x;
     }",
    "@vertex fn vertex(@builtin(vertex_index) i: u32) -> @builtin(position) vec4<f32> {
         return vec4(f32(i & 1u) * 2.0 - 1.0, f32(i >> 1u) * 2.0 - 1.0, 0.5, 1.0);
     }
     @fragment fn fragment() -> @location(0) vec4<f32> { return vec4(0.25, 0.5, 0.75, 1.0); }",
    "@group(0) @binding(0) var<uniform> color: vec4<f32>;
     @vertex fn vertex(@location(0) place: vec2<f32>) -> @builtin(position) vec4<f32> { return vec4(place, 0.25, 1.0); }
     @fragment fn fragment() -> @location(0) vec4<f32> { return color; }",
    "@group(0) @binding(0) var image: texture_2d<f32>;
     @group(0) @binding(1) var filter_: sampler;
     @vertex fn vertex(@builtin(vertex_index) i: u32) -> @builtin(position) vec4<f32> {
         return vec4(f32(i & 1u) * 4.0 - 1.0, f32(i & 2u) * 2.0 - 1.0, 0.0, 1.0);
     }
     @fragment fn fragment(@builtin(position) at: vec4<f32>) -> @location(0) vec4<f32> {
         return textureSample(image, filter_, at.xy / 16.0);
     }",
    "fn broken( {",
    "@compute @workgroup_size(1) fn main() { let x: u32 = 1.5; }",
];

/// Chooses calls.
pub struct Generator {
    pub random: Random,
    pub known: Known,
}

impl Generator {
    pub fn new(seed: u64) -> Self {
        Self { random: Random::new(seed), known: Known::default() }
    }

    /// The next call of a program that has so many objects.
    pub fn next(&mut self, counts: &Counts) -> Op {
        loop {
            let op = self.candidate(counts);
            if op.is_possible(counts) {
                return op;
            }
        }
    }

    pub fn mistake(&mut self) -> bool {
        self.random.one_in(MISTAKES)
    }

    /// A usual value, or by mistake one of the others.
    pub fn usual<T: Copy>(&mut self, usual: &[T], mistakes: &[T]) -> T {
        if !mistakes.is_empty() && self.mistake() { self.random.pick(mistakes) } else { self.random.pick(usual) }
    }

    /// An object, most of the time one that passes.
    pub fn object<T>(&mut self, of: impl Fn(&Known) -> &Vec<Option<T>>, passes: impl Fn(&T) -> bool) -> usize {
        let all = of(&self.known);
        let fit: Vec<_> = (0..all.len()).filter(|&index| all[index].as_ref().is_some_and(&passes)).collect();
        let count = all.len();
        if fit.is_empty() || self.mistake() { self.random.below(count) } else { self.random.pick(&fit) }
    }

    pub fn buffer(&mut self, usage: BufferUsages) -> usize {
        self.object(|known| &known.buffers, |(_, has)| has.contains(usage))
    }

    fn offset(&mut self) -> u64 {
        self.usual(&[0, 0, 256], &[4, 8, 16, 3, 1 << 20])
    }

    fn aspect(&mut self) -> wgpu::TextureAspect {
        let (stencil, depth) = (wgpu::TextureAspect::StencilOnly, wgpu::TextureAspect::DepthOnly);
        self.usual(&[wgpu::TextureAspect::All], &[stencil, depth])
    }

    /// A place of a texture that passes, and the size of its level.
    pub fn place(&mut self, passes: impl Fn(&Texture) -> bool) -> (Place, [u32; 3]) {
        let texture = self.object(|known| &known.textures, passes);
        let (mips, size) =
            self.known.textures.get(texture).copied().flatten().map_or((1, [4; 3]), |t| (t.mips, t.size));
        let mip = if self.mistake() { 9 } else { self.random.below(mips as usize) as u32 };
        let level = [(size[0] >> mip.min(8)).max(1), (size[1] >> mip.min(8)).max(1), size[2].max(1)];
        let origin = [self.usual(&[0, 0, 1], &[20]).min(level[0]), self.usual(&[0], &[4]), self.usual(&[0], &[1])];
        let rest = [level[0].saturating_sub(origin[0]), level[1].saturating_sub(origin[1]), level[2]];
        (Place { texture, mip, origin, aspect: self.aspect() }, rest)
    }

    pub fn part(&mut self, size: [u32; 3]) -> [u32; 3] {
        let part = [size[0], self.random.pick(&[size[1], 1]), self.random.pick(&[size[2], 1])];
        if self.mistake() { [self.random.pick(&[0, 99]), 1, 6] } else { part }
    }

    pub fn data_layout(&mut self) -> wgpu::TexelCopyBufferLayout {
        wgpu::TexelCopyBufferLayout {
            offset: self.usual(&[0, 0, 256], &[4, 1]),
            bytes_per_row: self.usual(&[Some(256)], &[Some(64), Some(100), None]),
            rows_per_image: self.usual(&[Some(16)], &[None, Some(4)]),
        }
    }

    fn buffer_usage(&mut self) -> BufferUsages {
        use BufferUsages as U;
        match self.random.below(12) {
            0 | 1 => U::MAP_READ | U::COPY_DST,
            2 => U::MAP_WRITE | U::COPY_SRC,
            3 if self.mistake() => U::empty(),
            3 => U::from_bits_truncate(self.random.next() as u32 & 0x3ff),
            _ => (U::all() - U::MAP_READ - U::MAP_WRITE) & U::from_bits_truncate(0x3ff),
        }
    }

    fn binding(&mut self, binding: u32) -> wgpu::BindGroupLayoutEntry {
        let ty = match self.random.below(8) {
            0..=2 => wgpu::BindingType::Buffer {
                ty: wgpu::BufferBindingType::Storage { read_only: self.random.one_in(3) },
                has_dynamic_offset: self.random.one_in(5),
                min_binding_size: None,
            },
            3 | 4 => wgpu::BindingType::Buffer {
                ty: wgpu::BufferBindingType::Uniform,
                has_dynamic_offset: self.random.one_in(5),
                min_binding_size: wgpu::BufferSize::new(self.usual(&[0, 0, 16], &[4, 1 << 20])),
            },
            5 => wgpu::BindingType::Sampler(wgpu::SamplerBindingType::Filtering),
            6 => wgpu::BindingType::StorageTexture {
                access: wgpu::StorageTextureAccess::WriteOnly,
                format: self.usual(&[TextureFormat::Rgba8Unorm, TextureFormat::R32Uint], FORMATS),
                view_dimension: wgpu::TextureViewDimension::D2,
            },
            _ => wgpu::BindingType::Texture {
                sample_type: wgpu::TextureSampleType::Float { filterable: true },
                view_dimension: wgpu::TextureViewDimension::D2,
                multisampled: self.mistake(),
            },
        };
        let writable = matches!(
            ty,
            wgpu::BindingType::Buffer { ty: wgpu::BufferBindingType::Storage { read_only: false }, .. }
                | wgpu::BindingType::StorageTexture { .. }
        );
        let all = wgpu::ShaderStages::VERTEX_FRAGMENT | wgpu::ShaderStages::COMPUTE;
        let usual = if writable { wgpu::ShaderStages::COMPUTE } else { all };
        let visibility = self.usual(&[usual], &[wgpu::ShaderStages::COMPUTE, wgpu::ShaderStages::FRAGMENT, all]);
        wgpu::BindGroupLayoutEntry { binding, visibility, ty, count: None }
    }

    /// A resource for a binding.
    fn resource(&mut self, ty: &wgpu::BindingType) -> Resource {
        match ty {
            wgpu::BindingType::Buffer { ty, .. } => {
                let usage = match ty {
                    wgpu::BufferBindingType::Uniform => BufferUsages::UNIFORM,
                    wgpu::BufferBindingType::Storage { .. } => BufferUsages::STORAGE,
                };
                let buffer = self.buffer(usage);
                Resource::Buffer(
                    buffer,
                    self.usual(&[0, 0, 256], &[4]),
                    self.usual(&[None, Some(16)], &[Some(1 << 20)]),
                )
            }
            wgpu::BindingType::Sampler(_) => Resource::Sampler(self.object(|known| &known.samplers, |()| true)),
            wgpu::BindingType::StorageTexture { format, .. } => {
                Resource::View(self.object(|known| &known.views, |view| view.format == *format && view.samples == 1))
            }
            _ => {
                let color = |view: &Texture| FILTERED.contains(&view.format) && view.samples == 1;
                Resource::View(self.object(|known| &known.views, color))
            }
        }
    }

    fn group(&mut self) -> Op {
        let owned = self.random.below(3) > 0;
        let layout = self.object(|known| &known.layouts, |layout| layout.owner.is_some() || !owned);
        let entries = self.known.layouts.get(layout).cloned().flatten().unwrap_or_default().entries;
        let mut entries: Vec<_> = entries.iter().map(|(number, ty)| (*number, self.resource(ty))).collect();
        if self.mistake() {
            entries.push((self.random.pick(&[0, 1, 7]), Resource::Buffer(0, 0, None)));
        }
        Op::CreateGroup { layout, entries }
    }

    pub fn dynamic(&mut self, group: usize) -> Vec<u32> {
        let count = self.known.groups.get(group).copied().flatten().map_or(0, |group| group.dynamic);
        let count = if self.mistake() { self.random.below(3) } else { count };
        (0..count).map(|_| self.usual(&[0, 256], &[3, 1 << 20])).collect()
    }

    fn texture(&mut self) -> Op {
        use TextureFormat as F;
        use TextureUsages as U;
        let dimension =
            self.usual(&[wgpu::TextureDimension::D2], &[wgpu::TextureDimension::D1, wgpu::TextureDimension::D3]);
        let format = self.usual(&[F::Rgba8Unorm, F::Rgba8Unorm, F::Rgba8UnormSrgb, F::R32Uint, F::Bgra8Unorm], FORMATS);
        let samples = if self.random.one_in(6) { 4 } else { self.usual(&[1], &[3]) };
        let mips = if samples == 1 { self.usual(&[1, 1, 2], &[9]) } else { 1 };
        let size = match dimension {
            wgpu::TextureDimension::D1 => [16, 1, 1],
            _ if samples > 1 => [16, 16, 1],
            _ => [self.usual(&[16, 16, 8], &[0, 5]), 16, self.usual(&[1, 1, 2], &[6])],
        };
        let usage = match self.random.below(6) {
            0 if self.mistake() => U::from_bits_truncate(self.random.next() as u32 & 0x1f),
            _ if samples > 1 => U::RENDER_ATTACHMENT | U::TEXTURE_BINDING,
            0 | 1 if matches!(format, F::Rgba8Unorm | F::R32Uint) => {
                U::COPY_SRC | U::COPY_DST | U::TEXTURE_BINDING | U::STORAGE_BINDING | U::RENDER_ATTACHMENT
            }
            _ => U::COPY_SRC | U::COPY_DST | U::TEXTURE_BINDING | U::RENDER_ATTACHMENT,
        };
        Op::CreateTexture { size, mips, samples, dimension, format, usage, srgb_view: self.mistake() }
    }

    fn view(&mut self) -> Op {
        use wgpu::TextureViewDimension as D;
        let texture = self.object(|known| &known.textures, |_| true);
        let layers = self.known.textures.get(texture).copied().flatten().map_or(1, |texture| texture.size[2]);
        // A view of one layer can be drawn to and sampled.
        let one = layers > 1 && !self.random.one_in(4);
        Op::CreateView {
            texture,
            format: if self.mistake() { Some(self.random.pick(FORMATS)) } else { None },
            dimension: if one {
                Some(D::D2)
            } else {
                self.usual(&[None], &[Some(D::D2), Some(D::D2Array), Some(D::Cube)])
            },
            aspect: self.aspect(),
            mips: (self.usual(&[0], &[1]), self.usual(&[Some(1), Some(1), None], &[Some(5), Some(0)])),
            layers: if one { (0, Some(1)) } else { (self.usual(&[0], &[1]), self.usual(&[None], &[Some(1), Some(6)])) },
        }
    }

    fn sampler(&mut self) -> Op {
        use wgpu::AddressMode as A;
        let (linear, nearest) = (wgpu::FilterMode::Linear, wgpu::FilterMode::Nearest);
        Op::CreateSampler {
            mode: self.usual(&[A::Repeat, A::ClampToEdge, A::MirrorRepeat], &[A::ClampToBorder]),
            filters: [self.random.pick(&[linear, nearest]), self.random.pick(&[linear, nearest])],
            lod: (self.usual(&[0.0, 1.0], &[-1.0]), self.usual(&[32.0], &[0.5])),
            compare: self.usual(&[None], &[Some(wgpu::CompareFunction::Less)]),
            anisotropy: self.usual(&[1], &[4, 0]),
        }
    }

    fn candidate(&mut self, counts: &Counts) -> Op {
        match self.random.below(42) {
            0..=2 => Op::CreateBuffer {
                size: self.usual(&[1024, 4096, 8192], &[256, 0, 6, 1 << 29]),
                usage: self.buffer_usage(),
                mapped: self.random.one_in(10),
            },
            3 | 4 => Op::WriteBuffer {
                buffer: self.buffer(BufferUsages::COPY_DST),
                offset: self.offset(),
                len: self.usual(&[4, 16, 256], &[5, 0]),
            },
            5 => Op::WriteBufferWith {
                buffer: self.buffer(BufferUsages::COPY_DST),
                offset: self.offset(),
                len: self.usual(&[4, 16], &[6]),
            },
            6..=8 => self.texture(),
            9 | 10 => {
                let (place, size) = self.place(|texture| texture.samples == 1 && texture.texel == 4);
                let len = self.usual(&[16_384], &[64, 1024]);
                Op::WriteTexture { place, len, layout: self.data_layout(), size: self.part(size) }
            }
            11 | 12 => self.view(),
            13 => self.sampler(),
            14 | 15 => {
                let bindings = self.usual(&[&[0][..], &[0, 1]], &[&[0, 0], &[5000], &[]]);
                Op::CreateLayout { entries: bindings.iter().map(|number| self.binding(*number)).collect() }
            }
            16 => Op::CreatePipelineLayout {
                layouts: (0..self.usual(&[1, 1, 2], &[0, 5]))
                    .map(|_| self.object(|known| &known.layouts, |_| true))
                    .collect(),
                immediates: self.usual(&[0], &[4, 3]),
            },
            17..=19 => self.group(),
            20 | 21 => Op::CreateModule { code: self.usual(&CODE[..5], &CODE[5..]) },
            22 if counts.modules > 0 => Op::CompilationInfo { module: self.random.below(counts.modules) },
            23 | 24 => Op::CreateComputePipeline {
                module: self.object(|known| &known.modules, |code| *code < 2),
                entry: self.usual(&[None, Some("main")], &[Some("other")]),
                layout: self.mistake().then(|| self.random.below(counts.pipeline_layouts)),
                constant: self.usual(&[None], &[Some(3.5), Some(f64::NAN)]),
            },
            25 | 26 => {
                let module = self.object(|known| &known.modules, |code| (2..5).contains(code));
                let code = self.known.modules.get(module).copied().flatten();
                let vertex = code == Some(3);
                Op::CreateRenderPipeline {
                    module,
                    layout: self.mistake().then(|| self.random.below(counts.pipeline_layouts)),
                    target: self.usual(
                        &[TextureFormat::Rgba8Unorm, TextureFormat::Rgba8Unorm, TextureFormat::Bgra8Unorm],
                        &[TextureFormat::R32Uint, TextureFormat::Rgba32Float, TextureFormat::Rgba8UnormSrgb],
                    ),
                    depth: self.usual(&[None], &[Some(TextureFormat::Depth32Float), Some(TextureFormat::Rgba8Unorm)]),
                    samples: if self.random.one_in(5) { 4 } else { self.usual(&[1], &[3]) },
                    topology: self.random.pick(&[
                        wgpu::PrimitiveTopology::TriangleList,
                        wgpu::PrimitiveTopology::TriangleStrip,
                        wgpu::PrimitiveTopology::LineList,
                    ]),
                    strip: self.mistake(),
                    blend: self.random.one_in(3),
                    vertex: if self.mistake() { !vertex } else { vertex },
                }
            }
            27 | 38..=41 => {
                let compute = self.random.one_in(2);
                let count = if compute { counts.compute_pipelines } else { counts.render_pipelines };
                Op::LayoutOf { pipeline: self.random.below(count), compute, index: self.usual(&[0], &[1, 9]) }
            }
            28 => Op::CreateQuerySet {
                ty: self.usual(&[wgpu::QueryType::Occlusion], &[wgpu::QueryType::Timestamp]),
                count: self.usual(&[1, 2], &[0, 5000]),
            },
            29 => {
                let samples = self.usual(&[1], &[4]);
                let format = self.usual(&[TextureFormat::Rgba8Unorm], &[TextureFormat::Depth32Float]);
                let mut commands = self.draws(format, samples, &Counts { bundles: 0, ..*counts });
                commands.retain(|draw| !matches!(draw, Draw::Debug(_) | Draw::Occlusion(_)));
                Op::CreateBundle { format, samples, commands }
            }
            30..=34 => Op::Record { commands: self.commands(counts), submit: !self.random.one_in(6) },
            35 => {
                let (mode, usage) = self.random.pick(&[
                    (wgpu::MapMode::Read, BufferUsages::MAP_READ),
                    (wgpu::MapMode::Write, BufferUsages::MAP_WRITE),
                ]);
                Op::Map {
                    buffer: self.buffer(usage),
                    mode,
                    range: (self.usual(&[0, 8], &[4]), self.random.pick(&[4, 16, 256])),
                    write: self.random.one_in(2),
                }
            }
            36 => Op::Unmap { buffer: self.random.below(counts.buffers) },
            37 if self.random.one_in(3) => match self.random.below(3) {
                0 => Op::DestroyBuffer { buffer: self.random.below(counts.buffers) },
                1 => Op::DestroyTexture { texture: self.random.below(counts.textures) },
                _ => Op::DestroyQuerySet { set: self.random.below(counts.query_sets) },
            },
            _ if self.random.one_in(2) => Op::WorkDone,
            _ => Op::Poll,
        }
    }
}
