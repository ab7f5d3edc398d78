//! The filters on the GPU: two textures that alternate as source and result.

use guest_support::gpu::{
    GpuBindGroup, GpuBindingResource, GpuBufferUsage, GpuComputePipeline, GpuFilterMode, GpuSamplerDescriptor,
    GpuTexture, GpuTextureFormat, GpuTextureUsage,
};
use guest_support::passes::{bind, compute_pass};
use guest_support::{Gpu, Outcome};

use crate::cpu;

const WORKGROUP: u32 = 16;

pub struct Filter {
    width: u32,
    height: u32,
    /// The picture, then the blurred picture.
    first: GpuTexture,
    /// The horizontally blurred picture, then the edges.
    second: GpuTexture,
    blur: GpuComputePipeline,
    sobel: GpuComputePipeline,
    along_rows: GpuBindGroup,
    along_columns: GpuBindGroup,
    edges: GpuBindGroup,
}

impl Filter {
    pub async fn new(gpu: &Gpu, width: u32, height: u32) -> Outcome<Filter> {
        let blur = gpu.compute_pipeline("blur", include_str!("filter.wgsl"), "blur").await?;
        let sobel = gpu.compute_pipeline("sobel", include_str!("filter.wgsl"), "sobel").await?;

        let usage = GpuTextureUsage::TEXTURE_BINDING
            | GpuTextureUsage::STORAGE_BINDING
            | GpuTextureUsage::COPY_SRC
            | GpuTextureUsage::COPY_DST;
        let texture = |label| gpu.texture(label, width, height, GpuTextureFormat::Rgba8unorm, usage);
        let (first, second) = (texture("first"), texture("second"));
        let (first_view, second_view) = (first.create_view(None), second.create_view(None));
        let sampler = gpu.device.create_sampler(Some(&GpuSamplerDescriptor {
            mag_filter: Some(GpuFilterMode::Nearest),
            min_filter: Some(GpuFilterMode::Nearest),
            ..Default::default()
        }));
        let rows = gpu.buffer_with("along rows", &blur_uniform([1, 0]), GpuBufferUsage::UNIFORM)?;
        let columns = gpu.buffer_with("along columns", &blur_uniform([0, 1]), GpuBufferUsage::UNIFORM)?;

        let resources = |from, to| {
            vec![
                GpuBindingResource::GpuTextureView(from),
                GpuBindingResource::GpuSampler(&sampler),
                GpuBindingResource::GpuTextureView(to),
            ]
        };
        let blur_group = |from, to, uniform| {
            let mut resources = resources(from, to);
            resources.push(GpuBindingResource::GpuBuffer(uniform));
            gpu.bind_group(&blur.get_bind_group_layout(0), resources)
        };
        let along_rows = blur_group(&first_view, &second_view, &rows);
        let along_columns = blur_group(&second_view, &first_view, &columns);
        let edges = gpu.bind_group(&sobel.get_bind_group_layout(0), resources(&first_view, &second_view));
        Ok(Filter { width, height, first, second, blur, sobel, along_rows, along_columns, edges })
    }

    /// Uploads rows of the picture.
    pub fn upload(&self, gpu: &Gpu, top: u32, rgba: &[u8]) {
        gpu.upload_rows(&self.first, self.width, 4, top, rgba);
    }

    pub fn blur(&self, gpu: &Gpu) -> Outcome {
        self.dispatch(gpu, &self.blur, &self.along_rows)?;
        self.dispatch(gpu, &self.blur, &self.along_columns)
    }

    pub fn find_edges(&self, gpu: &Gpu) -> Outcome {
        self.dispatch(gpu, &self.sobel, &self.edges)
    }

    fn dispatch(&self, gpu: &Gpu, pipeline: &GpuComputePipeline, group: &GpuBindGroup) -> Outcome {
        let encoder = gpu.encoder("filter");
        let pass = compute_pass(&encoder, "filter");
        pass.set_pipeline(pipeline);
        bind(&pass, 0, group)?;
        pass.dispatch_workgroups(self.width.div_ceil(WORKGROUP), Some(self.height.div_ceil(WORKGROUP)), None);
        pass.end();
        gpu.submit(&encoder);
        Ok(())
    }

    /// Downloads rows of the blurred picture.
    pub async fn download_blurred(&self, gpu: &Gpu, top: u32, rows: u32) -> Outcome<Vec<u8>> {
        gpu.download_rows(&self.first, self.width, 4, top, rows).await
    }

    /// Downloads rows of the edges.
    pub async fn download_edges(&self, gpu: &Gpu, top: u32, rows: u32) -> Outcome<Vec<u8>> {
        gpu.download_rows(&self.second, self.width, 4, top, rows).await
    }
}

/// The contents of the shader's `Blur`.
fn blur_uniform(direction: [u32; 2]) -> Vec<u32> {
    let mut numbers = vec![direction[0], direction[1], 0, 0];
    numbers.extend(cpu::weights().map(f32::to_bits));
    numbers.push(0);
    numbers
}
