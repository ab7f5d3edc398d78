//! Tables of measurements in a document: a row for each figure, a column for each processor.
//!
//! A table stands between the lines `<!-- NAME -->` and `<!-- end of NAME -->`. A processor has one column, headed by the
//! processor and the date of the measurement; new figures of a processor replace those in its column, and nothing else.

use std::fmt::Write as _;

/// An empty cell.
const EMPTY: &str = "-";

/// The figures of one processor.
#[derive(Clone, Debug)]
pub struct Column {
    /// The processor, which identifies the column.
    pub processor: String,
    /// The date of the measurement.
    pub date: String,
    /// The name of each figure, and its cell.
    pub cells: Vec<(String, String)>,
}

/// A document without the table.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the file has no line `{0}`")]
pub struct NoTable(String);

/// The document with the column in its table `name`. Figures that the column lacks keep their cells; new ones become rows at the
/// end.
pub fn update(document: &str, name: &str, column: &Column) -> Result<String, NoTable> {
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->\n"));
    let split = |text: &'_ str, line: &str| -> Result<(String, String), NoTable> {
        let (before, after) = text.split_once(line).ok_or_else(|| NoTable(line.trim_end().to_owned()))?;
        Ok((before.to_owned(), after.to_owned()))
    };
    let (before, rest) = split(document, &begin)?;
    let (table, after) = split(&rest, &end)?;
    let mut table = Table::parse(&table);
    table.set(column);
    Ok(format!("{before}{begin}\n{}\n{end}{after}", table.markdown()))
}

#[derive(Debug, Default)]
struct Table {
    heads: Vec<String>,
    rows: Vec<(String, Vec<String>)>,
}

impl Table {
    /// Reads a Markdown table; text that is none makes an empty one.
    fn parse(text: &str) -> Self {
        let mut lines = text.lines().filter(|line| line.starts_with('|'));
        let Some((_, heads)) = lines.next().and_then(row) else { return Self::default() };
        // The second line separates heads and rows.
        Self { heads, rows: lines.skip(1).filter_map(row).collect() }
    }

    fn set(&mut self, column: &Column) {
        let head = format!("{}, {}", column.processor, column.date);
        let is_same =
            |head: &String| head.rsplit_once(", ").is_some_and(|(processor, _)| processor == column.processor);
        let index = self.heads.iter().position(is_same).unwrap_or_else(|| {
            self.heads.push(String::new());
            self.heads.len() - 1
        });
        if let Some(place) = self.heads.get_mut(index) {
            *place = head;
        }
        for (figure, cell) in &column.cells {
            let row = self.rows.iter().position(|(name, _)| name == figure).unwrap_or_else(|| {
                self.rows.push((figure.clone(), Vec::new()));
                self.rows.len() - 1
            });
            let Some((_, cells)) = self.rows.get_mut(row) else { continue };
            cells.resize(self.heads.len().max(cells.len()), EMPTY.to_owned());
            if let Some(place) = cells.get_mut(index) {
                cell.clone_into(place);
            }
        }
    }

    fn markdown(&self) -> String {
        let mut text = format!("| | {} |\n|---|{}\n", self.heads.join(" | "), "---|".repeat(self.heads.len()));
        for (figure, cells) in &self.rows {
            let mut cells = cells.clone();
            cells.resize(self.heads.len(), EMPTY.to_owned());
            let _ = writeln!(text, "| {figure} | {} |", cells.join(" | "));
        }
        text
    }
}

/// The first cell of a line, and the others.
fn row(line: &str) -> Option<(String, Vec<String>)> {
    let line = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    let mut cells = line.split('|').map(|cell| cell.trim().to_owned());
    Some((cells.next()?, cells.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = "# Speed\n\n<!-- speed -->\n<!-- end of speed -->\n\nThe end.\n";

    fn column(processor: &str, date: &str, cells: &[(&str, &str)]) -> Column {
        let cells = cells.iter().map(|(figure, cell)| ((*figure).to_owned(), (*cell).to_owned())).collect();
        Column { processor: processor.to_owned(), date: date.to_owned(), cells }
    }

    fn updated(document: &str, column: &Column) -> String {
        update(document, "speed", column).unwrap_or_else(|error| error.to_string())
    }

    #[test]
    fn the_first_column_makes_the_table() {
        let text =
            updated(DOCUMENT, &column("AMD, 2 cores", "2026-11-30", &[("`draws` whole", "1.15"), ("memory", "0.5")]));
        let table = "| | AMD, 2 cores, 2026-11-30 |\n|---|---|\n| `draws` whole | 1.15 |\n| memory | 0.5 |\n";
        assert_eq!(text, format!("# Speed\n\n<!-- speed -->\n\n{table}\n<!-- end of speed -->\n\nThe end.\n"));
    }

    #[test]
    fn a_run_replaces_its_own_column_and_no_other() {
        let first = updated(DOCUMENT, &column("AMD", "2026-11-30", &[("draws", "1.15"), ("memory", "0.5")]));
        let both = updated(&first, &column("Intel", "2026-12-01", &[("draws", "1.2"), ("views", "0.7")]));
        let table = "| | AMD, 2026-11-30 | Intel, 2026-12-01 |\n|---|---|---|\n\
                     | draws | 1.15 | 1.2 |\n| memory | 0.5 | - |\n| views | - | 0.7 |\n";
        assert!(both.contains(table), "{both}");
        let again = updated(&both, &column("AMD", "2026-12-24", &[("draws", "1.0")]));
        let table = "| | AMD, 2026-12-24 | Intel, 2026-12-01 |\n|---|---|---|\n\
                     | draws | 1.0 | 1.2 |\n| memory | 0.5 | - |\n| views | - | 0.7 |\n";
        assert!(again.contains(table), "{again}");
    }

    #[test]
    fn a_document_without_the_table_is_refused() {
        let error = update("# Speed\n", "speed", &column("AMD", "2026-11-30", &[]));
        assert_eq!(error, Err(NoTable("<!-- speed -->".to_owned())));
        let open = update("<!-- speed -->\n", "speed", &column("AMD", "2026-11-30", &[]));
        assert_eq!(open, Err(NoTable("<!-- end of speed -->".to_owned())));
    }
}
