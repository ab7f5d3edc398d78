//! Inference: a small neural network (64-64-32-10, trained by `train.py`) classifies handwritten digits outside its training
//! set, in batches, one dispatch per layer.
//!
//! Three criteria: every logit must agree with the CPU's in double precision, every prediction must be the same, and the
//! number of right predictions must be that after training.

mod model;
mod network;

use guest_support::{Failure, Gpu, Outcome, env, fail, outln};
use model::{Images, PIXELS};
use network::{Network, infer_on_cpu};

guest_support::main!(run);

const USAGE: &str = "mlp [SHOWN]    (prints SHOWN digits, 6 by default)";
const CLASSES: usize = 10;
/// Digits per row of ASCII pictures.
const SHOWN_PER_ROW: usize = 6;
/// Logits are near 10; single precision keeps far more than this.
const LOGIT_TOLERANCE: f64 = 1e-3;

async fn run() -> Outcome {
    let args = env::args();
    let shown: usize = env::number_or(&args, 0, "SHOWN", 6, USAGE)?;
    if args.len() > 1 {
        return Err(Failure::usage("there is at most one argument", USAGE));
    }
    let (layers, images) = (model::layers()?, model::images()?);

    let gpu = Gpu::request("mlp").await?;
    outln!("adapter: {}", gpu.adapter_name());
    let sizes: Vec<String> = layers.iter().map(|layer| layer.outputs.to_string()).collect();
    outln!("network: {PIXELS}-{}, {} images it was not trained on", sizes.join("-"), images.count());

    let network = Network::new(&gpu, &layers).await?;
    let inputs = images.inputs();
    let clock = env::Stopwatch::start();
    let logits = network.infer(&inputs).await?;
    outln!("inference in batches of {}: {:.1} ms", network::BATCH, clock.ms());

    let predictions: Vec<usize> = logits.chunks_exact(CLASSES).map(best).collect();
    if predictions.len() != images.count() {
        fail!("{} images went in, {} predictions came out", images.count(), predictions.len());
    }
    show(&images, &logits, &predictions, shown);

    let mut worst = 0.0;
    for (image, (found, input)) in logits.chunks_exact(CLASSES).zip(inputs.chunks_exact(PIXELS)).enumerate() {
        let expected = infer_on_cpu(&layers, input);
        for (digit, (&f, &e)) in found.iter().zip(&expected).enumerate() {
            let difference = (f64::from(f) - e).abs();
            if difference.is_nan() || difference > LOGIT_TOLERANCE {
                fail!("image {image}: the logit of {digit} is {f}, the CPU has {e:.5}");
            }
            worst = f64::max(worst, difference);
        }
        let on_cpu = best(&expected);
        if predictions[image] != on_cpu {
            fail!("image {image} is a {} to the GPU and a {on_cpu} to the CPU", predictions[image]);
        }
    }
    outln!("all logits agree with the CPU (largest difference {worst:.1e})");

    let right = predictions.iter().zip(&images.labels).filter(|(p, l)| **p == usize::from(**l)).count();
    outln!("accuracy: {right} of {} right, {:.1} %", images.count(), 100.0 * right as f64 / images.count() as f64);
    if right < images.trained_right {
        fail!("{right} predictions are right, there were {} after training", images.trained_right);
    }
    outln!("ok: as accurate as trained");
    Ok(())
}

/// The index of the maximum.
fn best<T: PartialOrd>(logits: &[T]) -> usize {
    (1..logits.len()).fold(0, |best, i| if logits[i] > logits[best] { i } else { best })
}

/// The network's certainty: the share of the best class after softmax.
fn certainty(logits: &[f32]) -> f32 {
    let top = logits[best(logits)];
    1.0 / logits.iter().map(|logit| (logit - top).exp()).sum::<f32>()
}

/// Prints the first images as text, each above its prediction.
fn show(images: &Images, logits: &[f32], predictions: &[usize], count: usize) {
    const SHADES: &[u8] = b" .:-=+*#@";
    let chosen: Vec<usize> = (0..images.count().min(count)).collect();
    for row in chosen.chunks(SHOWN_PER_ROW) {
        for line in 0..8 {
            let mut text = String::new();
            for &image in row {
                for &pixel in &images.pixels_of(image)[line * 8..(line + 1) * 8] {
                    let shade = SHADES[usize::from(pixel) * (SHADES.len() - 1) / usize::from(model::INK)] as char;
                    // Twice, because characters are taller than wide.
                    text.extend([shade, shade]);
                }
                text += "   ";
            }
            outln!("  {}", text.trim_end());
        }
        let mut text = String::new();
        for &image in row {
            let sure = 100.0 * certainty(&logits[image * CLASSES..(image + 1) * CLASSES]);
            let label = images.labels[image];
            let right = predictions[image] == usize::from(label);
            let verdict = if right { String::new() } else { format!(", but is {label}") };
            let caption = format!("{} ({sure:.0} %){verdict}", predictions[image]);
            text += &format!("{caption:^19}");
        }
        outln!("  {}", text.trim_end());
    }
}
