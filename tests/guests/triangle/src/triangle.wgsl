// One triangle from three constants; each corner has a colour and the GPU blends between them.

struct Corner {
    @builtin(position) position: vec4<f32>,
    @location(0) color: vec3<f32>,
}

@vertex
fn vertex(@builtin(vertex_index) index: u32) -> Corner {
    var positions = array(vec2(0.0, 0.8), vec2(-0.8, -0.8), vec2(0.8, -0.8));
    var colors = array(vec3(1.0, 0.0, 0.0), vec3(0.0, 1.0, 0.0), vec3(0.0, 0.0, 1.0));
    return Corner(vec4(positions[index], 0.0, 1.0), colors[index]);
}

@fragment
fn fragment(corner: Corner) -> @location(0) vec4<f32> {
    return vec4(corner.color, 1.0);
}
