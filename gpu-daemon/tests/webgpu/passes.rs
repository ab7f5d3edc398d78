//! Render passes: bundles, queries, read-only attachments.

use airlock_protocol::{
    commands::{buffer::BufferUsage, command_encoder::*, query_set::*, render_bundle::*, render_pass::*, texture::*},
    ids::*,
};

use crate::{
    common::client::DEVICE,
    kit::{Gpu, WHOLE, color},
};

const GREEN: &str = "@fragment fn green() -> @location(0) vec4f { return vec4f(0, 1, 0, 1); }";

/// WebGPU, "executeBundles": the pipeline, bind groups and buffers are reset, however many bundles there are.
#[test]
fn bundles_reset_a_pass_even_if_there_are_none() {
    let mut gpu = Gpu::new();
    let module = gpu.module(&format!("{WHOLE} {GREEN}"));
    let pipeline = gpu.render(module, |_| {});
    let texture = gpu.texture(|_| {});
    let view = gpu.view(texture);
    let draw = |gpu: &mut Gpu, is_reset: bool, is_set_again: bool| {
        gpu.encode(|gpu, encoder| {
            gpu.render_pass(encoder, vec![color(view)], None, |gpu, pass| {
                gpu.push(RenderPassSetPipeline { pass, pipeline });
                if is_reset {
                    gpu.push(ExecuteBundles { pass, bundles: vec![] });
                }
                if is_set_again {
                    gpu.push(RenderPassSetPipeline { pass, pipeline });
                }
                let (vertex_count, instance_count, first_vertex, first_instance) = (3, 1, 0, 0);
                gpu.push(RenderPassDraw { pass, vertex_count, instance_count, first_vertex, first_instance });
            });
        });
    };
    gpu.valid("no bundles", |gpu| draw(gpu, false, false));
    gpu.valid("reset and set", |gpu| draw(gpu, true, true));
    assert_eq!(gpu.texels(texture, 0), [[0, 255, 0, 255]; 16]);
    gpu.invalid("reset", |gpu| draw(gpu, true, false));
}

/// WebGPU, "executeBundles": bundles must not write aspects that their pass only reads, whichever aspects the format
/// has.
#[test]
fn bundles_write_nothing_that_their_pass_only_reads() {
    let mut gpu = Gpu::new();
    for format in [TextureFormat::Depth16unorm, TextureFormat::Stencil8, TextureFormat::Depth24plusStencil8] {
        let has_depth = format != TextureFormat::Stencil8;
        let has_stencil = format != TextureFormat::Depth16unorm;
        let texture = gpu.texture(|texture| {
            texture.format = format;
            texture.usage = TextureUsage::RENDER_ATTACHMENT;
        });
        let view = gpu.view(texture);
        for bits in 0..16 {
            let [pass_depth, pass_stencil, depth_read_only, stencil_read_only] =
                [0, 1, 2, 3].map(|n| bits >> n & 1 == 1);
            let (encoder, bundle) = (RenderBundleEncoderId(gpu.id()), RenderBundleId(gpu.id()));
            gpu.valid("a bundle", |gpu| {
                gpu.push(CreateRenderBundleEncoder {
                    device: DEVICE,
                    encoder,
                    label: "",
                    color_formats: vec![],
                    depth_stencil_format: Some(format),
                    sample_count: 1,
                    depth_read_only,
                    stencil_read_only,
                });
                gpu.push(FinishRenderBundle { encoder, bundle, label: "" });
            });
            let load = |has: bool, read_only: bool| (has && !read_only).then_some(LoadOp::Clear);
            let store = |has: bool, read_only: bool| (has && !read_only).then_some(StoreOp::Store);
            let attachment = DepthStencilAttachment {
                view,
                depth_clear_value: Some(0.0),
                depth_load_op: load(has_depth, pass_depth),
                depth_store_op: store(has_depth, pass_depth),
                depth_read_only: pass_depth,
                stencil_clear_value: 0,
                stencil_load_op: load(has_stencil, pass_stencil),
                stencil_store_op: store(has_stencil, pass_stencil),
                stencil_read_only: pass_stencil,
            };
            let error = gpu.error(|gpu| {
                gpu.encode(|gpu, encoder| {
                    gpu.render_pass(encoder, vec![], Some(attachment), |gpu, pass| {
                        gpu.push(ExecuteBundles { pass, bundles: vec![bundle] });
                    });
                });
            });
            let fits = (!pass_depth || depth_read_only) && (!pass_stencil || stencil_read_only);
            assert_eq!(error.is_none(), fits, "{format:?} {bits:04b}: {error:?}");
        }
    }
}

/// WebGPU, "createQuerySet": 0 to 4096 queries.
#[test]
fn a_query_set_may_be_empty() {
    let mut gpu = Gpu::new();
    let create = |gpu: &mut Gpu, count| {
        let query_set = QuerySetId(gpu.id());
        gpu.push(CreateQuerySet { device: DEVICE, query_set, label: "", ty: QueryType::Occlusion, count });
        query_set
    };
    gpu.valid("the most", |gpu| create(gpu, 4096));
    gpu.invalid("more", |gpu| create(gpu, 4097));
    let none = gpu.valid("none", |gpu| create(gpu, 0));
    let one = gpu.valid("one", |gpu| create(gpu, 1));
    let texture = gpu.texture(|_| {});
    let view = gpu.view(texture);
    let destination = gpu.buffer(256, BufferUsage::QUERY_RESOLVE);
    let ask = |gpu: &mut Gpu, set, is_begun: bool, resolved: Option<u32>| {
        gpu.encode(|gpu, encoder| {
            let pass = RenderPassId(gpu.id());
            gpu.push(BeginRenderPass {
                encoder,
                pass,
                label: "",
                color_attachments: vec![Some(color(view))],
                depth_stencil_attachment: None,
                occlusion_query_set: Some(set),
                timestamp_writes: None,
            });
            if is_begun {
                gpu.push(BeginOcclusionQuery { pass, query_index: 0 });
                gpu.push(EndOcclusionQuery { pass });
            }
            gpu.push(EndRenderPass { pass });
            if let Some(query_count) = resolved {
                let (first_query, destination_offset) = (0, 0);
                gpu.push(ResolveQuerySet {
                    encoder,
                    query_set: set,
                    first_query,
                    query_count,
                    destination,
                    destination_offset,
                });
            }
        });
    };
    gpu.valid("one is used", |gpu| ask(gpu, one, true, Some(1)));
    gpu.valid("none is not", |gpu| ask(gpu, none, false, None));
    gpu.invalid("none is", |gpu| ask(gpu, none, true, None));
    gpu.invalid("none is resolved", |gpu| ask(gpu, none, false, Some(1)));
}
