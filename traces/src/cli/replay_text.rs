//! The report of `airlock replay` for the user.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use super::terminal::{Paint, harmless, one_line};
use crate::{
    file::reader::TraceFile,
    replay::{Divergence, Likeness, Outcome, Report},
};

/// Maximum lines about parts that were not compared and about differences; all of them are in the JSON.
const MAX_LINES: usize = 10;

/// Maximum characters of such a line.
const MAX_LINE: usize = 240;

/// Maximum characters of one side of a divergence.
const MAX_SIDE: usize = 4000;

/// The reports of one or more replays of a file.
pub(super) fn text(name: &str, file: &TraceFile, reports: &[Report], unchecked: bool, paint: Paint) -> String {
    let mut text = String::new();
    let Some(report) = reports.last() else { return text };
    // Writing to a string cannot fail.
    let _ = match &report.outcome {
        Outcome::Same if unchecked => {
            writeln!(text, "{} {} (nothing compared)", paint.good("replayed"), harmless(name))
        }
        Outcome::Same => match report.likeness() {
            Likeness::Exact => writeln!(text, "{} {} replays as recorded", paint.good("same"), harmless(name)),
            Likeness::Rounded => {
                writeln!(text, "{} {} replays as recorded", paint.good("the same but for rounding"), harmless(name))
            }
            Likeness::Incomparable => {
                let word = paint.warn("not comparable on this processor");
                writeln!(text, "{word} {}: what can be compared is as recorded", harmless(name))
            }
        },
        Outcome::Diverged(divergence) => {
            let _ = writeln!(text, "{} {} replays differently", paint.bad("diverged"), harmless(name));
            diverged(&mut text, divergence, paint);
            Ok(())
        }
        Outcome::Crashed { after, command, what, reason } => {
            let _ = writeln!(text, "{} {}: {}", paint.bad("crashed"), harmless(name), one_line(&reason.to_string()));
            let done = after.map_or_else(|| "none".to_owned(), |after| format!("up to {after}"));
            let _ = writeln!(text, "  commands known to be done: {done}");
            match command {
                Some(command) => writeln!(text, "  first that may not be: {command} {}", one_line(what)),
                None => writeln!(text, "  nothing that was sent is left to do"),
            }
        }
        Outcome::Unsupported { command, why } => {
            let _ = writeln!(text, "{} {}", paint.warn("not comparable on this adapter"), harmless(name));
            writeln!(text, "  command {command} RequestDevice: {}", one_line(why))
        }
        Outcome::Hung { command, what } => {
            let _ = writeln!(text, "{} {}", paint.bad("hung"), harmless(name));
            let command = command.map(|command| format!("command {command}: ")).unwrap_or_default();
            writeln!(text, "  {command}waited in vain for {}", one_line(what))
        }
    };
    summary(&mut text, file, report, paint);
    times(&mut text, reports);
    notes(&mut text, report, paint);
    text
}

fn diverged(text: &mut String, divergence: &Divergence, paint: Paint) {
    let command = match divergence.command {
        Some(command) => format!("command {command} {}", divergence.name),
        None => "which command is to blame is not known".to_owned(),
    };
    let _ = writeln!(text, "  {}", paint.bold(&one_line(&command)));
    for object in &divergence.objects {
        let _ = writeln!(text, "    {}", one_line(object));
    }
    let _ = writeln!(text, "  differs: {}", one_line(&divergence.what.to_string()));
    side(text, &paint.bold("expected"), &divergence.expected);
    side(text, &paint.bold("found   "), &divergence.found);
}

/// Appends one side, with its further lines below each other.
fn side(text: &mut String, name: &str, value: &str) {
    let value = shortened(&harmless(value), MAX_SIDE).replace('\n', "\n            ");
    let _ = writeln!(text, "  {name}  {value}");
}

fn shortened(text: &str, limit: usize) -> String {
    let mut short: String = text.chars().take(limit).collect();
    if short.len() < text.len() {
        short.push_str(" ...");
    }
    short
}

fn summary(text: &mut String, file: &TraceFile, report: &Report, paint: Paint) {
    match (&report.recorded_adapter, &report.adapter) {
        (Some(recorded), Some(adapter)) if recorded != adapter => {
            let _ = writeln!(text, "  adapter   {}", one_line(&adapter.describe()));
            let _ = writeln!(text, "  {}", paint.warn(&format!("recorded  {}", one_line(&recorded.describe()))));
        }
        (_, Some(adapter)) => {
            let _ = writeln!(text, "  adapter   {}", one_line(&adapter.describe()));
        }
        _ => {}
    }
    let totals = &file.index().totals;
    let of = |done: u64, all: u64| if done == all { done.to_string() } else { format!("{done} of {all}") };
    let _ = writeln!(
        text,
        "  {} commands sent, {} events and {} readbacks compared, in {}",
        of(report.commands, totals.commands),
        of(report.events, totals.events),
        of(report.readbacks, totals.readbacks),
        seconds(report.time)
    );
}

fn times(text: &mut String, reports: &[Report]) {
    let mut times: Vec<_> = reports.iter().map(|report| report.time).collect();
    times.sort_unstable();
    if let ([first, _, ..], Some(median), Some(last)) =
        (times.as_slice(), times.get(times.len().saturating_sub(1) / 2), times.last())
    {
        let [first, median, last] = [first, median, last].map(|&time| seconds(time));
        let _ = writeln!(text, "  {} times: {first} to {last}, median {median}", times.len());
    }
}

fn notes(text: &mut String, report: &Report, paint: Paint) {
    let rounded = report.rounded.iter();
    let rounded: Vec<_> =
        rounded.map(|note| (Some(note.command), format!("{}, {}", note.buffer, note.measure))).collect();
    let rounded =
        rounded.iter().map(|(command, what)| ("another processor or adapter answers", *command, what.as_str()));
    group(text, "the same but for rounding", rounded, paint);
    let incomparable =
        report.incomparable.iter().map(|note| (note.why.as_str(), Some(note.command), note.what.as_str()));
    group(text, "not comparable on this processor", incomparable, paint);
    let not_compared =
        report.not_compared.iter().map(|note| (note.why.as_str(), Some(note.command), note.what.as_str()));
    group(text, "not compared", not_compared, paint);
    let differing = report.differing.iter().map(|note| (note.why.as_str(), note.command, note.what.as_str()));
    group(text, "differs, as it may", differing, paint);
}

/// Appends notes, grouped by their reason.
fn group<'n>(
    text: &mut String,
    title: &str,
    notes: impl Iterator<Item = (&'n str, Option<u64>, &'n str)>,
    paint: Paint,
) {
    let mut by_reason: BTreeMap<&str, Vec<(Option<u64>, &str)>> = BTreeMap::new();
    let mut count = 0_usize;
    for (why, command, what) in notes {
        by_reason.entry(why).or_default().push((command, what));
        count += 1;
    }
    let mut left = MAX_LINES;
    for (why, notes) in by_reason {
        if left == 0 {
            break;
        }
        let _ = writeln!(text, "  {}: {}", paint.bold(title), one_line(why));
        for (command, what) in notes.into_iter().take(left) {
            let at = command.map(|command| format!("command {command}: ")).unwrap_or_default();
            let _ = writeln!(text, "    {at}{}", shortened(&one_line(what), MAX_LINE));
            left = left.saturating_sub(1);
            count = count.saturating_sub(1);
        }
    }
    if count > 0 {
        let _ = writeln!(text, "    and {count} more; --json has all");
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.3} s", time.as_secs_f64())
}
