//! The same simulation in double precision, and the energy.

use crate::simulation::{Bodies, SOFTENING, TIME_STEP};

type Vector = [f64; 3];

fn softening_squared() -> f64 {
    f64::from(SOFTENING * SOFTENING)
}

fn widen(v: &[f32; 4]) -> Vector {
    [v[0], v[1], v[2]].map(f64::from)
}

/// Kinetic plus potential energy.
pub fn energy(bodies: &Bodies) -> f64 {
    let mut total = 0.0;
    for (i, (place, velocity)) in bodies.places.iter().zip(&bodies.velocities).enumerate() {
        let mass = f64::from(place[3]);
        let at = widen(place);
        total += 0.5 * mass * widen(velocity).iter().map(|v| v * v).sum::<f64>();
        let potential: f64 = bodies.places[i + 1..]
            .iter()
            .map(|other| {
                let to = widen(other);
                let squared: f64 = (0..3).map(|k| (to[k] - at[k]).powi(2)).sum();
                f64::from(other[3]) / (squared + softening_squared()).sqrt()
            })
            .sum();
        total -= mass * potential;
    }
    total
}

/// The positions after `steps` leapfrog steps.
pub fn leapfrog(bodies: &Bodies, steps: u32) -> Vec<Vector> {
    let masses: Vec<f64> = bodies.places.iter().map(|p| f64::from(p[3])).collect();
    let mut places: Vec<Vector> = bodies.places.iter().map(widen).collect();
    let mut velocities: Vec<Vector> = bodies.velocities.iter().map(widen).collect();
    let mut pulls = accelerations(&places, &masses);
    let step = f64::from(TIME_STEP);
    for _ in 0..steps {
        for i in 0..places.len() {
            for k in 0..3 {
                velocities[i][k] += 0.5 * step * pulls[i][k];
                places[i][k] += step * velocities[i][k];
            }
        }
        pulls = accelerations(&places, &masses);
        for (velocity, pull) in velocities.iter_mut().zip(&pulls) {
            for k in 0..3 {
                velocity[k] += 0.5 * step * pull[k];
            }
        }
    }
    places
}

fn accelerations(places: &[Vector], masses: &[f64]) -> Vec<Vector> {
    let pull = |at: &Vector| {
        let mut sum = [0.0; 3];
        for (to, mass) in places.iter().zip(masses) {
            let away = [to[0] - at[0], to[1] - at[1], to[2] - at[2]];
            let squared = away.iter().map(|d| d * d).sum::<f64>() + softening_squared();
            let weight = mass / (squared * squared.sqrt());
            for k in 0..3 {
                sum[k] += away[k] * weight;
            }
        }
        sum
    };
    places.iter().map(pull).collect()
}
