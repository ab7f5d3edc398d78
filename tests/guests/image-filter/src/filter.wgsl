// Two filters: one direction of a Gaussian blur, and the Sobel edge detector. Both read a sampled texture at texel
// centres and write a storage texture; the sampler repeats the outermost texels beyond the edges.

const RADIUS: i32 = 6;

struct Blur {
    /// (1, 0) or (0, 1).
    direction: vec2<i32>,
    _padding: vec2<i32>,
    /// The weights of the texels 0 to 6 steps away, four to a vector.
    weights: array<vec4<f32>, 2>,
}

@group(0) @binding(0) var source: texture_2d<f32>;
@group(0) @binding(1) var edge_clamp: sampler;
@group(0) @binding(2) var result: texture_storage_2d<rgba8unorm, write>;
@group(0) @binding(3) var<uniform> filter_blur: Blur;

fn texel(at: vec2<i32>) -> vec3<f32> {
    let size = vec2<f32>(textureDimensions(source));
    return textureSampleLevel(source, edge_clamp, (vec2<f32>(at) + 0.5) / size, 0.0).rgb;
}

@compute @workgroup_size(16, 16)
fn blur(@builtin(global_invocation_id) id: vec3<u32>) {
    if (any(id.xy >= textureDimensions(source))) {
        return;
    }
    let at = vec2<i32>(id.xy);
    var sum = vec3(0.0);
    for (var i = -RADIUS; i <= RADIUS; i++) {
        let away = abs(i);
        sum += filter_blur.weights[away / 4][away % 4] * texel(at + i * filter_blur.direction);
    }
    textureStore(result, at, vec4(sum, 1.0));
}

@compute @workgroup_size(16, 16)
fn sobel(@builtin(global_invocation_id) id: vec3<u32>) {
    if (any(id.xy >= textureDimensions(source))) {
        return;
    }
    let at = vec2<i32>(id.xy);
    let nw = texel(at + vec2(-1, -1));
    let n = texel(at + vec2(0, -1));
    let ne = texel(at + vec2(1, -1));
    let w = texel(at + vec2(-1, 0));
    let e = texel(at + vec2(1, 0));
    let sw = texel(at + vec2(-1, 1));
    let s = texel(at + vec2(0, 1));
    let se = texel(at + vec2(1, 1));
    let across = (ne + 2.0 * e + se) - (nw + 2.0 * w + sw);
    let down = (sw + 2.0 * s + se) - (nw + 2.0 * n + ne);
    // Per channel: an edge shows in the colours that change.
    let strength = sqrt(across * across + down * down);
    textureStore(result, at, vec4(min(strength, vec3(1.0)), 1.0));
}
