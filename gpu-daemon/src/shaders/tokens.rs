//! A simplified tokenizer of WGSL: words, signs, comments and white space.

use airlock_protocol::limits::MAX_SHADER_SOURCE;
use unicode_ident::{is_xid_continue, is_xid_start};

/// A token of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token<'a> {
    /// A name, a keyword or a number.
    Word(&'a str),
    /// Any other character.
    Sign(char),
}

/// Returns the next token after white space and comments, and the rest of the source. Both must end where naga ends them, or
/// code could be hidden from the checks; the tests below compare the two.
pub fn next(mut code: &str) -> Option<(Token<'_>, &str)> {
    loop {
        code = code.trim_start_matches(is_blankspace);
        if let Some(comment) = code.strip_prefix("//") {
            code = comment.split_once(is_line_break).map_or("", |(_, rest)| rest);
        } else if code.starts_with("/*") {
            code = after_comment(code);
        } else {
            break;
        }
    }
    let first = code.chars().next()?;
    let is_word = first == '_' || first.is_ascii_digit() || is_xid_start(first);
    let length = match is_word {
        true => code.find(|c| !is_xid_continue(c)).unwrap_or(code.len()),
        false => first.len_utf8(),
    };
    let (token, rest) = code.split_at_checked(length)?;
    Some((if is_word { Token::Word(token) } else { Token::Sign(first) }, rest))
}

/// WGSL, "Blankspace and Line Breaks".
fn is_line_break(c: char) -> bool {
    matches!(c, '\u{a}'..='\u{d}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// WGSL, "Blankspace and Line Breaks": Unicode's `Pattern_White_Space`, which differs from Rust's white space.
fn is_blankspace(c: char) -> bool {
    is_line_break(c) || matches!(c, ' ' | '\t' | '\u{200e}' | '\u{200f}')
}

/// The rest of a source after a block comment; comments nest.
fn after_comment(code: &str) -> &str {
    let mut level: usize = 0;
    let mut at: usize = 0;
    let bytes = code.as_bytes();
    while let Some(pair) = bytes.get(at..at.saturating_add(2)).filter(|_| at < MAX_SHADER_SOURCE) {
        let step = match pair {
            b"/*" => {
                level += 1;
                2
            }
            b"*/" => {
                level = level.saturating_sub(1);
                2
            }
            _ => 1,
        };
        at += step;
        if level == 0 {
            return code.get(at..).unwrap_or_default();
        }
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_no_tokens() {
        assert_eq!(next("/*é*/x"), Some((Token::Word("x"), "")));
    }

    /// Start of naga's first token, and true for an unterminated comment; `None` where naga finds no token.
    fn of_naga(code: &str) -> Option<(usize, bool)> {
        let error = naga::front::wgsl::parse_str(code).err()?;
        let start = error.labels().find_map(|(span, _)| span.to_range()).map_or(0, |range| range.start);
        Some((start, code.get(start..).is_some_and(|rest| rest.starts_with("/*"))))
    }

    fn of_ours(code: &str) -> Option<usize> {
        let (token, rest) = next(code)?;
        let length = match token {
            Token::Word(word) => word.len(),
            Token::Sign(sign) => sign.len_utf8(),
        };
        Some(code.len() - rest.len() - length)
    }

    #[test]
    fn every_character_ends_what_it_ends_for_naga() {
        for c in char::MIN..=char::MAX {
            let comment = format!("//{c}?");
            assert_eq!(of_ours(&comment), of_naga(&comment).map(|(start, _)| start), "{c:?} in a comment");
            let declares = |code: String| naga::front::wgsl::parse_str(&code).is_ok();
            // A slash begins a comment, and an underscore alone is not a name.
            if matches!(c, '/' | '_') {
                continue;
            }
            let starts = matches!(next(&format!("{c}")), Some((Token::Word(_), _))) && !c.is_ascii_digit();
            assert_eq!(starts, declares(format!("const {c}=1;")), "{c:?} as a name");
            let inside = match next(&format!("airlock{c}=1;")) {
                Some((Token::Word("airlock"), rest)) => {
                    matches!(next(rest), Some((Token::Sign('='), _))) && !rest.starts_with('=')
                }
                Some((Token::Word(_), _)) => true,
                _ => false,
            };
            assert_eq!(inside, declares(format!("const airlock{c}=1;")) && c != '=', "{c:?} in a name");
        }
    }

    #[test]
    fn comments_and_blankspace_end_where_they_end_for_naga() {
        let pieces = [
            "/", "*", "//", "/*", "*/", "/*/", "**/", "\n", "\r", "\u{b}", "\u{c}", "\u{85}", "\u{2028}", "\u{2029}",
            " ", "\t", "\u{200e}", "\u{200f}", "\u{a0}", "\u{feff}", "?", "x", "é", "///", "//!", "/**", "/*!", "\0",
        ];
        let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut random = |below: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state % below as u64).unwrap_or_default()
        };
        for _ in 0..200_000 {
            let code: String = (0..=random(12)).filter_map(|_| pieces.get(random(pieces.len()))).copied().collect();
            match (of_ours(&code), of_naga(&code)) {
                (None, Some((_, true))) => {}
                (ours, naga) => assert_eq!(ours, naga.map(|(start, _)| start), "{code:?}"),
            }
        }
    }
}
