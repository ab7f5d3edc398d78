// The scene: one vertex shader for all shapes, and fragment shaders for the picture, the sky and the probe, which
// writes each pixel's object for the CPU to check. The shadow map needs depth alone.

struct Frame {
    view_projection: mat4x4<f32>,
    sun_view_projection: mat4x4<f32>,
    eye: vec4<f32>,
    sun: vec4<f32>,
    /// The camera's axes; right and up are as long as half the picture at distance 1.
    right: vec4<f32>,
    up: vec4<f32>,
    forward: vec4<f32>,
}

struct Object {
    model: mat4x4<f32>,
    /// w: shine.
    color: vec4<f32>,
    /// Object number plus one; 0 is the sky.
    id: u32,
    /// Texture repeats per unit, for shapes whose texture coordinates run once.
    tiles: f32,
}

@group(0) @binding(0) var<uniform> frame: Frame;
@group(1) @binding(0) var<uniform> object: Object;
@group(2) @binding(0) var tiles: texture_2d<f32>;
@group(2) @binding(1) var tiles_sampler: sampler;
@group(2) @binding(2) var shadow_map: texture_depth_2d;
@group(2) @binding(3) var shadow_sampler: sampler_comparison;

struct Surface {
    @builtin(position) position: vec4<f32>,
    @location(0) world: vec3<f32>,
    @location(1) normal: vec3<f32>,
    @location(2) uv: vec2<f32>,
}

@vertex
fn vertex(
    @location(0) position: vec3<f32>,
    @location(1) normal: vec3<f32>,
    @location(2) uv: vec2<f32>,
) -> Surface {
    let world = object.model * vec4(position, 1.0);
    let turned = (object.model * vec4(normal, 0.0)).xyz;
    return Surface(frame.view_projection * world, world.xyz, turned, uv * object.tiles);
}

@vertex
fn shadow_vertex(@location(0) position: vec3<f32>) -> @builtin(position) vec4<f32> {
    return frame.sun_view_projection * object.model * vec4(position, 1.0);
}

@fragment
fn probe(surface: Surface) -> @location(0) u32 {
    return object.id;
}

/// The sky's colour in a direction: a warm horizon, a blue height, a glow around the sun.
fn sky(direction: vec3<f32>) -> vec3<f32> {
    let d = normalize(direction);
    let height = max(d.y, 0.0);
    let horizon = vec3(0.88, 0.58, 0.42);
    let middle = vec3(0.30, 0.42, 0.70);
    let zenith = vec3(0.04, 0.10, 0.32);
    var color = mix(horizon, middle, smoothstep(0.0, 0.07, height));
    color = mix(color, zenith, smoothstep(0.03, 0.2, height));
    let toward_sun = max(dot(d, frame.sun.xyz), 0.0);
    return color + vec3(1.0, 0.62, 0.3) * (0.22 * pow(toward_sun, 6.0) + 0.5 * pow(toward_sun, 90.0));
}

/// How much of the sun reaches a point: a soft average of nine looks into the shadow map.
fn sunlight(world: vec3<f32>, normal: vec3<f32>) -> f32 {
    let lifted = world + normal * 0.06;
    let clip = frame.sun_view_projection * vec4(lifted, 1.0);
    let uv = clip.xy * vec2(0.5, -0.5) + 0.5;
    let texel = 1.0 / vec2<f32>(textureDimensions(shadow_map));
    var sum = 0.0;
    for (var y = -1; y <= 1; y++) {
        for (var x = -1; x <= 1; x++) {
            let at = uv + vec2<f32>(vec2(x, y)) * texel * 1.2;
            sum += textureSampleCompareLevel(shadow_map, shadow_sampler, at, clip.z - 0.0008);
        }
    }
    let outside = any(uv < vec2(0.0)) || any(uv > vec2(1.0)) || clip.z > 1.0;
    return select(sum / 9.0, 1.0, outside);
}

@fragment
fn fragment(surface: Surface) -> @location(0) vec4<f32> {
    let texel = textureSample(tiles, tiles_sampler, surface.uv).rgb;
    let base = object.color.rgb * texel;
    let normal = normalize(surface.normal);
    let to_eye = frame.eye.xyz - surface.world;
    let distance = length(to_eye);
    let view = to_eye / distance;
    let sun = frame.sun.xyz;

    let lit = sunlight(surface.world, normal) * max(dot(normal, sun), 0.0);
    let sky_light = mix(vec3(0.30, 0.22, 0.20), vec3(0.42, 0.50, 0.72), normal.y * 0.5 + 0.5);
    let halfway = normalize(sun + view);
    let highlight = pow(max(dot(normal, halfway), 0.0), 48.0) * object.color.w;
    let rim = pow(1.0 - max(dot(normal, view), 0.0), 4.0) * object.color.w;

    var color = base * (sky_light * 0.5 + vec3(1.0, 0.84, 0.64) * 1.75 * lit);
    color += vec3(1.0, 0.86, 0.66) * highlight * min(lit * 4.0, 1.0) * 1.2;
    color += sky(reflect(-view, normal)) * rim * 0.35;

    let fog = 1.0 - exp(-pow(distance / 130.0, 2.2));
    let horizon = sky(normalize(vec3(-view.x, 0.015, -view.z)));
    return vec4(mix(color, horizon, fog), 1.0);
}

struct SkyPoint {
    @builtin(position) position: vec4<f32>,
    @location(0) direction: vec3<f32>,
}

/// One triangle over the whole picture, at the far end of the depth range.
@vertex
fn sky_vertex(@builtin(vertex_index) index: u32) -> SkyPoint {
    let at = vec2(f32(index & 1u) * 4.0 - 1.0, f32(index & 2u) * 2.0 - 1.0);
    let direction = frame.forward.xyz + at.x * frame.right.xyz + at.y * frame.up.xyz;
    return SkyPoint(vec4(at, 1.0, 1.0), direction);
}

@fragment
fn sky_fragment(point: SkyPoint) -> @location(0) vec4<f32> {
    return vec4(sky(point.direction), 1.0);
}
