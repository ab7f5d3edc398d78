//! `airlock trace diff`: the differences of two traces.

use std::{
    io::{self, BufWriter, Write},
    path::PathBuf,
};

use clap::Args;
use serde_json::json;

use super::{
    DIFFERENT, SAME, ToolError, busy, open, printed,
    terminal::{Paint, harmless, one_line},
};
use crate::edit::tools::{
    Error,
    diff::{self, Change, Row, Summary},
};

const EXAMPLES: &str = "\
Examples:
  airlock trace diff before.airtrace after.airtrace
  airlock trace diff --context 0 before.airtrace after.airtrace
  airlock trace diff --json before.airtrace after.airtrace | jq .summary

A call more in one of the traces is one line: ids and numbers of requests that shift with it do not count. Data and
readbacks count by their contents, errors by their text. Not compared are times, and where batches end.

The exit code is 0 when the traces are the same, 1 when they differ, 2 when they could not be compared.
";

/// Maximum rows in JSON; the summary counts all.
const MAX_ROWS: usize = 10_000;

/// Compare two traces
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// The first trace
    a: PathBuf,
    /// The second trace
    b: PathBuf,
    /// Lines around each difference
    #[arg(long, short = 'U', value_name = "LINES", default_value_t = 3)]
    context: usize,
    /// Treat a different component, program, platform or adapter as a difference; by default it is only reported
    #[arg(long)]
    header: bool,
    /// Print the comparison as JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(arguments: Arguments) -> Result<u8, ToolError> {
    let (a, b) = (open(&arguments.a)?, open(&arguments.b)?);
    let headers = diff::headers(&a, &b);
    let paint = Paint::of(&io::stdout());
    let mut page = Page { out: BufWriter::new(io::stdout().lock()), paint, json: arguments.json, rows: Vec::new() };
    let bar = busy::spinner("comparing");
    let names = [&arguments.a, &arguments.b].map(|path| harmless(&path.display().to_string()).into_owned());
    let result = page
        .begin(&names, &headers)
        .map_err(Error::Write)
        .and_then(|()| diff::diff(&a, &b, arguments.context, arguments.header, &mut |row| page.row(row)))
        .and_then(|summary| page.end(&summary, &headers).map_err(Error::Write).map(|()| summary));
    bar.finish_and_clear();
    let closed = matches!(&result, Err(Error::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe);
    if closed {
        // The reader has closed the pipe after a difference.
        drop(page.out.into_parts());
        return Ok(DIFFERENT);
    }
    match result {
        Ok(summary) if summary.is_same() && (headers.is_empty() || !arguments.header) => Ok(SAME),
        Ok(_) => Ok(DIFFERENT),
        Err(error) => printed(Err(error), &arguments.a).map(|()| DIFFERENT),
    }
}

struct Page<W: Write> {
    out: BufWriter<W>,
    paint: Paint,
    json: bool,
    rows: Vec<Row>,
}

impl<W: Write> Page<W> {
    fn begin(&mut self, [a, b]: &[String; 2], headers: &[Change]) -> io::Result<()> {
        if self.json {
            return Ok(());
        }
        for change in headers {
            let (field, old, new) = parts(change);
            writeln!(self.out, "{}", self.paint.dim(&format!("# {field}: {old} -> {new}")))?;
        }
        writeln!(self.out, "{}", self.paint.bold(&format!("--- {a}\n+++ {b}")))
    }

    fn row(&mut self, row: Row) -> io::Result<()> {
        if self.json {
            if self.rows.len() < MAX_ROWS {
                self.rows.push(row);
            }
            return Ok(());
        }
        let number = |number: Option<u64>| number.map_or_else(String::new, |number| number.to_string());
        let line = |mark: &str, a: Option<u64>, b: Option<u64>, text: &str| {
            format!("{mark} {:>7} {:>7}  {}", number(a), number(b), harmless(text))
        };
        match row {
            Row::Place { a, b } => {
                writeln!(self.out, "{}", self.paint.dim(&format!("@@ -{a} +{b} @@")))
            }
            Row::Same { a, b, text } => writeln!(self.out, "{}", line(" ", a, b, &text)),
            Row::Removed { a, text } => writeln!(self.out, "{}", self.paint.bad(&line("-", a, None, &text))),
            Row::Added { b, text } => writeln!(self.out, "{}", self.paint.good(&line("+", None, b, &text))),
            Row::Changed { a, b, text, fields } => {
                writeln!(self.out, "{}", self.paint.warn(&line("!", a, b, &text)))?;
                for change in &fields {
                    let (field, old, new) = parts(change);
                    let (old, new) = (self.paint.bad(&old), self.paint.good(&new));
                    writeln!(self.out, "{:20}{field}: {old} -> {new}", "")?;
                }
                Ok(())
            }
        }
    }

    fn end(&mut self, summary: &Summary, headers: &[Change]) -> io::Result<()> {
        if self.json {
            let identical = summary.is_same();
            let value = json!({ "identical": identical, "summary": summary, "headers": headers, "rows": self.rows });
            serde_json::to_writer_pretty(&mut self.out, &value)?;
            writeln!(self.out)?;
        } else if summary.is_same() {
            writeln!(self.out, "{}", self.paint.good(&format!("the same: {} items", summary.same)))?;
        } else {
            let Summary { same, removed, added, changed } = summary;
            let text = format!("{changed} changed, {removed} removed, {added} added, {same} the same");
            writeln!(self.out, "{}", self.paint.bold(&text))?;
        }
        self.out.flush()
    }
}

fn parts(change: &Change) -> (String, String, String) {
    let value = |value: &Option<String>| value.as_deref().map_or_else(|| "nothing".to_owned(), one_line);
    (one_line(&change.field), value(&change.old), value(&change.new))
}
