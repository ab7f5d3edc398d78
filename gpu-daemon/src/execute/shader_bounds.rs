//! Complexity bounds of shader sources, checked on the text before the compiler sees it.
//!
//! naga recurses over expressions, over chains of `else if` and over declarations that depend on one another, and
//! bounds only brackets and statements: a few kilobytes of `-` or of `+1` overflow its stack, which ends the process.
//! Formatting its error messages moves the whole source once per control character: a megabyte of NULs takes an hour. A
//! count of tokens stops both, with bounds far above those of shaders written by people or tools.

use airlock_protocol::limits::{
    MAX_SHADER_CONTROLS, MAX_SHADER_DECLARATIONS, MAX_SHADER_DEPTH, MAX_SHADER_ITEMS, MAX_SHADER_SOURCE,
};
use unicode_ident::{is_xid_continue, is_xid_start};

/// State of an open bracket.
#[derive(Clone, Copy, Debug, Default)]
struct Open {
    /// True for braces.
    braces: bool,
    /// Operators since the last separator: each may be a level of the expression's tree.
    depth: usize,
    /// Cases and elements of a list, between braces.
    items: usize,
    /// A block has just ended. Unless an `else` follows, a new statement begins.
    block_ended: bool,
}

/// Checks a source; returns the reason if it exceeds a bound.
pub fn excess(code: &str) -> Option<String> {
    let controls = code.chars().filter(|c| c.is_control() && !c.is_whitespace()).take(MAX_SHADER_CONTROLS + 1).count();
    if controls > MAX_SHADER_CONTROLS {
        return Some(format!("the source has more than {MAX_SHADER_CONTROLS} control characters"));
    }
    let mut open = Vec::new();
    let mut here = Open { braces: true, ..Open::default() };
    // Sum over all open brackets and `here`.
    let mut depth = 0;
    let mut declarations = 0;
    let mut rest = code;
    while let Some((token, after)) = next(rest) {
        rest = after;
        let mut levels = 0;
        match token {
            Token::Word(word) => {
                if std::mem::take(&mut here.block_ended) && word != "else" {
                    depth -= std::mem::take(&mut here.depth);
                }
                levels = usize::from(word == "else");
                here.items += usize::from(word == "case");
            }
            Token::Sign('(' | '[' | '{') => {
                levels = 1;
                here.block_ended = false;
            }
            Token::Sign(')' | ']' | '}') => {
                depth -= here.depth;
                let ended = here.braces;
                // The compiler refuses an unmatched closing bracket.
                here = open.pop().unwrap_or(Open { braces: true, ..Open::default() });
                here.block_ended = ended;
                declarations += usize::from(open.is_empty() && ended);
            }
            Token::Sign(';') => {
                depth -= std::mem::take(&mut here.depth);
                declarations += usize::from(open.is_empty());
            }
            Token::Sign(',') => {
                depth -= std::mem::take(&mut here.depth);
                here.items += usize::from(here.braces && !open.is_empty());
            }
            Token::Sign(_) => levels = 1,
        }
        here.depth += levels;
        depth += levels;
        if let Token::Sign(sign @ ('(' | '[' | '{')) = token {
            open.push(here);
            here = Open { braces: sign == '{', ..Open::default() };
        }
        for (found, limit, what) in [
            (depth, MAX_SHADER_DEPTH, "operators and brackets within one another"),
            (here.items, MAX_SHADER_ITEMS, "cases or members between two braces"),
            (declarations, MAX_SHADER_DECLARATIONS, "declarations at module scope"),
        ] {
            if found > limit {
                return Some(format!("the source has more than {limit} {what}"));
            }
        }
    }
    None
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'a> {
    /// A name, a keyword or a number.
    Word(&'a str),
    /// Any other character.
    Sign(char),
}

/// Returns the next token and the rest, past white space and comments. Both must end where they end for naga, or code
/// could hide from the count; the tests below compare the two.
fn next(mut code: &str) -> Option<(Token<'_>, &str)> {
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

/// WGSL, "Blankspace and Line Breaks": Unicode's `Pattern_White_Space`, which differs from Rust's definition.
fn is_blankspace(c: char) -> bool {
    is_line_break(c) || matches!(c, ' ' | '\t' | '\u{200e}' | '\u{200f}')
}

/// Skips a block comment; they nest.
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

    fn body(text: &str) -> String {
        format!("fn f() {{ {text} }}")
    }

    #[test]
    fn ordinary_sources_pass() {
        let long = |n: usize, part: &str| body(&part.repeat(n));
        assert_eq!(excess(""), None);
        assert_eq!(excess(&long(50_000, "x = a + b * c[2].y; ")), None);
        assert_eq!(excess(&long(50_000, "if a < b { x += 1; } else { y -= 1; } ")), None);
        assert_eq!(excess(&long(50_000, "for (var i = 0; i < 4; i++) { f(i, -1); } ")), None);
        assert_eq!(excess(&body(&format!("let t = array({});", "1 + 2, ".repeat(50_000)))), None);
        assert_eq!(excess(&body(&format!("let s = 0{};", " + x".repeat(1000)))), None);
        assert_eq!(excess(&"fn f() { g(); }\nconst a = 1;".repeat(1000)), None);
        assert_eq!(excess(&"/* - - - /* - */ ((( */ // ---- (((\n".repeat(5000)), None);
        assert_eq!(excess("a\0b\u{1b}"), None);
    }

    #[test]
    fn deep_sources_are_rejected() {
        for (what, open, close) in [
            ("prefix", "-", ""),
            ("separated prefix", "- ", ""),
            ("sum", "1+", ""),
            ("sum of calls", "f(1, 2) + ", ""),
            ("indices", "v[0]", ""),
            ("members", "v.x", ""),
            ("brackets", "(1 + ", ")"),
            ("comment between", "-/* ; */", ""),
        ] {
            let code = body(&format!("let x = {}1{};", open.repeat(5000), close.repeat(5000)));
            assert!(excess(&code).is_some(), "{what}");
        }
        assert!(excess(&body(&format!("if a {{}} {}", "else if b { x(); } ".repeat(5000)))).is_some());
        assert!(excess(&body(&"loop { ".repeat(5000))).is_some());
    }

    #[test]
    fn levels_add_up_across_brackets() {
        let half = "-".repeat(MAX_SHADER_DEPTH / 2);
        assert_eq!(excess(&body(&format!("let x = {half}(1);"))), None);
        assert!(excess(&body(&format!("let x = {half}({half}1);"))).is_some());
        assert_eq!(excess(&body(&format!("let x = f({half}1, {half}1);"))), None);
    }

    #[test]
    fn lists_and_declarations_are_counted() {
        let cases: String = (0..5000).map(|n| format!("case {n}: {{}} ")).collect();
        assert!(excess(&body(&format!("switch x {{ {cases} }}"))).is_some());
        assert!(excess(&body(&format!("switch x {{ case {} 1: {{}} }}", "1,".repeat(5000)))).is_some());
        assert!(excess(&format!("struct S {{ {} }}", "a: u32, ".repeat(5000))).is_some());
        assert!(excess(&"const a = 1;".repeat(5000)).is_some());
        assert!(excess(&"fn f() {}".repeat(5000)).is_some());
    }

    #[test]
    fn control_characters_are_counted() {
        assert!(excess(&"\0".repeat(1000)).is_some());
        assert!(excess(&format!("//{}", "\u{80}".repeat(1000))).is_some());
        assert_eq!(excess(&"\t\r\n\u{b}\u{c}".repeat(1000)), None);
    }

    /// Where naga's first token starts, and whether that is a comment without an end; `None` where it sees no token.
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
            // A slash begins a comment, and a lone underscore is not an identifier.
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

    #[test]
    fn nothing_is_beyond_it() {
        for code in ["/*", "/*/", "*/", "//", "}}}};;", ")]}", "é\u{1f980}", "/* é", "a\u{2028}b"] {
            assert_eq!(excess(code), None, "{code:?}");
        }
        assert_eq!(next("/*é*/x"), Some((Token::Word("x"), "")));
    }
}
