//! The program's messages: one plain line each on standard error, in the form of its errors.

use std::{fmt, io::IsTerminal as _};

use airlock_traces::cli::terminal::Paint;
use tracing::{Event, Level, Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{
    EnvFilter,
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    registry::LookupSpan,
};

/// Starts logging for the library and the crates below it, filtered by `RUST_LOG`; warnings by default.
pub fn start() {
    let filter = EnvFilter::builder().with_default_directive(LevelFilter::WARN.into()).from_env_lossy();
    let paint = Paint::of(&std::io::stderr());
    let started = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(paint.is_on() && std::io::stderr().is_terminal())
        // A failed write to standard error cannot be reported there, and the attempt would panic.
        .log_internal_errors(false)
        .event_format(Plain(paint))
        .try_init();
    // There is no other subscriber; without one, messages are dropped, which is no reason to stop.
    drop(started);
}

/// `airlock: warning: message field=value`, with the crate's name where the message is for developers.
struct Plain(Paint);

impl<S, N> FormatEvent<S, N> for Plain
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut to: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let metadata = event.metadata();
        let level = match *metadata.level() {
            Level::ERROR => self.0.bad("error:"),
            Level::WARN => self.0.warn("warning:"),
            Level::INFO => self.0.dim("info:"),
            Level::DEBUG => self.0.dim("debug:"),
            Level::TRACE => self.0.dim("trace:"),
        };
        write!(to, "airlock: {level} ")?;
        if *metadata.level() > Level::WARN {
            write!(to, "{} ", self.0.dim(&format!("{}:", metadata.target())))?;
        }
        context.format_fields(to.by_ref(), event)?;
        writeln!(to)
    }
}
