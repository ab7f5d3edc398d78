//! A chart of a CSV file: lines and points, axes with round numbers, a grid, a legend from the header row.
//!
//! The CPU lays the chart out as simple shapes, letters included; the GPU draws their triangles with four samples per pixel
//! for smooth edges. Then the data points are checked in the picture.

mod chart;
mod check;
mod csv;
mod draw;
mod font;
mod shapes;

use guest_support::{Failure, Gpu, Outcome, env, files, outln};

guest_support::main!(run);

const USAGE: &str = "plot DATA.csv OUT.png [WIDTH HEIGHT]    (1200 x 750 by default)

The first column is x, every other column a series; the header names them. A series is a line, or points when its
name ends in \":points\". Cells may be empty.";
const SIZES: std::ops::RangeInclusive<u32> = 300..=4096;

async fn run() -> Outcome {
    let args = env::args();
    let ([input, output] | [input, output, _, _]) = args.as_slice() else {
        return Err(Failure::usage("there are two arguments or four", USAGE));
    };
    let width: u32 = env::number_or(&args, 2, "WIDTH", 1200, USAGE)?;
    let height: u32 = env::number_or(&args, 3, "HEIGHT", 750, USAGE)?;
    if !SIZES.contains(&width) || !SIZES.contains(&height) {
        let reason = format!("WIDTH and HEIGHT are from {} to {}", SIZES.start(), SIZES.end());
        return Err(Failure::usage(reason, USAGE));
    }

    let table = csv::parse(input, &files::read(input).await?)?;
    let gpu = Gpu::request("plot").await?;
    outln!("adapter: {}", gpu.adapter_name());
    for series in &table.series {
        let kind = if series.kind == csv::Kind::Line { "line" } else { "points" };
        outln!("  {} ({kind}): {} values", series.name, series.points.len());
    }

    let chart = chart::layout(&table, width, height);
    let (picture, triangles) = draw::draw(&gpu, &chart, width, height).await?;
    let checked = check::check(&picture, &chart);
    picture.write(output).await?;
    outln!("{width} x {height}, {triangles} triangles, wrote {output}");

    let (found, unclear) = checked?;
    outln!("ok: {found} data points have their series' colour, {unclear} more lie under the edge of another series");
    Ok(())
}
