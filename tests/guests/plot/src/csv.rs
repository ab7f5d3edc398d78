//! The table: a header row with a name per column, then rows of numbers. The first column is x. A cell may be empty.

use guest_support::{Failure, Outcome};

/// The suffix of a column's name that selects points.
const POINTS: &str = ":points";

pub struct Table {
    pub x_name: String,
    pub series: Vec<Series>,
}

pub struct Series {
    pub name: String,
    pub kind: Kind,
    /// x and y of each filled cell, in the order of the rows.
    pub points: Vec<[f64; 2]>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Line,
    Points,
}

pub fn parse(path: &str, bytes: &[u8]) -> Outcome<Table> {
    let wrong = |line: usize, what: String| Failure::new(format!("{path}:{line}: {what}"));
    let text = std::str::from_utf8(bytes).map_err(|error| Failure::new(format!("{path} is not UTF-8: {error}")))?;
    let mut lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
    let (number, header) = lines.next().ok_or_else(|| Failure::new(format!("{path} is empty")))?;
    let mut names = cells(header);
    let x_name = names.next().unwrap_or_default().to_string();
    let mut series: Vec<Series> = names
        .map(|name| match name.strip_suffix(POINTS) {
            Some(name) => Series { name: name.trim().to_string(), kind: Kind::Points, points: Vec::new() },
            None => Series { name: name.to_string(), kind: Kind::Line, points: Vec::new() },
        })
        .collect();
    if series.is_empty() {
        return Err(wrong(number, "the header needs a column for x and at least one more".to_string()));
    }
    for (number, line) in lines {
        let found = cells(line).count();
        if found != series.len() + 1 {
            return Err(wrong(number, format!("{found} cells, the header has {}", series.len() + 1)));
        }
        let mut values = cells(line).map(|cell| match cell {
            "" => Ok(None),
            text => match text.parse::<f64>() {
                Ok(value) if value.is_finite() => Ok(Some(value)),
                _ => Err(wrong(number, format!("{text:?} is not a number"))),
            },
        });
        let Some(x) = values.next().transpose()?.flatten() else { continue };
        for (series, value) in series.iter_mut().zip(values) {
            series.points.extend(value?.map(|y| [x, y]));
        }
    }
    if series.iter().all(|series| series.points.is_empty()) {
        return Err(Failure::new(format!("{path} has no numbers to draw")));
    }
    Ok(Table { x_name, series })
}

fn cells(line: &str) -> impl Iterator<Item = &str> {
    line.split(',').map(|cell| cell.trim().trim_matches('"').trim())
}
