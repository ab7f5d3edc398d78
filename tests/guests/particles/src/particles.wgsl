const STEP = 1.0 / 64.0;
const PULL = 1.5;
// Half the width of a particle, in halves of the picture; the first one's is greater.
const HALF = 0.004;
const FIRST_HALF = 0.02;

@group(0) @binding(0) var<storage, read_write> particles: array<vec4f>;
@group(0) @binding(1) var<storage, read> shown: array<vec4f>;

// A step in which the new speed moves it, so that orbits stay as they are.
@compute @workgroup_size(64)
fn advance(@builtin(global_invocation_id) id: vec3u) {
    if id.x >= arrayLength(&particles) {
        return;
    }
    let particle = particles[id.x];
    let speed = particle.zw - PULL * particle.xy * STEP;
    particles[id.x] = vec4f(particle.xy + speed * STEP, speed);
}

struct Point {
    @builtin(position) position: vec4f,
    @location(0) color: vec3f,
}

@vertex
fn vertex(@builtin(vertex_index) index: u32, @builtin(instance_index) number: u32) -> Point {
    let particle = shown[number];
    var corners = array<vec2f, 6>(
        vec2f(-1.0, -1.0), vec2f(1.0, -1.0), vec2f(1.0, 1.0), vec2f(-1.0, -1.0), vec2f(1.0, 1.0), vec2f(-1.0, 1.0),
    );
    let half = select(HALF, FIRST_HALF, number == 0u);
    let share = f32(number) / f32(arrayLength(&shown));
    var out: Point;
    out.position = vec4f(particle.xy + corners[index] * half, 0.0, 1.0);
    out.color = select(vec3f(0.9, 0.3 + 0.5 * share, 0.2 + 0.3 * length(particle.zw)), vec3f(1.0), number == 0u);
    return out;
}

@fragment
fn fragment(point: Point) -> @location(0) vec4f {
    return vec4f(point.color, 1.0);
}
