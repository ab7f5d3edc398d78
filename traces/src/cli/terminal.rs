//! Text for the user: colours where they help, and no control characters.

use std::{borrow::Cow, env, io::IsTerminal};

use airlock_protocol::{printing, visible::visible};

/// A choice between colours and plain text.
#[derive(Clone, Copy, Debug)]
pub struct Paint(bool);

impl Paint {
    /// Colours when the stream is a terminal and `NO_COLOR` is not set (<https://no-color.org>).
    pub fn of(stream: &impl IsTerminal) -> Self {
        let unwanted = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = env::var_os("TERM").is_some_and(|value| value == "dumb");
        Self(stream.is_terminal() && !unwanted && !dumb)
    }

    /// No colours.
    pub fn none() -> Self {
        Self(false)
    }

    /// True when there are colours.
    pub fn is_on(self) -> bool {
        self.0
    }

    fn wrap(self, code: &str, text: &str) -> String {
        if self.0 && !text.is_empty() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// For headings.
    pub fn bold(self, text: &str) -> String {
        self.wrap("1", text)
    }

    /// For secondary text.
    pub fn dim(self, text: &str) -> String {
        self.wrap("2", text)
    }

    /// For good results.
    pub fn good(self, text: &str) -> String {
        self.wrap("1;32", text)
    }

    /// For warnings.
    pub fn warn(self, text: &str) -> String {
        self.wrap("1;33", text)
    }

    /// For errors.
    pub fn bad(self, text: &str) -> String {
        self.wrap("1;31", text)
    }
}

/// Writes `airlock: error: <message>` to standard error, in one line.
pub fn error(message: &str) {
    let paint = Paint::of(&std::io::stderr());
    note(&format!("{} {}", paint.bad("error:"), one_line(message)));
}

/// Writes `airlock: <text>` to standard error.
pub fn note(text: &str) {
    printing::note(&format!("airlock: {text}"));
}

/// A number with its noun: `1 session`, `2 batches`.
pub fn counted(number: impl TryInto<u64>, noun: &str) -> String {
    let number = number.try_into().unwrap_or(u64::MAX);
    let plural = match number {
        1 => "",
        _ if noun.ends_with('h') => "es",
        _ => "s",
    };
    format!("{number} {noun}{plural}")
}

/// A text in one line, without characters that a terminal would interpret.
pub fn one_line(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    harmless(&lines.join(" ")).into_owned()
}

/// A text without characters that a terminal would interpret, line ends excepted. Names of functions and labels come
/// from the guest.
pub fn harmless(text: &str) -> Cow<'_, str> {
    visible(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nouns_follow_their_number() {
        let texts =
            [counted(0_u64, "event"), counted(1_u32, "session"), counted(1_usize, "batch"), counted(2_u64, "batch")];
        assert_eq!(texts, ["0 events", "1 session", "1 batch", "2 batches"]);
    }

    #[test]
    fn lines_are_joined_and_escapes_shown() {
        assert_eq!(one_line("a\n  b\n\n\x1b[31mc\t"), "a b \\u{1b}[31mc");
        assert_eq!(harmless("a\nb\x07"), "a\nb\\u{7}");
        // A label that is read from right to left does not reorder the line around it.
        assert_eq!(one_line("a \u{202e}b"), "a \\u{202e}b");
    }
}
