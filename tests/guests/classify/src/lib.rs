//! The digits network of `mlp` as a service: classifies pictures of digits.
//!
//! `POST /` takes one or more pictures of 8 x 8 pixels, a byte from 0 to 16 (all ink) for each pixel, row after row, and
//! answers with JSON: a digit and the network's certainty for each. `GET /self-test` classifies the digits of `mlp` and
//! answers with the number of right ones; fewer than after training is a failure.

#[path = "../../mlp/src/model.rs"]
mod model;
#[path = "../../mlp/src/network.rs"]
mod network;

use guest_service::bindings::wasi::http::types::Method;
use guest_service::{Answer, Request};
use guest_support::{Gpu, Outcome};
use model::{INK, PIXELS};
use network::{Network, infer_on_cpu};

guest_service::service!(answer);

const CLASSES: usize = 10;
/// The maximum number of pictures per request.
const MAX_PICTURES: usize = 4096;
/// Logits are near 10; single precision keeps far more than this.
const LOGIT_TOLERANCE: f64 = 1e-3;

async fn answer(request: Request) -> Answer {
    match (&request.method, request.path.as_str()) {
        (Method::Post, "/") => classify(&request.body).await,
        (Method::Get, "/self-test") => self_test().await.unwrap_or_else(|failure| Answer::text(502, failure.message)),
        (_, "/") => Answer::text(405, "POST pictures of 8 x 8 bytes from 0 to 16"),
        _ => Answer::text(404, "there are / and /self-test"),
    }
}

async fn classify(pixels: &[u8]) -> Answer {
    if pixels.is_empty() || pixels.len() % PIXELS != 0 || pixels.len() > MAX_PICTURES * PIXELS {
        let length = pixels.len();
        return Answer::text(400, format!("{length} bytes are not 1 to {MAX_PICTURES} pictures of {PIXELS} bytes"));
    }
    if let Some(pixel) = pixels.iter().find(|&&pixel| pixel > INK) {
        return Answer::text(400, format!("a pixel is {pixel}; all ink is {INK}"));
    }
    let inputs: Vec<f32> = pixels.iter().map(|&pixel| f32::from(pixel) / f32::from(INK)).collect();
    match infer(&inputs).await {
        Ok(logits) => {
            let digits: Vec<String> = logits.chunks_exact(CLASSES).map(json).collect();
            let body = format!("{{\"digits\":[{}]}}\n", digits.join(",")).into_bytes();
            Answer { status: 200, content_type: "application/json", body }
        }
        // Usually a lost GPU; another request may get another one.
        Err(failure) => Answer::text(502, failure.message),
    }
}

async fn infer(inputs: &[f32]) -> Outcome<Vec<f32>> {
    let gpu = Gpu::request("classify").await?;
    Network::new(&gpu, &model::layers()?).await?.infer(inputs).await
}

/// Classifies the images of `mlp`; compares some logits with the CPU's and all digits with the labels.
async fn self_test() -> Outcome<Answer> {
    let (layers, images) = (model::layers()?, model::images()?);
    let inputs = images.inputs();
    let logits = infer(&inputs).await?;
    for (found, input) in logits.chunks_exact(CLASSES).zip(inputs.chunks_exact(PIXELS)).take(16) {
        for (f, e) in found.iter().zip(infer_on_cpu(&layers, input)) {
            if (f64::from(*f) - e).abs() > LOGIT_TOLERANCE {
                return Ok(Answer::text(500, format!("a logit is {f}, the CPU has {e:.5}")));
            }
        }
    }
    let predictions = logits.chunks_exact(CLASSES).map(best);
    let right = predictions.zip(&images.labels).filter(|(found, label)| *found == usize::from(**label)).count();
    let status = if right < images.trained_right { 500 } else { 200 };
    let shown = images.pixels_of(0).len();
    Ok(Answer::text(status, format!("{right} of {} pictures of {shown} pixels are right", images.count())))
}

/// `{"digit":3,"certainty":0.998}`
fn json(logits: &[f32]) -> String {
    let digit = best(logits);
    let certainty = 1.0 / logits.iter().map(|logit| (logit - logits[digit]).exp()).sum::<f32>();
    format!("{{\"digit\":{digit},\"certainty\":{certainty:.3}}}")
}

/// The index of the maximum.
fn best(logits: &[f32]) -> usize {
    (1..logits.len()).fold(0, |best, i| if logits[i] > logits[best] { i } else { best })
}
