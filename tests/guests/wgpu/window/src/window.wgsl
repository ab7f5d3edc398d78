struct Values {
    color: vec4<f32>,
    tip: vec2<f32>,
}

@group(0) @binding(0) var<uniform> values: Values;

@vertex
fn vertex(@builtin(vertex_index) index: u32) -> @builtin(position) vec4<f32> {
    var corners = array(values.tip, vec2(-0.8, -0.8), vec2(0.8, -0.8));
    return vec4(corners[index], 0.0, 1.0);
}

@fragment
fn fragment() -> @location(0) vec4<f32> {
    return values.color;
}
