// A network of two inputs, one hidden layer and one output, and its training by Adam on all examples at once. Each sum is one
// invocation's, in a fixed order, so that the same adapter computes the same bits.

const HIDDEN = 24u;
// Per hidden unit two weights, a bias and the weight of its output; then the output's bias.
const PARAMETERS = 4u * HIDDEN + 1u;
const RATE = 0.05;
const DECAY = vec2f(0.9, 0.999);

// Each is a point, its label, and nothing.
@group(0) @binding(0) var<storage, read> examples: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> parameters: array<f32, PARAMETERS>;
// Answer minus label, per example.
@group(0) @binding(2) var<storage, read_write> errors: array<f32>;
@group(0) @binding(3) var<storage, read_write> gradients: array<f32, PARAMETERS>;
// Decaying means of each gradient and of its square.
@group(0) @binding(4) var<storage, read_write> moments: array<vec2f, PARAMETERS>;
@group(0) @binding(5) var<storage, read_write> steps: u32;
@group(0) @binding(6) var picture: texture_storage_2d<rgba8unorm, write>;

fn hidden(unit: u32, point: vec2f) -> f32 {
    let at = 4u * unit;
    return tanh(dot(vec2f(parameters[at], parameters[at + 1u]), point) + parameters[at + 2u]);
}

// The probability that a point lies in the ring.
fn answer(point: vec2f) -> f32 {
    var sum = parameters[4u * HIDDEN];
    for (var unit = 0u; unit < HIDDEN; unit++) {
        sum += parameters[4u * unit + 3u] * hidden(unit, point);
    }
    return 1.0 / (1.0 + exp(-sum));
}

@compute @workgroup_size(64)
fn forward(@builtin(global_invocation_id) id: vec3u) {
    if id.x < arrayLength(&examples) {
        errors[id.x] = answer(examples[id.x].xy) - examples[id.x].z;
    }
    if id.x == 0u {
        steps += 1u;
    }
}

@compute @workgroup_size(32)
fn backward(@builtin(global_invocation_id) id: vec3u) {
    if id.x >= PARAMETERS {
        return;
    }
    let unit = id.x / 4u;
    let count = arrayLength(&examples);
    var sum = 0.0;
    for (var i = 0u; i < count; i++) {
        let point = examples[i].xy;
        if unit == HIDDEN {
            sum += errors[i];
            continue;
        }
        let activation = hidden(unit, point);
        let through = errors[i] * parameters[4u * unit + 3u] * (1.0 - activation * activation);
        switch id.x % 4u {
            case 0u: { sum += through * point.x; }
            case 1u: { sum += through * point.y; }
            case 2u: { sum += through; }
            default: { sum += errors[i] * activation; }
        }
    }
    gradients[id.x] = sum / f32(count);
}

@compute @workgroup_size(32)
fn update(@builtin(global_invocation_id) id: vec3u) {
    if id.x >= PARAMETERS {
        return;
    }
    let gradient = gradients[id.x];
    let moment = mix(vec2f(gradient, gradient * gradient), moments[id.x], DECAY);
    moments[id.x] = moment;
    let unbiased = moment / (1.0 - pow(DECAY, vec2f(f32(steps))));
    parameters[id.x] -= RATE * unbiased.x / (sqrt(unbiased.y) + 1e-8);
}

// Inference: the answer for the middle of each texel.
@compute @workgroup_size(8, 8)
fn paint(@builtin(global_invocation_id) id: vec3u) {
    let size = textureDimensions(picture);
    if any(id.xy >= size) {
        return;
    }
    let point = (vec2f(id.xy) + 0.5) / (vec2f(size) / 2.0) - 1.0;
    textureStore(picture, id.xy, vec4f(vec3f(answer(point)), 1.0));
}
