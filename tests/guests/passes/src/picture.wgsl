// A rectangle between two corners, which are vertices, in the color of its instance.
@vertex
fn vertex(@location(0) at: vec2f) -> @builtin(position) vec4f {
    return vec4f(at, 0.5, 1.0);
}

@fragment
fn fragment() -> @location(0) vec4f {
    return vec4f(1.0, 0.0, 0.0, 1.0);
}
