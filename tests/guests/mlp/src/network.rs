//! The network on the GPU, one batch of images at a time, and on the CPU for comparison.

use guest_support::gpu::{GpuBindGroup, GpuBindingResource, GpuBuffer, GpuBufferUsage, GpuComputePipeline};
use guest_support::passes::{bind, compute_pass};
use guest_support::{ErrorScopes, Failure, Gpu, Outcome};

use crate::model::Layer;

/// Images per batch.
pub const BATCH: usize = 128;
/// The shader's workgroup size: outputs, images.
const WORKGROUP: (u32, u32) = (16, 8);

/// The layers' parameters on the GPU, with a buffer of activations between layers.
pub struct Network<'a> {
    gpu: &'a Gpu,
    pipeline: GpuComputePipeline,
    /// The batch's images, the hidden layers' activations, the logits.
    activations: Vec<GpuBuffer>,
    layers: Vec<DenseLayer>,
}

struct DenseLayer {
    /// Written for each batch, because the last one may be smaller.
    uniform: GpuBuffer,
    group: GpuBindGroup,
    inputs: usize,
    outputs: usize,
    rectify: bool,
}

impl<'a> Network<'a> {
    pub async fn new(gpu: &'a Gpu, layers: &[Layer]) -> Outcome<Network<'a>> {
        let pipeline = gpu.compute_pipeline("dense", include_str!("mlp.wgsl"), "dense").await?;
        let scopes = ErrorScopes::open(&gpu.device);
        let group_layout = pipeline.get_bind_group_layout(0);
        let buffer = |label: &str, width: usize| {
            let usage = GpuBufferUsage::STORAGE | GpuBufferUsage::COPY_SRC | GpuBufferUsage::COPY_DST;
            gpu.buffer(label, (BATCH * width * 4) as u64, usage)
        };
        let first = layers.first().ok_or_else(|| Failure::new("the network has no layers"))?;
        let mut activations = vec![buffer("images", first.inputs)];
        let mut on_gpu = Vec::new();
        for (i, layer) in layers.iter().enumerate() {
            let result = buffer(&format!("layer {i}"), layer.outputs);
            let uniform = gpu.buffer("layer", 16, GpuBufferUsage::UNIFORM | GpuBufferUsage::COPY_DST);
            let weights = gpu.buffer_with("weights", &layer.weights, GpuBufferUsage::STORAGE)?;
            let bias = gpu.buffer_with("bias", &layer.bias, GpuBufferUsage::STORAGE)?;
            let resources = [&uniform, &activations[i], &weights, &bias, &result].map(GpuBindingResource::GpuBuffer);
            let group = gpu.bind_group(&group_layout, Vec::from(resources));
            let rectify = i + 1 < layers.len();
            on_gpu.push(DenseLayer { uniform, group, inputs: layer.inputs, outputs: layer.outputs, rectify });
            activations.push(result);
        }
        scopes.close("uploading the network").await?;
        Ok(Network { gpu, pipeline, activations, layers: on_gpu })
    }

    /// The logits of all images, batch by batch.
    pub async fn infer(&self, inputs: &[f32]) -> Outcome<Vec<f32>> {
        let scopes = ErrorScopes::open(&self.gpu.device);
        let width = self.layers[0].inputs;
        let mut logits = Vec::new();
        for batch in inputs.chunks(BATCH * width) {
            logits.append(&mut self.infer_batch(batch, batch.len() / width).await?);
        }
        scopes.close("inference").await?;
        Ok(logits)
    }

    async fn infer_batch(&self, inputs: &[f32], images: usize) -> Outcome<Vec<f32>> {
        self.gpu.upload(&self.activations[0], 0, inputs)?;
        let encoder = self.gpu.encoder("inference");
        let pass = compute_pass(&encoder, "inference");
        pass.set_pipeline(&self.pipeline);
        let mut outputs = 0;
        for layer in &self.layers {
            let sizes = [images as u32, layer.inputs as u32, layer.outputs as u32, u32::from(layer.rectify)];
            self.gpu.upload(&layer.uniform, 0, &sizes)?;
            bind(&pass, 0, &layer.group)?;
            let (across, down) = (sizes[2].div_ceil(WORKGROUP.0), sizes[0].div_ceil(WORKGROUP.1));
            pass.dispatch_workgroups(across, Some(down), None);
            outputs = layer.outputs;
        }
        pass.end();
        self.gpu.submit(&encoder);
        let last = &self.activations[self.layers.len()];
        self.gpu.download_range(last, 0, (images * outputs * 4) as u64).await
    }
}

/// The logits of one image, in double precision.
pub fn infer_on_cpu(layers: &[Layer], inputs: &[f32]) -> Vec<f64> {
    let mut activations: Vec<f64> = inputs.iter().map(|&x| f64::from(x)).collect();
    for (i, layer) in layers.iter().enumerate() {
        let mut sums: Vec<f64> = layer.bias.iter().map(|&b| f64::from(b)).collect();
        for (activation, weights) in activations.iter().zip(layer.weights.chunks_exact(layer.outputs)) {
            for (sum, &weight) in sums.iter_mut().zip(weights) {
                *sum += activation * f64::from(weight);
            }
        }
        if i + 1 < layers.len() {
            sums.iter_mut().for_each(|sum| *sum = sum.max(0.0));
        }
        activations = sums;
    }
    activations
}
