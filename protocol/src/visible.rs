//! Escapes control characters in untrusted text (of a guest, a worker or a file) before it is displayed.

use std::{borrow::Cow, fmt::Write as _};

/// True for control characters of terminals (C0 and C1, except the line feed), bidirectional controls, which reorder the
/// text around them (Unicode Standard Annex #9), and Unicode's own line ends.
pub fn is_obeyed(c: char) -> bool {
    let bidirectional =
        matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    (c.is_control() && c != '\n') || bidirectional || matches!(c, '\u{2028}' | '\u{2029}')
}

/// The text with each such character as its escape (`\u{1b}`). Line feeds stay.
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(is_obeyed) {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        if is_obeyed(c) {
            // Writing to a string cannot fail.
            let _ = write!(clean, "{}", c.escape_default());
        } else {
            clean.push(c);
        }
    }
    Cow::Owned(clean)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_and_bidirectional_overrides_are_shown() {
        assert_eq!(visible("a\nb\x07\u{9b}31m"), "a\nb\\u{7}\\u{9b}31m");
        // Shown as written, this label would read "exe.txt".
        assert_eq!(visible("\u{202e}txt.exe\u{202c}"), "\\u{202e}txt.exe\\u{202c}");
        for c in ['\u{61c}', '\u{200e}', '\u{200f}', '\u{202a}', '\u{2066}', '\u{2069}', '\u{2028}', '\u{2029}', '\r'] {
            assert!(!visible(&c.to_string()).contains(c), "{c:?}");
        }
        // Right-to-left text needs none of them.
        assert!(matches!(visible("עברית, 中文, é"), Cow::Borrowed(_)));
    }
}
