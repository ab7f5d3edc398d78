// Two steps of a thumbnail. Both read texels of one texture and write those of another.

@group(0) @binding(0) var source: texture_2d<f32>;
@group(0) @binding(1) var result: texture_storage_2d<rgba8unorm, write>;

// Each texel is the average of those that it stands for: rows and columns from at * from / to up to (at + 1) * from / to.
@compute @workgroup_size(8, 8)
fn shrink(@builtin(global_invocation_id) id: vec3<u32>) {
    let to = textureDimensions(result);
    let from_size = textureDimensions(source);
    if (any(id.xy >= to)) {
        return;
    }
    let first = id.xy * from_size / to;
    let end = max((id.xy + 1u) * from_size / to, first + 1u);
    var sum = vec4(0.0);
    for (var y = first.y; y < end.y; y++) {
        for (var x = first.x; x < end.x; x++) {
            sum += textureLoad(source, vec2(x, y), 0);
        }
    }
    let count = (end - first).x * (end - first).y;
    textureStore(result, id.xy, sum / f32(count));
}

fn texel(at: vec2<i32>) -> vec3<f32> {
    let last = vec2<i32>(textureDimensions(source)) - 1;
    return textureLoad(source, clamp(at, vec2(0), last), 0).rgb;
}

@compute @workgroup_size(8, 8)
fn edges(@builtin(global_invocation_id) id: vec3<u32>) {
    if (any(id.xy >= textureDimensions(result))) {
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
    textureStore(result, at, vec4(min(sqrt(across * across + down * down), vec3(1.0)), 1.0));
}
