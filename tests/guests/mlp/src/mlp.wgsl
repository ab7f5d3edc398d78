// One dense layer for a batch of images: every output is a weighted sum of all inputs, plus a bias, and negative
// sums become zero in the hidden layers.

struct Layer {
    images: u32,
    inputs: u32,
    outputs: u32,
    /// 1 in hidden layers.
    rectify: u32,
}

@group(0) @binding(0) var<uniform> layer: Layer;
/// images x inputs
@group(0) @binding(1) var<storage, read> activations: array<f32>;
/// inputs x outputs
@group(0) @binding(2) var<storage, read> weights: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
/// images x outputs
@group(0) @binding(4) var<storage, read_write> result: array<f32>;

@compute @workgroup_size(16, 8)
fn dense(@builtin(global_invocation_id) id: vec3<u32>) {
    let output = id.x;
    let image = id.y;
    if (output >= layer.outputs || image >= layer.images) {
        return;
    }
    var sum = bias[output];
    for (var i = 0u; i < layer.inputs; i++) {
        sum += activations[image * layer.inputs + i] * weights[i * layer.outputs + output];
    }
    result[image * layer.outputs + output] = select(sum, max(sum, 0.0), layer.rectify == 1u);
}
