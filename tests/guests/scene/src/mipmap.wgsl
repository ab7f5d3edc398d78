// Halves a texture: the next mip level is drawn from the one above, four texels to one by the linear sampler.

@group(0) @binding(0) var source: texture_2d<f32>;
@group(0) @binding(1) var linear: sampler;

struct Point {
    @builtin(position) position: vec4<f32>,
    @location(0) uv: vec2<f32>,
}

@vertex
fn vertex(@builtin(vertex_index) index: u32) -> Point {
    let at = vec2(f32(index & 1u) * 4.0 - 1.0, f32(index & 2u) * 2.0 - 1.0);
    return Point(vec4(at, 0.0, 1.0), at * vec2(0.5, -0.5) + 0.5);
}

@fragment
fn fragment(point: Point) -> @location(0) vec4<f32> {
    return textureSampleLevel(source, linear, point.uv, 0.0);
}
