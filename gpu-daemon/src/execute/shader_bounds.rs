//! Complexity bounds of shader sources, checked on the text before it is compiled.
//!
//! naga recurses over expressions, over chains of `else if` and over declarations that depend on one another, and
//! bounds only brackets and statements: a few kilobytes of `-` or of `+1` overflow its stack, which ends the process.
//! Formatting its error messages moves the whole source once per control character: a megabyte of NULs takes an hour. A
//! count of tokens stops both, with bounds far above those of shaders written by people or tools.

use airlock_protocol::limits::{MAX_SHADER_CONTROLS, MAX_SHADER_DECLARATIONS, MAX_SHADER_DEPTH, MAX_SHADER_ITEMS};

use crate::shaders::tokens::{Token, next};

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

    #[test]
    fn nothing_is_beyond_it() {
        for code in ["/*", "/*/", "*/", "//", "}}}};;", ")]}", "é\u{1f980}", "/* é", "a\u{2028}b"] {
            assert_eq!(excess(code), None, "{code:?}");
        }
    }
}
