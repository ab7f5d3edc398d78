//! The work on the GPU: an input texture, and a texture per dispatch.

use guest_support::gpu::{GpuBindingResource, GpuComputePipeline, GpuTextureFormat, GpuTextureUsage};
use guest_support::passes::{bind, compute_pass};
use guest_support::pictures::Picture;
use guest_support::{ErrorScopes, Gpu, Outcome};

const WORKGROUP: u32 = 8;

/// The filter of the scaled picture.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Filter {
    None,
    Edges,
}

/// A device with its pipelines.
pub struct Scaler {
    gpu: Gpu,
    shrink: GpuComputePipeline,
    edges: GpuComputePipeline,
}

impl Scaler {
    pub async fn new() -> Outcome<Scaler> {
        let gpu = Gpu::request("thumbnails").await?;
        let shrink = gpu.compute_pipeline("shrink", include_str!("scale.wgsl"), "shrink").await?;
        let edges = gpu.compute_pipeline("edges", include_str!("scale.wgsl"), "edges").await?;
        Ok(Scaler { gpu, shrink, edges })
    }

    /// The maximum side of a texture.
    pub fn limit(&self) -> u32 {
        self.gpu.device.limits().max_texture_dimension2_d()
    }

    pub async fn scale(&self, picture: &Picture, width: u32, height: u32, filter: Filter) -> Outcome<Picture> {
        let gpu = &self.gpu;
        let scopes = ErrorScopes::open(&gpu.device);
        let format = GpuTextureFormat::Rgba8unorm;
        let usage = GpuTextureUsage::TEXTURE_BINDING | GpuTextureUsage::COPY_DST;
        let source = gpu.texture("picture", picture.width, picture.height, format, usage);
        gpu.upload_rows(&source, picture.width, 4, 0, &picture.rgba);
        let usage = GpuTextureUsage::TEXTURE_BINDING | GpuTextureUsage::STORAGE_BINDING | GpuTextureUsage::COPY_SRC;
        let small = gpu.texture("small", width, height, format, usage);
        let edges = gpu.texture("edges", width, height, format, usage);

        let encoder = gpu.encoder("thumbnail");
        let pass = compute_pass(&encoder, "thumbnail");
        let steps = match filter {
            Filter::None => vec![(&self.shrink, &source, &small)],
            Filter::Edges => vec![(&self.shrink, &source, &small), (&self.edges, &small, &edges)],
        };
        for (pipeline, from, to) in &steps {
            let (from, to) = (from.create_view(None), to.create_view(None));
            let resources = vec![GpuBindingResource::GpuTextureView(&from), GpuBindingResource::GpuTextureView(&to)];
            let group = gpu.bind_group(&pipeline.get_bind_group_layout(0), resources);
            pass.set_pipeline(pipeline);
            bind(&pass, 0, &group)?;
            pass.dispatch_workgroups(width.div_ceil(WORKGROUP), Some(height.div_ceil(WORKGROUP)), None);
        }
        pass.end();
        gpu.submit(&encoder);
        let result = if filter == Filter::Edges { &edges } else { &small };
        let rgba = gpu.download_rows(result, width, 4, 0, height).await?;
        scopes.close("scaling").await?;
        Ok(Picture { width, height, rgba })
    }
}
