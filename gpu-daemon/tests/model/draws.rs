//! Render pipelines, render bundles, and draws, in passes and in bundles ("GPURenderCommandsMixin").

use std::collections::BTreeMap;

use airlock_protocol::commands::{buffer::BufferUsage, pipeline::*, render_bundle::*, render_pass::*, texture::*};

use crate::{
    model::{Model, Used, Verdict},
    texture::format,
};

/// The modules that each worker has: the vertex stage of the second reads a `vec4f` at location 0.
pub const MODULES: [&str; 2] = [
    "@vertex fn v(@builtin(vertex_index) n: u32) -> @builtin(position) vec4f { return vec4f(f32(n)); }
    @fragment fn f() -> @location(0) vec4f { return vec4f(); }",
    "@vertex fn v(@location(0) at: vec4f) -> @builtin(position) vec4f { return at; }
    @fragment fn f() -> @location(0) vec4f { return vec4f(); }",
];

/// "Render pass layout": what a pipeline, a bundle and a pass have in common.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Shape {
    pub colors: Vec<Option<TextureFormat>>,
    pub depth_stencil: Option<TextureFormat>,
    pub samples: u32,
}

impl Shape {
    /// Unused slots at the end do not count.
    pub fn new(mut colors: Vec<Option<TextureFormat>>, depth_stencil: Option<TextureFormat>, samples: u32) -> Self {
        while colors.last() == Some(&None) {
            colors.pop();
        }
        Self { colors, depth_stencil, samples }
    }

    fn is_empty(&self) -> bool {
        self.colors.is_empty() && self.depth_stencil.is_none()
    }

    fn is_renderable(&self) -> bool {
        let mut cost = 0_u32;
        let colors = self.colors.iter().flatten().all(|&of| {
            let of = format(of);
            cost = cost.next_multiple_of(of.cost.1) + of.cost.0;
            of.is_color() && of.renderable
        });
        colors
            && self.colors.len() <= 8
            && cost <= 32
            && self.depth_stencil.is_none_or(|of| !format(of).is_color())
            && [1, 4].contains(&self.samples)
    }
}

/// Depth and stencil: whether each is only read.
pub type ReadOnly = [bool; 2];

/// A vertex buffer of a pipeline: its stride, whether it steps by instances, the end of its last attribute.
#[derive(Clone, Copy)]
pub struct Slot {
    stride: u64,
    by_instance: bool,
    last: u64,
}

/// A render pipeline.
pub struct Pipeline {
    pub valid: bool,
    shape: Shape,
    slots: Vec<Option<Slot>>,
    /// Depth and stencil.
    writes: [bool; 2],
}

/// What draws go by.
#[derive(Clone, Default)]
pub struct Draws {
    pipeline: Option<u32>,
    /// The bytes of an index, and those that are bound.
    indices: Option<(u64, u64)>,
    /// The bytes that are bound at each slot.
    vertices: BTreeMap<u32, u64>,
}

/// A bundle encoder.
pub struct BundleEncoder {
    /// Its creation succeeded.
    pub made: bool,
    pub ended: bool,
    valid: bool,
    groups: u32,
    shape: Shape,
    read_only: ReadOnly,
    draws: Draws,
    used: Used,
}

/// A bundle.
pub struct Bundle {
    valid: bool,
    shape: Shape,
    read_only: ReadOnly,
    used: Used,
}

/// A draw: how many vertices and instances the buffers must hold. Indexed draws read any vertex.
struct Reach {
    vertices: Option<u64>,
    instances: u64,
    indices: Option<u64>,
}

/// A command of both kinds of encoder.
enum Step {
    Pipeline(u32),
    Vertices { slot: u32, buffer: u32, offset: u64, size: Option<u64> },
    Indices { buffer: u32, format: IndexFormat, offset: u64, size: Option<u64> },
    Draw(Reach),
}

impl Model {
    /// "Validating GPURenderPipelineDescriptor".
    pub fn create_pipeline(&mut self, c: &CreateRenderPipeline<'_>) -> Verdict {
        let wants_input = c.vertex.module.0 == 2;
        let targets = c.fragment.as_ref().map_or(&[][..], |fragment| &fragment.targets);
        let depth_stencil = c.depth_stencil.as_ref();
        let colors: Vec<_> = targets.iter().map(|target| target.map(|target| target.format)).collect();
        let shape = Shape::new(colors, depth_stencil.map(|state| state.format), c.multisample.count);
        // The one output is at location 0.
        let outputs = targets.iter().skip(1).flatten().all(|target| target.write_mask.is_empty());
        let mut locations = Vec::new();
        let mut buffers = c.vertex_buffers.len() <= 8;
        let slots: Vec<_> = c
            .vertex_buffers
            .iter()
            .map(|buffer| {
                let buffer = buffer.as_ref()?;
                let stride = buffer.array_stride;
                let last = buffer.attributes.iter().map(|attribute| attribute.offset + 16).max().unwrap_or(0);
                let most = if stride == 0 { 2048 } else { stride };
                buffers &= stride <= 2048 && stride.is_multiple_of(4) && last <= most;
                for attribute in &buffer.attributes {
                    buffers &= attribute.offset.is_multiple_of(4) && attribute.shader_location < 16;
                    buffers &= !locations.contains(&attribute.shader_location);
                    locations.push(attribute.shader_location);
                }
                Some(Slot { stride, by_instance: buffer.step_mode == VertexStepMode::Instance, last })
            })
            .collect();
        let mut writes = [false; 2];
        let state = depth_stencil.is_none_or(|state| {
            let of = format(state.format);
            let faces = [state.stencil_front, state.stencil_back];
            let plain = |face: &StencilFaceState| {
                let ops = [face.fail_op, face.depth_fail_op, face.pass_op];
                face.compare == CompareFunction::Always && ops.iter().all(|&op| op == StencilOperation::Keep)
            };
            writes[0] = state.depth_write_enabled == Some(true);
            writes[1] = state.stencil_write_mask != 0 && !faces.iter().all(plain);
            let depth = match of.depth {
                true => {
                    state.depth_write_enabled.is_some()
                        && (state.depth_compare.is_some() || state.depth_write_enabled == Some(false))
                }
                false => !writes[0] && state.depth_compare.is_none_or(|compare| compare == CompareFunction::Always),
            };
            depth && (of.stencil || faces.iter().all(plain))
        });
        let valid = !shape.is_empty()
            && shape.is_renderable()
            && state
            && buffers
            && outputs
            && (!wants_input || locations.contains(&0));
        self.pipelines.insert(c.pipeline.0, Pipeline { valid, shape, slots, writes });
        Some(!valid)
    }

    pub fn create_bundle_encoder(&mut self, c: &CreateRenderBundleEncoder<'_>) -> Verdict {
        let shape = Shape::new(c.color_formats.clone(), c.depth_stencil_format, c.sample_count);
        let made = !shape.is_empty() && shape.is_renderable() && c.color_formats.len() <= 8;
        let read_only = [c.depth_read_only, c.stencil_read_only];
        let (draws, used) = (Draws::default(), Used::default());
        let encoder = BundleEncoder { made, ended: false, valid: made, groups: 0, shape, read_only, draws, used };
        self.bundle_encoders.insert(c.encoder.0, encoder);
        Some(!made)
    }

    /// A command that belongs to bundles alone: a debug group.
    pub fn bundle_group(&mut self, id: u32, is_push: bool) -> Verdict {
        let encoder = self.bundle_encoders.get_mut(&id)?;
        if encoder.ended {
            self.unsure = !encoder.made;
            return Some(true);
        }
        encoder.valid &= is_push || encoder.groups > 0;
        encoder.groups = if is_push { encoder.groups + 1 } else { encoder.groups.saturating_sub(1) };
        Some(false)
    }

    pub fn finish_bundle(&mut self, c: &FinishRenderBundle<'_>) -> Verdict {
        let encoder = self.bundle_encoders.get_mut(&c.encoder.0)?;
        let valid = encoder.valid && !encoder.ended && encoder.groups == 0;
        encoder.ended = true;
        let (shape, read_only, used) = (encoder.shape.clone(), encoder.read_only, encoder.used.clone());
        self.bundles.insert(c.bundle.0, Bundle { valid, shape, read_only, used });
        Some(!valid)
    }

    pub fn execute(&mut self, c: &ExecuteBundles) -> Verdict {
        let pass = self.render_passes.get(&c.pass.0)?;
        let (mut valid, mut used) = (true, Used::default());
        for id in &c.bundles {
            let bundle = self.bundles.get(&id.0)?;
            let only_reads = pass.read_only.iter().zip(bundle.read_only).all(|(&pass, bundle)| bundle || !pass);
            valid &= bundle.valid && bundle.shape == pass.shape && only_reads;
            used.buffers.extend(&bundle.used.buffers);
        }
        if pass.begun && !pass.ended {
            self.encoders.get_mut(&pass.encoder)?.used.buffers.extend(used.buffers);
        }
        Self::in_pass(self.render_passes.get_mut(&c.pass.0)?, |pass| {
            pass.draws = Draws::default();
            valid
        })
    }

    fn in_render_pass(&mut self, id: u32, step: Step) -> Verdict {
        let pass = self.render_passes.get(&id)?;
        let (encoder, is_open, mut draws) = (pass.encoder, pass.begun && !pass.ended, pass.draws.clone());
        let (valid, buffer) = self.step(step, &pass.shape, pass.read_only, &mut draws)?;
        if is_open {
            self.encoders.get_mut(&encoder)?.used.buffers.extend(buffer);
        }
        Self::in_pass(self.render_passes.get_mut(&id)?, |pass| {
            pass.draws = draws;
            valid
        })
    }

    fn in_bundle(&mut self, id: u32, step: Step) -> Verdict {
        let encoder = self.bundle_encoders.get(&id)?;
        let mut draws = encoder.draws.clone();
        let (valid, buffer) = self.step(step, &encoder.shape, encoder.read_only, &mut draws)?;
        let encoder = self.bundle_encoders.get_mut(&id)?;
        if encoder.ended {
            self.unsure = !encoder.made;
            return Some(true);
        }
        encoder.valid &= valid;
        encoder.draws = draws;
        encoder.used.buffers.extend(buffer);
        Some(false)
    }

    /// Whether a command is valid, and the buffer that it uses.
    fn step(&self, step: Step, shape: &Shape, read_only: ReadOnly, draws: &mut Draws) -> Option<(bool, Option<u32>)> {
        let bound = |buffer: u32, usage: BufferUsage, offset: u64, size: Option<u64>| {
            let of = self.buffers.get(&buffer)?;
            let size = size.unwrap_or_else(|| of.size.saturating_sub(offset));
            let fits = offset.checked_add(size).is_some_and(|end| end <= of.size);
            Some((of.valid && of.usage.contains(usage) && fits, size))
        };
        Some(match step {
            Step::Pipeline(id) => {
                let pipeline = self.pipelines.get(&id)?;
                let writes = pipeline.writes.iter().zip(read_only).any(|(&writes, read_only)| writes && read_only);
                draws.pipeline = Some(id);
                (pipeline.valid && pipeline.shape == *shape && !writes, None)
            }
            Step::Vertices { slot, buffer, offset, size } => {
                let (valid, size) = bound(buffer, BufferUsage::VERTEX, offset, size)?;
                draws.vertices.insert(slot, size);
                (valid && slot < 8 && offset.is_multiple_of(4), Some(buffer))
            }
            Step::Indices { buffer, format, offset, size } => {
                let (valid, size) = bound(buffer, BufferUsage::INDEX, offset, size)?;
                let bytes = if format == IndexFormat::Uint16 { 2 } else { 4 };
                draws.indices = Some((bytes, size));
                (valid && offset.is_multiple_of(bytes), Some(buffer))
            }
            Step::Draw(reach) => (self.draw(&reach, draws), None),
        })
    }

    /// "Valid to draw", and what a draw may reach.
    fn draw(&self, reach: &Reach, draws: &Draws) -> bool {
        let Some(pipeline) = draws.pipeline.and_then(|id| self.pipelines.get(&id)) else { return false };
        let vertices = pipeline.slots.iter().zip(0..).all(|(slot, number)| {
            let Some(slot) = slot else { return true };
            let Some(&bound) = draws.vertices.get(&number) else { return false };
            match if slot.by_instance { Some(reach.instances) } else { reach.vertices } {
                None | Some(0) => true,
                Some(count) => (count - 1) * slot.stride + slot.last <= bound,
            }
        });
        let indices = reach.indices.is_none_or(|end| draws.indices.is_some_and(|(bytes, bound)| end <= bound / bytes));
        vertices && indices
    }

    pub fn pass_set_pipeline(&mut self, c: &RenderPassSetPipeline) -> Verdict {
        self.in_render_pass(c.pass.0, Step::Pipeline(c.pipeline.0))
    }

    pub fn pass_set_vertices(&mut self, c: &RenderPassSetVertexBuffer) -> Verdict {
        let (slot, buffer, offset, size) = (c.slot, c.buffer?.0, c.offset, c.size);
        self.in_render_pass(c.pass.0, Step::Vertices { slot, buffer, offset, size })
    }

    pub fn pass_set_indices(&mut self, c: &RenderPassSetIndexBuffer) -> Verdict {
        let (buffer, format, offset, size) = (c.buffer.0, c.format, c.offset, c.size);
        self.in_render_pass(c.pass.0, Step::Indices { buffer, format, offset, size })
    }

    pub fn pass_draw(&mut self, c: &RenderPassDraw) -> Verdict {
        let reach = Reach::plain([c.vertex_count, c.first_vertex], [c.instance_count, c.first_instance]);
        self.in_render_pass(c.pass.0, Step::Draw(reach))
    }

    pub fn pass_draw_indexed(&mut self, c: &RenderPassDrawIndexed) -> Verdict {
        let reach = Reach::indexed([c.index_count, c.first_index], [c.instance_count, c.first_instance]);
        self.in_render_pass(c.pass.0, Step::Draw(reach))
    }

    pub fn bundle_set_pipeline(&mut self, c: &BundleSetPipeline) -> Verdict {
        self.in_bundle(c.encoder.0, Step::Pipeline(c.pipeline.0))
    }

    pub fn bundle_set_vertices(&mut self, c: &BundleSetVertexBuffer) -> Verdict {
        let (slot, buffer, offset, size) = (c.slot, c.buffer?.0, c.offset, c.size);
        self.in_bundle(c.encoder.0, Step::Vertices { slot, buffer, offset, size })
    }

    pub fn bundle_set_indices(&mut self, c: &BundleSetIndexBuffer) -> Verdict {
        let (buffer, format, offset, size) = (c.buffer.0, c.format, c.offset, c.size);
        self.in_bundle(c.encoder.0, Step::Indices { buffer, format, offset, size })
    }

    pub fn bundle_draw(&mut self, c: &BundleDraw) -> Verdict {
        let reach = Reach::plain([c.vertex_count, c.first_vertex], [c.instance_count, c.first_instance]);
        self.in_bundle(c.encoder.0, Step::Draw(reach))
    }

    pub fn bundle_draw_indexed(&mut self, c: &BundleDrawIndexed) -> Verdict {
        let reach = Reach::indexed([c.index_count, c.first_index], [c.instance_count, c.first_instance]);
        self.in_bundle(c.encoder.0, Step::Draw(reach))
    }
}

impl Reach {
    fn plain([count, first]: [u32; 2], instances: [u32; 2]) -> Self {
        Self { vertices: Some(u64::from(count) + u64::from(first)), instances: end(instances), indices: None }
    }

    fn indexed(indices: [u32; 2], instances: [u32; 2]) -> Self {
        Self { vertices: None, instances: end(instances), indices: Some(end(indices)) }
    }
}

fn end([count, first]: [u32; 2]) -> u64 {
    u64::from(count) + u64::from(first)
}
