//! A service that makes thumbnails on the GPU: a PNG in, a smaller PNG out.
//!
//! `POST /?width=W&height=H&filter=F&check=1` scales the picture down to fit into W x H (128 x 128 by default) with its
//! aspect ratio; each pixel is the average of those that it covers. `filter=edges` then finds edges (Sobel). With `check=1`
//! the CPU repeats both, and a difference is an answer with status 500. `GET /` returns a summary of this.
//!
//! The device and the pipelines are kept for the instance's next request. If they are lost, the request is repeated once
//! with new ones.

mod cpu;
mod scale;

use std::cell::RefCell;

use guest_service::bindings::wasi::http::types::Method;
use guest_service::{Answer, Request};
use guest_support::pictures::Picture;
use guest_support::{Failure, Outcome};
use scale::{Filter, Scaler};

guest_service::service!(answer);

const USAGE: &str = "POST a PNG to /?width=128&height=128&filter=none|edges for a thumbnail of it";
const DEFAULT_SIDE: u32 = 128;
/// The maximum width and height of a thumbnail.
const MAX_SIDE: u32 = 2048;
/// The maximum size of a decoded picture in bytes: 4096 x 4096 pixels.
const MAX_DECODED: usize = 64 << 20;

thread_local! {
    static SCALER: RefCell<Option<Scaler>> = const { RefCell::new(None) };
}

async fn answer(request: Request) -> Answer {
    match (&request.method, request.path.as_str()) {
        (Method::Post, "/") => thumbnail(request).await.unwrap_or_else(|answer| answer),
        (Method::Get, "/") => Answer::text(200, USAGE),
        (_, "/") => Answer::text(405, USAGE),
        _ => Answer::text(404, USAGE),
    }
}

async fn thumbnail(request: Request) -> Result<Answer, Answer> {
    let width = request.number("width", DEFAULT_SIDE)?;
    let height = request.number("height", DEFAULT_SIDE)?;
    if !(1..=MAX_SIDE).contains(&width) || !(1..=MAX_SIDE).contains(&height) {
        return Err(Answer::text(400, format!("width and height are from 1 to {MAX_SIDE}")));
    }
    let filter = match request.parameter("filter") {
        None | Some("none") => Filter::None,
        Some("edges") => Filter::Edges,
        Some(other) => return Err(Answer::text(400, format!("filter={other} is neither none nor edges"))),
    };
    let check = request.parameter("check") == Some("1");
    let picture = Picture::decode(request.body, MAX_DECODED).map_err(|failure| Answer::text(415, failure.message))?;
    let (width, height) = fit(&picture, width, height);
    let scaled = match scale(&picture, width, height, filter).await {
        Ok(scaled) => scaled,
        // Usually a lost GPU: the second attempt makes new objects.
        Err(_) => scale(&picture, width, height, filter).await.map_err(|failure| Answer::text(502, failure.message))?,
    };
    if check {
        cpu::compare(&picture, &scaled, filter).map_err(|failure| Answer::text(500, failure.message))?;
    }
    let body = scaled.encode().map_err(|error| Answer::text(500, format!("cannot encode the picture: {error}")))?;
    Ok(Answer { status: 200, content_type: "image/png", body })
}

/// The largest size with the picture's aspect ratio within these, and within its own.
fn fit(picture: &Picture, width: u32, height: u32) -> (u32, u32) {
    let (from_width, from_height) = (u64::from(picture.width), u64::from(picture.height));
    let (width, height) = (u64::from(width.min(picture.width)), u64::from(height.min(picture.height)));
    let (width, height) = if width * from_height <= height * from_width {
        (width, (width * from_height / from_width).max(1))
    } else {
        ((height * from_width / from_height).max(1), height)
    };
    // Both fit into u32, like the picture's.
    (width as u32, height as u32)
}

/// Scales with the instance's device, which is created for the first request and after a failure.
async fn scale(picture: &Picture, width: u32, height: u32, filter: Filter) -> Outcome<Picture> {
    let scaler = match SCALER.take() {
        Some(scaler) => scaler,
        None => Scaler::new().await?,
    };
    let limit = scaler.limit();
    if picture.width > limit || picture.height > limit {
        return Err(Failure::new(format!("this adapter's textures end at {limit}")));
    }
    let scaled = scaler.scale(picture, width, height, filter).await?;
    SCALER.replace(Some(scaler));
    Ok(scaled)
}
