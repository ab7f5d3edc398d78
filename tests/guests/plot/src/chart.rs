//! The layout: turns a table into coloured shapes.

use crate::csv::{Kind, Table};
use crate::font;
use crate::shapes::{Color, Point, Shape};

pub const BACKGROUND: Color = [252, 252, 250, 255];
const PLOT_AREA: Color = [255, 255, 255, 255];
const GRID: Color = [226, 228, 232, 255];
const ZERO: Color = [170, 174, 182, 255];
const INK: Color = [52, 58, 70, 255];
const SERIES: [Color; 8] = [
    [38, 98, 196, 255],
    [224, 122, 30, 255],
    [196, 42, 72, 255],
    [36, 142, 92, 255],
    [126, 74, 182, 255],
    [20, 150, 170, 255],
    [150, 96, 62, 255],
    [208, 92, 168, 255],
];

/// Half the width of a line, and the radius of a point. Pixels whose centre is within the first of a data point are covered
/// by the line: half a pixel's diagonal to reach the point, another to cover the pixel.
const LINE_RADIUS: f32 = 1.6;
const POINT_RADIUS: f32 = 4.5;
const TEXT: f32 = 13.0;
/// The approximate distance between grid lines.
const TICK_DISTANCE: [f32; 2] = [110.0, 70.0];

/// A layer: shapes of one colour, drawn over the layers before it.
pub struct Layer {
    pub color: Color,
    pub shapes: Vec<Shape>,
}

pub struct Chart {
    pub layers: Vec<Layer>,
    /// The series' data: the index of a layer, and the positions of its points in the picture.
    pub data: Vec<(usize, Vec<Point>)>,
}

/// An axis: maps numbers from `low` to `high` to pixels from `start` to `end`.
struct Axis {
    low: f64,
    high: f64,
    step: f64,
    start: f32,
    end: f32,
}

impl Axis {
    /// An axis that covers all values and ends on round numbers.
    fn new(values: impl Iterator<Item = f64>, start: f32, end: f32, distance: f32) -> Axis {
        let (mut low, mut high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        if high - low <= low.abs().max(high.abs()) * 1e-12 {
            // All values are equal: adds room on both sides.
            let room = if low == 0.0 { 1.0 } else { low.abs() * 0.5 };
            (low, high) = (low - room, high + room);
        }
        let ticks = f64::from(((end - start).abs() / distance).floor().max(2.0));
        let rough = (high - low) / ticks;
        let power = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|f| f * power).into_iter().find(|s| *s >= rough * 0.999);
        let step = step.unwrap_or(10.0 * power);
        Axis { low: (low / step).floor() * step, high: (high / step).ceil() * step, step, start, end }
    }

    fn pixel(&self, value: f64) -> f32 {
        let share = (value - self.low) / (self.high - self.low);
        self.start + (self.end - self.start) * share as f32
    }

    fn ticks(&self) -> impl Iterator<Item = f64> {
        let count = ((self.high - self.low) / self.step).round() as i64;
        let first = (self.low / self.step).round() as i64;
        (0..=count).map(move |i| (first + i) as f64 * self.step)
    }

    /// A tick's label, with the decimals that the step needs.
    fn label(&self, value: f64) -> String {
        let largest = self.low.abs().max(self.high.abs());
        if largest >= 1e6 || self.step < 1e-5 {
            return if value == 0.0 { "0".to_string() } else { format!("{value:.2e}") };
        }
        let decimals = (-self.step.log10().floor()).max(0.0) as usize;
        format!("{value:.decimals$}")
    }
}

pub fn layout(table: &Table, width: u32, height: u32) -> Chart {
    let (width, height) = (width as f32, height as f32);
    let values = |i: usize| table.series.iter().flat_map(|s| &s.points).map(move |point| point[i]);
    let y = Axis::new(values(1), height - 62.0, 52.0, TICK_DISTANCE[1]);
    let widest = y.ticks().map(|tick| font::width(&y.label(tick), TEXT)).fold(0.0, f32::max);
    let x = Axis::new(values(0), (widest + 34.0).round(), width - 36.0, TICK_DISTANCE[0]);

    let mut layers = frame(table, &x, &y);
    layers.push(Layer { color: INK, shapes: legend_names(table, x.start) });
    let mut data = Vec::new();
    // Lines first, so that points lie over them.
    for kind in [Kind::Line, Kind::Points] {
        for (i, series) in table.series.iter().enumerate().filter(|(_, series)| series.kind == kind) {
            let points: Vec<Point> = series.points.iter().map(|&[px, py]| [x.pixel(px), y.pixel(py)]).collect();
            let mut shapes: Vec<Shape> = match kind {
                Kind::Line if points.len() > 1 => {
                    let segment = |pair: &[Point]| Shape::Capsule { from: pair[0], to: pair[1], radius: LINE_RADIUS };
                    points.windows(2).map(segment).collect()
                }
                _ => points.iter().map(|&center| Shape::Disc { center, radius: POINT_RADIUS }).collect(),
            };
            shapes.push(legend_mark(table, i, x.start));
            data.push((layers.len(), points));
            layers.push(Layer { color: SERIES[i % SERIES.len()], shapes });
        }
    }
    Chart { layers, data }
}

/// The plot area with its grid, axes and labels.
fn frame(table: &Table, x: &Axis, y: &Axis) -> Vec<Layer> {
    let size = [x.end - x.start, y.start - y.end];
    let mut grid = Vec::new();
    let mut zero = Vec::new();
    let mut ink = Vec::new();
    for tick in x.ticks() {
        // Grid lines lie on whole pixels, so that they are sharp.
        let at = x.pixel(tick).round();
        grid.push(Shape::Rectangle { corner: [at, y.end], size: [1.0, size[1]] });
        ink.push(Shape::Rectangle { corner: [at, y.start], size: [1.0, 6.0] });
        let label = x.label(tick);
        font::write(&label, [at - font::width(&label, TEXT) / 2.0, y.start + 13.0 + TEXT], TEXT, &mut ink);
    }
    for tick in y.ticks() {
        let at = y.pixel(tick).round();
        let line = Shape::Rectangle { corner: [x.start, at], size: [size[0], 1.0] };
        if tick == 0.0 {
            zero.push(line)
        } else {
            grid.push(line)
        }
        ink.push(Shape::Rectangle { corner: [x.start - 6.0, at], size: [6.0, 1.0] });
        let label = y.label(tick);
        font::write(&label, [x.start - 12.0 - font::width(&label, TEXT), at + TEXT / 2.0], TEXT, &mut ink);
    }
    ink.push(Shape::Rectangle { corner: [x.start, y.start], size: [size[0] + 1.0, 1.0] });
    ink.push(Shape::Rectangle { corner: [x.start, y.end], size: [1.0, size[1]] });
    let middle = (x.start + x.end - font::width(&table.x_name, TEXT)) / 2.0;
    font::write(&table.x_name, [middle, y.start + 36.0 + TEXT], TEXT, &mut ink);
    vec![
        Layer { color: PLOT_AREA, shapes: vec![Shape::Rectangle { corner: [x.start, y.end], size }] },
        Layer { color: GRID, shapes: grid },
        Layer { color: ZERO, shapes: zero },
        Layer { color: INK, shapes: ink },
    ]
}

const LEGEND_LINE: f32 = 32.0;
const LEGEND_MARK: f32 = 26.0;

/// The start of a series' entry in the legend.
fn legend_start(table: &Table, index: usize, left: f32) -> f32 {
    let entry = |name: &str| LEGEND_MARK + 9.0 + font::width(name, TEXT) + 30.0;
    left + table.series[..index].iter().map(|series| entry(&series.name)).sum::<f32>()
}

fn legend_mark(table: &Table, index: usize, left: f32) -> Shape {
    let start = legend_start(table, index, left);
    let y = LEGEND_LINE - TEXT / 2.0;
    match table.series[index].kind {
        Kind::Line => Shape::Capsule { from: [start, y], to: [start + LEGEND_MARK, y], radius: LINE_RADIUS },
        Kind::Points => Shape::Disc { center: [start + LEGEND_MARK / 2.0, y], radius: POINT_RADIUS },
    }
}

fn legend_names(table: &Table, left: f32) -> Vec<Shape> {
    let mut shapes = Vec::new();
    for (i, series) in table.series.iter().enumerate() {
        let start = legend_start(table, i, left) + LEGEND_MARK + 9.0;
        font::write(&series.name, [start, LEGEND_LINE], TEXT, &mut shapes);
    }
    shapes
}
