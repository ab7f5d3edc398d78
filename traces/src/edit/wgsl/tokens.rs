//! WGSL's tokens (WGSL, "Textual Structure"), as far as its declarations need them.

/// The line breaks that end a line comment (WGSL, "Blankspace and Line Breaks").
const LINE_BREAKS: [char; 7] = ['\n', '\u{b}', '\u{c}', '\r', '\u{85}', '\u{2028}', '\u{2029}'];

/// A token. Operators come one character at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token<'s> {
    /// An identifier or keyword.
    Word(&'s str),
    /// A number with its suffix.
    Number(&'s str),
    /// Any other character.
    Other(char),
}

/// The tokens of a shader, without its comments.
#[derive(Clone, Debug)]
pub(crate) struct Tokens<'s> {
    rest: &'s str,
}

impl<'s> Tokens<'s> {
    pub fn of(code: &'s str) -> Self {
        Self { rest: code }
    }
}

impl<'s> Iterator for Tokens<'s> {
    type Item = Token<'s>;

    fn next(&mut self) -> Option<Token<'s>> {
        loop {
            let first = self.rest.chars().next()?;
            let in_word = |c: char| c.is_alphanumeric() || c == '_';
            let (length, token) = if let Some(length) = comment_length(self.rest) {
                (length, None)
            } else if first.is_whitespace() || LINE_BREAKS.contains(&first) {
                (first.len_utf8(), None)
            } else {
                let length = self.rest.find(|c| !in_word(c)).unwrap_or(self.rest.len());
                let word = self.rest.get(..length).unwrap_or_default();
                match first {
                    '0'..='9' => (length, Some(Token::Number(word))),
                    _ if length > 0 => (length, Some(Token::Word(word))),
                    _ => (first.len_utf8(), Some(Token::Other(first))),
                }
            };
            self.rest = self.rest.get(length.max(1)..).unwrap_or_default();
            if token.is_some() {
                return token;
            }
        }
    }
}

/// The length of the comment at the start of a text, without the line break behind it. A block comment may contain
/// others; one without an end reaches to the end of the text.
pub(crate) fn comment_length(text: &str) -> Option<usize> {
    if text.starts_with("//") {
        return Some(text.find(LINE_BREAKS).unwrap_or(text.len()));
    }
    if !text.starts_with("/*") {
        return None;
    }
    let (mut depth, mut at) = (0_usize, 0_usize);
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest.starts_with("*/") {
            (depth, at) = (depth.saturating_sub(1), at + 2);
            if depth == 0 {
                return Some(at);
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    Some(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_end_at_every_line_break() {
        for end in LINE_BREAKS {
            let code = format!("a // b{end}c /* d /* e */ f */ 0x1fu é_1<");
            let tokens: Vec<_> = Tokens::of(&code).collect();
            let expected =
                [Token::Word("a"), Token::Word("c"), Token::Number("0x1fu"), Token::Word("é_1"), Token::Other('<')];
            assert_eq!(tokens, expected, "{end:?}");
        }
        assert_eq!(Tokens::of("/* no end").count(), 0);
    }
}
