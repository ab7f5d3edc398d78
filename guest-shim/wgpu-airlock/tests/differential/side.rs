//! One backend: its device and the objects that a program has made on it.

use std::sync::mpsc;

use crate::op::{Command, Compute, Counts, Draw, Op, Place, Resource};

/// Outcome of a call.
#[derive(Debug, PartialEq)]
pub enum Outcome {
    /// It returned, with the kind of its error and what it read.
    Done { error: Option<&'static str>, read: Vec<u8> },
    /// It panicked, with this message.
    Panicked(String),
}

pub struct Side {
    pub adapter: String,
    device: wgpu::Device,
    queue: wgpu::Queue,
    objects: Objects,
    /// Scopes of a call that panicked are closed when they are dropped, in order.
    scopes: Vec<wgpu::ErrorScopeGuard>,
}

#[derive(Default)]
struct Objects {
    buffers: Vec<wgpu::Buffer>,
    textures: Vec<wgpu::Texture>,
    views: Vec<wgpu::TextureView>,
    samplers: Vec<wgpu::Sampler>,
    layouts: Vec<wgpu::BindGroupLayout>,
    pipeline_layouts: Vec<wgpu::PipelineLayout>,
    groups: Vec<wgpu::BindGroup>,
    modules: Vec<wgpu::ShaderModule>,
    compute_pipelines: Vec<wgpu::ComputePipeline>,
    render_pipelines: Vec<wgpu::RenderPipeline>,
    query_sets: Vec<wgpu::QuerySet>,
    bundles: Vec<wgpu::RenderBundle>,
}

/// Bytes that are read of an object at most.
const MOST: u64 = 64 << 10;

fn extent([width, height, depth_or_array_layers]: [u32; 3]) -> wgpu::Extent3d {
    wgpu::Extent3d { width, height, depth_or_array_layers }
}

/// Bytes that the length decides.
fn data(len: usize) -> Vec<u8> {
    (0..len).map(|place| (place * 37 + len) as u8).collect()
}

impl Side {
    pub fn new(instance: &wgpu::Instance) -> Side {
        let adapter = pollster::block_on(instance.request_adapter(&Default::default())).unwrap();
        let (device, queue) = pollster::block_on(adapter.request_device(&Default::default())).unwrap();
        // An error that no scope catches would be a mistake of this test.
        device.on_uncaptured_error(std::sync::Arc::new(|error: wgpu::Error| eprintln!("uncaptured: {error}")));
        Side { adapter: adapter.get_info().name, device, queue, objects: Objects::default(), scopes: Vec::new() }
    }

    pub fn clear(&mut self) {
        self.objects = Objects::default();
    }

    pub fn counts(&self) -> Counts {
        let objects = &self.objects;
        Counts {
            buffers: objects.buffers.len(),
            textures: objects.textures.len(),
            views: objects.views.len(),
            samplers: objects.samplers.len(),
            layouts: objects.layouts.len(),
            pipeline_layouts: objects.pipeline_layouts.len(),
            groups: objects.groups.len(),
            modules: objects.modules.len(),
            compute_pipelines: objects.compute_pipelines.len(),
            render_pipelines: objects.render_pipelines.len(),
            query_sets: objects.query_sets.len(),
            bundles: objects.bundles.len(),
        }
    }

    /// Makes a call, within error scopes of every kind.
    pub fn apply(&mut self, op: &Op) -> Outcome {
        use wgpu::ErrorFilter::{Internal, OutOfMemory, Validation};
        for filter in [Internal, OutOfMemory, Validation] {
            self.scopes.push(self.device.push_error_scope(filter));
        }
        let read = self.call(op);
        Outcome::Done { error: self.recover(), read }
    }

    /// Closes the scopes and returns the kind of the caught error.
    pub fn recover(&mut self) -> Option<&'static str> {
        let mut error = None;
        while let Some(scope) = self.scopes.pop() {
            let kind = pollster::block_on(scope.pop()).map(|error| match error {
                wgpu::Error::Validation { .. } => "validation",
                wgpu::Error::OutOfMemory { .. } => "out of memory",
                wgpu::Error::Internal { .. } => "internal",
            });
            error = error.or(kind);
        }
        error
    }

    fn call(&mut self, op: &Op) -> Vec<u8> {
        let (device, queue, objects) = (&self.device, &self.queue, &mut self.objects);
        match op {
            Op::CreateBuffer { size, usage, mapped } => {
                let (size, usage, mapped_at_creation) = (*size, *usage, *mapped);
                let descriptor = wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation };
                objects.buffers.push(device.create_buffer(&descriptor));
            }
            Op::WriteBuffer { buffer, offset, len } => {
                queue.write_buffer(&objects.buffers[*buffer], *offset, &data(*len))
            }
            Op::WriteBufferWith { buffer, offset, len } => {
                let size = wgpu::BufferSize::new(*len).unwrap();
                if let Some(mut view) = queue.write_buffer_with(&objects.buffers[*buffer], *offset, size) {
                    view.slice(..).copy_from_slice(&data(*len as usize));
                }
            }
            Op::CreateTexture { size, mips, samples, dimension, format, usage, srgb_view } => {
                objects.textures.push(device.create_texture(&wgpu::TextureDescriptor {
                    label: None,
                    size: extent(*size),
                    mip_level_count: *mips,
                    sample_count: *samples,
                    dimension: *dimension,
                    format: *format,
                    usage: *usage,
                    view_formats: if *srgb_view { &[wgpu::TextureFormat::Rgba8UnormSrgb] } else { &[] },
                }));
            }
            Op::WriteTexture { place, len, layout, size } => {
                let to = copy_info(&objects.textures, place);
                queue.write_texture(to, &data(*len), *layout, extent(*size));
            }
            Op::CreateView { texture, format, dimension, aspect, mips, layers } => {
                objects.views.push(objects.textures[*texture].create_view(&wgpu::TextureViewDescriptor {
                    format: *format,
                    dimension: *dimension,
                    aspect: *aspect,
                    base_mip_level: mips.0,
                    mip_level_count: mips.1,
                    base_array_layer: layers.0,
                    array_layer_count: layers.1,
                    ..Default::default()
                }));
            }
            Op::CreateSampler { mode, filters, lod, compare, anisotropy } => {
                objects.samplers.push(device.create_sampler(&wgpu::SamplerDescriptor {
                    address_mode_u: *mode,
                    mag_filter: filters[0],
                    min_filter: filters[1],
                    lod_min_clamp: lod.0,
                    lod_max_clamp: lod.1,
                    compare: *compare,
                    anisotropy_clamp: *anisotropy,
                    ..Default::default()
                }));
            }
            Op::CreateLayout { entries } => {
                let descriptor = wgpu::BindGroupLayoutDescriptor { label: None, entries };
                objects.layouts.push(device.create_bind_group_layout(&descriptor));
            }
            Op::CreatePipelineLayout { layouts, immediates } => {
                let layouts: Vec<_> = layouts.iter().map(|layout| Some(&objects.layouts[*layout])).collect();
                objects.pipeline_layouts.push(device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
                    label: None,
                    bind_group_layouts: &layouts,
                    immediate_size: *immediates,
                }));
            }
            Op::CreateGroup { layout, entries } => {
                let entries: Vec<_> = entries
                    .iter()
                    .map(|(binding, resource)| wgpu::BindGroupEntry {
                        binding: *binding,
                        resource: match *resource {
                            Resource::Buffer(buffer, offset, size) => {
                                wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                                    buffer: &objects.buffers[buffer],
                                    offset,
                                    size: size.and_then(wgpu::BufferSize::new),
                                })
                            }
                            Resource::View(view) => wgpu::BindingResource::TextureView(&objects.views[view]),
                            Resource::Sampler(sampler) => wgpu::BindingResource::Sampler(&objects.samplers[sampler]),
                        },
                    })
                    .collect();
                let layout = &objects.layouts[*layout];
                let descriptor = wgpu::BindGroupDescriptor { label: None, layout, entries: &entries };
                objects.groups.push(device.create_bind_group(&descriptor));
            }
            Op::CreateModule { code } => {
                let source = wgpu::ShaderSource::Wgsl((*code).into());
                objects.modules.push(device.create_shader_module(wgpu::ShaderModuleDescriptor { label: None, source }));
            }
            Op::CompilationInfo { module } => {
                let info = pollster::block_on(objects.modules[*module].get_compilation_info());
                return info.messages.iter().map(|message| message.message_type as u8).collect();
            }
            Op::CreateComputePipeline { module, entry, layout, constant } => {
                let constants: Vec<_> = constant.iter().map(|value| ("scale", *value)).collect();
                objects.compute_pipelines.push(device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                    label: None,
                    layout: layout.map(|layout| &objects.pipeline_layouts[layout]),
                    module: &objects.modules[*module],
                    entry_point: *entry,
                    compilation_options: wgpu::PipelineCompilationOptions {
                        constants: &constants,
                        ..Default::default()
                    },
                    cache: None,
                }));
            }
            Op::CreateRenderPipeline { .. } => {
                let pipeline = render_pipeline(device, objects, op);
                objects.render_pipelines.push(pipeline);
            }
            Op::LayoutOf { pipeline, compute, index } => {
                let layout = if *compute {
                    objects.compute_pipelines[*pipeline].get_bind_group_layout(*index)
                } else {
                    objects.render_pipelines[*pipeline].get_bind_group_layout(*index)
                };
                objects.layouts.push(layout);
            }
            Op::CreateQuerySet { ty, count } => {
                let descriptor = wgpu::QuerySetDescriptor { label: None, ty: *ty, count: *count };
                objects.query_sets.push(device.create_query_set(&descriptor));
            }
            Op::CreateBundle { format, samples, commands } => {
                let mut encoder = device.create_render_bundle_encoder(&wgpu::RenderBundleEncoderDescriptor {
                    label: None,
                    color_formats: &[Some(*format)],
                    depth_stencil: None,
                    sample_count: *samples,
                    multiview: None,
                });
                for command in commands {
                    draw_in_bundle(&mut encoder, objects, command);
                }
                objects.bundles.push(encoder.finish(&Default::default()));
            }
            Op::Record { commands, submit } => {
                let mut encoder = device.create_command_encoder(&Default::default());
                for command in commands {
                    record(&mut encoder, objects, command);
                }
                let commands = encoder.finish();
                if *submit {
                    queue.submit([commands]);
                    device.poll(wgpu::PollType::wait_indefinitely()).unwrap();
                }
            }
            Op::Map { buffer, mode, range, write } => return self.map(*buffer, *mode, *range, *write),
            Op::Unmap { buffer } => objects.buffers[*buffer].unmap(),
            Op::DestroyBuffer { buffer } => objects.buffers[*buffer].destroy(),
            Op::DestroyTexture { texture } => objects.textures[*texture].destroy(),
            Op::DestroyQuerySet { set } => objects.query_sets[*set].destroy(),
            Op::WorkDone => {
                let (sender, done) = mpsc::channel();
                queue.on_submitted_work_done(move || sender.send(()).unwrap());
                device.poll(wgpu::PollType::wait_indefinitely()).unwrap();
                done.try_recv().unwrap();
            }
            Op::Poll => {
                device.poll(wgpu::PollType::Poll).unwrap();
            }
            Op::ReadBuffer { buffer } => {
                let buffer = &self.objects.buffers[*buffer];
                let size = buffer.size().next_multiple_of(4).min(MOST);
                return self.read(size, |encoder, to| encoder.copy_buffer_to_buffer(buffer, 0, to, 0, size));
            }
            Op::ReadTexture { texture } => {
                let texture = &self.objects.textures[*texture];
                let layout = wgpu::TexelCopyBufferLayout {
                    offset: 0,
                    bytes_per_row: Some(256),
                    rows_per_image: Some(texture.height().max(1)),
                };
                let size = 256 * u64::from(texture.height() * texture.depth_or_array_layers());
                return self.read(size.clamp(256, MOST), |encoder, buffer| {
                    let to = wgpu::TexelCopyBufferInfo { buffer, layout };
                    encoder.copy_texture_to_buffer(texture.as_image_copy(), to, texture.size());
                });
            }
        }
        Vec::new()
    }

    /// Returns the contents that a copy leaves in a buffer of this size; nothing if it fails.
    fn read(&self, size: u64, copy: impl FnOnce(&mut wgpu::CommandEncoder, &wgpu::Buffer)) -> Vec<u8> {
        let buffer = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size,
            usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let mut encoder = self.device.create_command_encoder(&Default::default());
        copy(&mut encoder, &buffer);
        self.queue.submit([encoder.finish()]);
        let (sender, mapped) = mpsc::channel();
        buffer.map_async(wgpu::MapMode::Read, .., move |result| sender.send(result.is_ok()).unwrap());
        self.device.poll(wgpu::PollType::wait_indefinitely()).unwrap();
        if !mapped.try_recv().unwrap() {
            return Vec::new();
        }
        buffer.slice(..).get_mapped_range().map(|view| view.to_vec()).unwrap_or_default()
    }

    /// Maps a buffer and returns its contents, or a byte that says that it failed.
    fn map(&self, buffer: usize, mode: wgpu::MapMode, (start, size): (u64, u64), write: bool) -> Vec<u8> {
        let buffer = &self.objects.buffers[buffer];
        let (sender, mapped) = mpsc::channel();
        let range = start..start + size;
        buffer.map_async(mode, range.clone(), move |result| {
            let _ = sender.send(result.is_ok());
        });
        self.device.poll(wgpu::PollType::wait_indefinitely()).unwrap();
        let is_mapped = mapped.try_recv().unwrap();
        let mut read = vec![u8::from(is_mapped)];
        if is_mapped && mode == wgpu::MapMode::Write && write {
            match buffer.slice(range.clone()).get_mapped_range_mut() {
                Ok(mut view) => view.slice(..4).copy_from_slice(&data(4)),
                Err(_) => read.push(2),
            }
        } else if is_mapped && mode == wgpu::MapMode::Read {
            match buffer.slice(range).get_mapped_range() {
                Ok(view) => read.extend_from_slice(&view),
                Err(_) => read.push(2),
            }
        }
        if is_mapped {
            buffer.unmap();
        }
        read
    }
}

fn copy_info<'a>(textures: &'a [wgpu::Texture], place: &Place) -> wgpu::TexelCopyTextureInfo<'a> {
    let [x, y, z] = place.origin;
    wgpu::TexelCopyTextureInfo {
        texture: &textures[place.texture],
        mip_level: place.mip,
        origin: wgpu::Origin3d { x, y, z },
        aspect: place.aspect,
    }
}

fn render_pipeline(device: &wgpu::Device, objects: &Objects, op: &Op) -> wgpu::RenderPipeline {
    let Op::CreateRenderPipeline { module, layout, target, depth, samples, topology, strip, blend, vertex } = op else {
        unreachable!()
    };
    let module = &objects.modules[*module];
    let buffers = [Some(wgpu::VertexBufferLayout {
        array_stride: 8,
        step_mode: wgpu::VertexStepMode::Vertex,
        attributes: &wgpu::vertex_attr_array![0 => Float32x2],
    })];
    device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
        label: None,
        layout: layout.map(|layout| &objects.pipeline_layouts[layout]),
        vertex: wgpu::VertexState {
            module,
            entry_point: None,
            compilation_options: Default::default(),
            buffers: if *vertex { &buffers } else { &[] },
        },
        primitive: wgpu::PrimitiveState {
            topology: *topology,
            strip_index_format: strip.then_some(wgpu::IndexFormat::Uint16),
            ..Default::default()
        },
        depth_stencil: depth.map(|format| wgpu::DepthStencilState {
            format,
            depth_write_enabled: Some(true),
            depth_compare: Some(wgpu::CompareFunction::Less),
            stencil: Default::default(),
            bias: Default::default(),
        }),
        multisample: wgpu::MultisampleState { count: *samples, ..Default::default() },
        fragment: Some(wgpu::FragmentState {
            module,
            entry_point: None,
            compilation_options: Default::default(),
            targets: &[Some(wgpu::ColorTargetState {
                format: *target,
                blend: blend.then_some(wgpu::BlendState::ALPHA_BLENDING),
                write_mask: wgpu::ColorWrites::ALL,
            })],
        }),
        multiview_mask: None,
        cache: None,
    })
}

fn record(encoder: &mut wgpu::CommandEncoder, objects: &Objects, command: &Command) {
    let buffer_info = |buffer: usize, layout| wgpu::TexelCopyBufferInfo { buffer: &objects.buffers[buffer], layout };
    match command {
        Command::CopyBuffer { from, to, size } => {
            encoder.copy_buffer_to_buffer(&objects.buffers[from.0], from.1, &objects.buffers[to.0], to.1, *size);
        }
        Command::BufferToTexture { from, layout, to, size } => {
            let to = copy_info(&objects.textures, to);
            encoder.copy_buffer_to_texture(buffer_info(*from, *layout), to, extent(*size));
        }
        Command::TextureToBuffer { from, to, layout, size } => {
            let from = copy_info(&objects.textures, from);
            encoder.copy_texture_to_buffer(from, buffer_info(*to, *layout), extent(*size));
        }
        Command::TextureToTexture { from, to, size } => {
            let (from, to) = (copy_info(&objects.textures, from), copy_info(&objects.textures, to));
            encoder.copy_texture_to_texture(from, to, extent(*size));
        }
        Command::Clear { buffer, offset, size } => encoder.clear_buffer(&objects.buffers[*buffer], *offset, *size),
        Command::Resolve { set, queries, to } => {
            let (set, queries) = (&objects.query_sets[*set], queries.0..queries.0 + queries.1);
            encoder.resolve_query_set(set, queries, &objects.buffers[to.0], to.1);
        }
        Command::Group(true) => encoder.push_debug_group("group"),
        Command::Group(false) => encoder.pop_debug_group(),
        Command::Compute(commands) => {
            let mut pass = encoder.begin_compute_pass(&Default::default());
            for command in commands {
                match command {
                    Compute::Pipeline(pipeline) => pass.set_pipeline(&objects.compute_pipelines[*pipeline]),
                    Compute::Group(index, group, offsets) => {
                        pass.set_bind_group(*index, group.map(|group| &objects.groups[group]), offsets);
                    }
                    Compute::Dispatch([x, y, z]) => pass.dispatch_workgroups(*x, *y, *z),
                    Compute::Indirect(buffer, offset) => {
                        pass.dispatch_workgroups_indirect(&objects.buffers[*buffer], *offset);
                    }
                    Compute::Immediates(offset, len) => pass.set_immediates(*offset, &data(*len)),
                    Compute::Debug(true) => pass.push_debug_group("group"),
                    Compute::Debug(false) => pass.pop_debug_group(),
                }
            }
        }
        Command::Render { view, resolve, depth, occlusion, clear, commands } => {
            let load = if *clear { wgpu::LoadOp::Clear(wgpu::Color::GREEN) } else { wgpu::LoadOp::Load };
            let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
                color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                    view: &objects.views[*view],
                    depth_slice: None,
                    resolve_target: resolve.map(|view| &objects.views[view]),
                    ops: wgpu::Operations { load, store: wgpu::StoreOp::Store },
                })],
                depth_stencil_attachment: depth.map(|view| wgpu::RenderPassDepthStencilAttachment {
                    view: &objects.views[view],
                    depth_ops: Some(wgpu::Operations { load: wgpu::LoadOp::Clear(1.0), store: wgpu::StoreOp::Store }),
                    stencil_ops: None,
                }),
                occlusion_query_set: occlusion.map(|set| &objects.query_sets[set]),
                ..Default::default()
            });
            for command in commands {
                draw(&mut pass, objects, command);
            }
        }
    }
}

fn draw(pass: &mut wgpu::RenderPass<'_>, objects: &Objects, command: &Draw) {
    match command {
        Draw::Pipeline(pipeline) => pass.set_pipeline(&objects.render_pipelines[*pipeline]),
        Draw::Group(index, group, offsets) => {
            pass.set_bind_group(*index, group.map(|group| &objects.groups[group]), offsets);
        }
        Draw::Index(buffer, offset, long) => {
            let format = if *long { wgpu::IndexFormat::Uint32 } else { wgpu::IndexFormat::Uint16 };
            pass.set_index_buffer(objects.buffers[*buffer].slice(*offset..), format);
        }
        Draw::Vertex(slot, Some(buffer), offset) => {
            pass.set_vertex_buffer(*slot, objects.buffers[*buffer].slice(*offset..))
        }
        Draw::Vertex(slot, None, _) => pass.set_vertex_buffer(*slot, None::<wgpu::BufferSlice<'_>>),
        Draw::Draw(vertices, instances) => pass.draw(0..*vertices, 0..*instances),
        Draw::DrawIndexed(indices, base) => pass.draw_indexed(0..*indices, *base, 0..1),
        Draw::Indirect(buffer, offset, false) => pass.draw_indirect(&objects.buffers[*buffer], *offset),
        Draw::Indirect(buffer, offset, true) => pass.draw_indexed_indirect(&objects.buffers[*buffer], *offset),
        Draw::MultiIndirect(buffer, offset, count) => {
            pass.multi_draw_indirect(&objects.buffers[*buffer], *offset, *count);
        }
        Draw::Viewport([x, y, width, height, min, max]) => pass.set_viewport(*x, *y, *width, *height, *min, *max),
        Draw::Scissor([x, y, width, height]) => pass.set_scissor_rect(*x, *y, *width, *height),
        Draw::Blend(value) => pass.set_blend_constant(wgpu::Color { r: *value, g: *value, b: *value, a: *value }),
        Draw::Stencil(reference) => pass.set_stencil_reference(*reference),
        Draw::Occlusion(Some(query)) => pass.begin_occlusion_query(*query),
        Draw::Occlusion(None) => pass.end_occlusion_query(),
        Draw::Debug(true) => pass.push_debug_group("group"),
        Draw::Debug(false) => pass.pop_debug_group(),
        Draw::Bundles(bundles) => pass.execute_bundles(bundles.iter().map(|bundle| &objects.bundles[*bundle])),
    }
}

/// The commands that bundles have, too.
fn draw_in_bundle<'a>(encoder: &mut wgpu::RenderBundleEncoder<'a>, objects: &'a Objects, command: &Draw) {
    match command {
        Draw::Pipeline(pipeline) => encoder.set_pipeline(&objects.render_pipelines[*pipeline]),
        Draw::Group(index, group, offsets) => {
            encoder.set_bind_group(*index, group.map(|group| &objects.groups[group]), offsets);
        }
        Draw::Index(buffer, offset, long) => {
            let format = if *long { wgpu::IndexFormat::Uint32 } else { wgpu::IndexFormat::Uint16 };
            encoder.set_index_buffer(objects.buffers[*buffer].slice(*offset..), format);
        }
        Draw::Vertex(slot, Some(buffer), offset) => {
            encoder.set_vertex_buffer(*slot, objects.buffers[*buffer].slice(*offset..));
        }
        Draw::Draw(vertices, instances) => encoder.draw(0..*vertices, 0..*instances),
        Draw::DrawIndexed(indices, base) => encoder.draw_indexed(0..*indices, *base, 0..1),
        Draw::Indirect(buffer, offset, false) => encoder.draw_indirect(&objects.buffers[*buffer], *offset),
        Draw::Indirect(buffer, offset, true) => encoder.draw_indexed_indirect(&objects.buffers[*buffer], *offset),
        _ => {}
    }
}
