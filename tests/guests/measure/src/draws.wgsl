// One pixel per instance, in rows from the top left; its value comes from the bind group. All but one in a hundred lie
// outside the picture: what is measured are the calls, and a software adapter takes far longer for a pixel than for a call.
const SIZE: u32 = 64;

@group(0) @binding(0) var<uniform> value: vec4u;

@vertex
fn vertex(@builtin(vertex_index) corner: u32, @builtin(instance_index) instance: u32) -> @builtin(position) vec4f {
    let pixel = vec2u(instance % SIZE, instance / SIZE % SIZE);
    // A triangle around the pixel's centre that touches no other centre.
    let offsets = array(vec2f(0.1, 0.1), vec2f(0.9, 0.3), vec2f(0.3, 0.9));
    let at = (vec2f(pixel) + offsets[corner]) / f32(SIZE) * 2.0 - 1.0;
    let outside = f32(instance % 100 != 0) * 4.0;
    return vec4f(at.x + outside, -at.y, 0.0, 1.0);
}

@fragment
fn fragment() -> @location(0) vec4u {
    return value;
}
