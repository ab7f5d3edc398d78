// Coloured triangles in pixel coordinates, y down.

@group(0) @binding(0) var<uniform> picture_size: vec2<f32>;

struct Corner {
    @builtin(position) position: vec4<f32>,
    @location(0) color: vec4<f32>,
}

@vertex
fn vertex(@location(0) pixel: vec2<f32>, @location(1) color: vec4<f32>) -> Corner {
    let at = pixel / picture_size * vec2(2.0, -2.0) + vec2(-1.0, 1.0);
    return Corner(vec4(at, 0.0, 1.0), color);
}

@fragment
fn fragment(corner: Corner) -> @location(0) vec4<f32> {
    return corner.color;
}
