// Gravity between all bodies, and the two halves of a leapfrog step (kick-drift, then kick).

struct Params {
    count: u32,
    time_step: f32,
    softening_squared: f32,
    _padding: u32,
}

const TILE: u32 = 64u;

@group(0) @binding(0) var<uniform> params: Params;
/// xyz: position, w: mass.
@group(0) @binding(1) var<storage, read_write> places: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> velocities: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> accelerations: array<vec4<f32>>;

var<workgroup> tile: array<vec4<f32>, TILE>;

/// The pull of all bodies at a point. Every invocation of the workgroup must call it: they load the tiles together.
fn pull(at: vec3<f32>, local: u32) -> vec3<f32> {
    var sum = vec3(0.0);
    for (var start = 0u; start < params.count; start += TILE) {
        let source = start + local;
        // Bodies past the end weigh nothing.
        tile[local] = select(vec4(0.0), places[min(source, params.count - 1u)], source < params.count);
        workgroupBarrier();
        for (var i = 0u; i < TILE; i++) {
            let away = tile[i].xyz - at;
            let distance_squared = dot(away, away) + params.softening_squared;
            let inverse = inverseSqrt(distance_squared);
            sum += away * (tile[i].w * inverse * inverse * inverse);
        }
        workgroupBarrier();
    }
    return sum;
}

/// Half a step of acceleration, a whole step of movement.
@compute @workgroup_size(TILE)
fn kick_drift(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x >= params.count) {
        return;
    }
    let velocity = velocities[id.x].xyz + accelerations[id.x].xyz * (0.5 * params.time_step);
    velocities[id.x] = vec4(velocity, 0.0);
    places[id.x] = vec4(places[id.x].xyz + velocity * params.time_step, places[id.x].w);
}

/// The acceleration at the new places.
@compute @workgroup_size(TILE)
fn accelerate(@builtin(global_invocation_id) id: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let body = min(id.x, params.count - 1u);
    let acceleration = pull(places[body].xyz, local);
    if (id.x < params.count) {
        accelerations[id.x] = vec4(acceleration, 0.0);
    }
}

/// The other half of the acceleration.
@compute @workgroup_size(TILE)
fn kick(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x < params.count) {
        velocities[id.x] += accelerations[id.x] * (0.5 * params.time_step);
    }
}
