struct Uniforms {
    // Rows: from the cube's directions to the eye's.
    x: vec4f,
    y: vec4f,
    z: vec4f,
    tint: vec4f,
    light: vec4f,
    // Scales of x and y, the distance, the ambient light.
    view: vec4f,
    corner: vec4f,
}

@group(0) @binding(0) var<uniform> uniforms: Uniforms;
@group(0) @binding(1) var squares: texture_2d<f32>;
@group(0) @binding(2) var nearest: sampler;

struct Point {
    @builtin(position) position: vec4f,
    @location(0) at: vec2f,
    @location(1) @interpolate(flat) shade: f32,
}

fn turned(v: vec3f) -> vec3f {
    return vec3f(dot(uniforms.x.xyz, v), dot(uniforms.y.xyz, v), dot(uniforms.z.xyz, v));
}

// Six faces of two triangles. The face of an axis has the next axis as its first coordinate, and the one after as its second.
@vertex
fn vertex(@builtin(vertex_index) index: u32) -> Point {
    let face = index / 6u;
    let axis = face / 2u;
    let side = select(-1.0, 1.0, face % 2u == 1u);
    var corners = array<vec2f, 6>(
        vec2f(-1.0, -1.0), vec2f(1.0, -1.0), vec2f(1.0, 1.0), vec2f(-1.0, -1.0), vec2f(1.0, 1.0), vec2f(-1.0, 1.0),
    );
    // The far side is seen from behind: its triangles run the other way round.
    let corner = corners[select(5u - index % 6u, index % 6u, side > 0.0)];
    var point = vec3f();
    var normal = vec3f();
    point[axis] = side;
    point[(axis + 1u) % 3u] = corner.x;
    point[(axis + 2u) % 3u] = corner.y;
    normal[axis] = side;
    let seen = turned(point) - vec3f(0.0, 0.0, uniforms.view.z);
    // Depth is of no use to a convex body whose back is left out.
    var out: Point;
    out.position = vec4f(seen.x * uniforms.view.x, seen.y * uniforms.view.y, -seen.z * 0.5, -seen.z);
    out.at = corner * 0.5 + 0.5;
    out.shade = uniforms.view.w + (1.0 - uniforms.view.w) * max(dot(turned(normal), uniforms.light.xyz), 0.0);
    return out;
}

@fragment
fn fragment(point: Point) -> @location(0) vec4f {
    return vec4f(textureSample(squares, nearest, point.at).rgb * uniforms.tint.rgb * point.shade, 1.0);
}

@vertex
fn corner_vertex(@builtin(vertex_index) index: u32) -> @builtin(position) vec4f {
    return vec4f(f32(index & 1u) * 4.0 - 1.0, f32(index >> 1u) * 4.0 - 1.0, 0.0, 1.0);
}

@fragment
fn corner_fragment() -> @location(0) vec4f {
    return vec4f(uniforms.corner.rgb, 1.0);
}
