//! Edge detection: decodes a PNG, blurs it (a Gaussian, first along rows, then along columns), finds edges (Sobel) and
//! writes a PNG.
//!
//! Takes any PNG up to the adapter's largest texture with little memory: the picture once, two textures, and bands of rows
//! in transfer. The CPU repeats both filters, on every pixel of a small picture and on bands spread over a large one.

mod cpu;
mod filter;

use filter::Filter;
use guest_support::pictures::{BandEncoder, Picture};
use guest_support::{ErrorScopes, Failure, Gpu, Outcome, env, files, outln};

guest_support::main!(run);

const USAGE: &str = "image-filter IN.png OUT.png";
/// Rows per transfer in either direction.
const BAND: u32 = 128;
/// The maximum number of pixels of a picture that is checked whole.
const CHECKED_WHOLE: u64 = 1 << 20;
/// The number of checked bands of a larger picture, and the rows of each.
const CHECKED_BANDS: u32 = 24;
const CHECKED_BAND_ROWS: u32 = 8;

async fn run() -> Outcome {
    let args = env::args();
    let [input, output] = args.as_slice() else {
        return Err(Failure::usage("there are two arguments", USAGE));
    };
    let picture = Picture::read(input).await?;
    let (width, height) = (picture.width, picture.height);

    let gpu = Gpu::request("image-filter").await?;
    outln!("adapter: {}", gpu.adapter_name());
    let limit = gpu.device.limits().max_texture_dimension2_d();
    if width > limit || height > limit {
        return Err(Failure::new(format!("{input} is {width} x {height}, this adapter's textures end at {limit}")));
    }

    let clock = env::Stopwatch::start();
    let scopes = ErrorScopes::open(&gpu.device);
    let filter = Filter::new(&gpu, width, height).await?;
    for (top, rows) in bands(height, BAND) {
        filter.upload(&gpu, top, &picture.rgba[byte_range(width, top, rows)]);
    }
    filter.blur(&gpu)?;
    filter.find_edges(&gpu)?;

    let (mut worst_blur, mut worst_edges, mut checked_rows) = (0, 0, 0);
    for (top, rows) in checked_bands(width, height) {
        let above = top.saturating_sub(1);
        let below = (top + rows + 1).min(height);
        let blurred = filter.download_blurred(&gpu, above, below - above).await?;
        worst_blur = worst_blur.max(cpu::compare_blur(&picture, above, &blurred)?);
        let edges = filter.download_edges(&gpu, top, rows).await?;
        worst_edges = worst_edges.max(cpu::compare_edges(width, height, above, &blurred, top, &edges)?);
        checked_rows += rows;
    }
    drop(picture);

    let mut encoder = BandEncoder::new(width, height)?;
    for (top, rows) in bands(height, BAND) {
        encoder.push(filter.download_edges(&gpu, top, rows).await?)?;
    }
    scopes.close("filtering").await?;
    files::write(output, encoder.finish()?).await?;

    outln!("{width} x {height}: blurred, edges found and checked in {:.0} ms, wrote {output}", clock.ms());
    outln!(
        "ok: {checked_rows} of {height} rows agree with the CPU (largest difference: blur {worst_blur}, edges \
         {worst_edges} of 255)"
    );
    Ok(())
}

/// A picture's bands: (first row, number of rows).
fn bands(height: u32, band: u32) -> impl Iterator<Item = (u32, u32)> {
    (0..height.div_ceil(band)).map(move |i| (i * band, band.min(height - i * band)))
}

/// The bands that the CPU repeats.
fn checked_bands(width: u32, height: u32) -> Vec<(u32, u32)> {
    if u64::from(width) * u64::from(height) <= CHECKED_WHOLE || height < CHECKED_BANDS * CHECKED_BAND_ROWS {
        return bands(height, BAND).collect();
    }
    let last = height - CHECKED_BAND_ROWS;
    (0..CHECKED_BANDS).map(|i| (last * i / (CHECKED_BANDS - 1), CHECKED_BAND_ROWS)).collect()
}

fn byte_range(width: u32, top: u32, rows: u32) -> std::ops::Range<usize> {
    let row = width as usize * 4;
    top as usize * row..(top + rows) as usize * row
}
