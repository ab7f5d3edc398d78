//! `@diagnostic` attributes of statements, which naga refuses as not yet implemented.
//!
//! They set the severity of uniformity violations, which naga does not check. A source that naga refuses is parsed once more
//! with blanks in their place, which preserves all source positions.

use super::tokens::{Token, next};

/// Severities (WGSL, "Diagnostics").
const SEVERITIES: [&str; 4] = ["error", "warning", "info", "off"];

/// Replaces the `@diagnostic` attributes of a source by blanks; `None` where there are none.
pub fn blanked(code: &str) -> Option<String> {
    let mut changed = String::with_capacity(code.len());
    let (mut rest, mut copied) = (code, 0);
    while let Some((token, after)) = next(rest) {
        rest = after;
        let Some(end) = (token == Token::Sign('@')).then(|| attribute(after)).flatten() else { continue };
        let start = code.len().saturating_sub(after.len()).saturating_sub('@'.len_utf8());
        let end_at = code.len().saturating_sub(end.len());
        changed.push_str(code.get(copied..start)?);
        changed.extend(code.get(start..end_at)?.chars().flat_map(blanks));
        (rest, copied) = (end, end_at);
    }
    changed.push_str(code.get(copied..)?);
    (copied > 0).then_some(changed)
}

/// Parses `diagnostic(severity, name)` or `diagnostic(severity, name.name)`; returns the rest.
fn attribute(code: &str) -> Option<&str> {
    let sign = |code, sign| next(code).filter(|&(token, _)| token == Token::Sign(sign)).map(|(_, rest)| rest);
    let (Token::Word("diagnostic"), rest) = next(code)? else { return None };
    let (Token::Word(severity), rest) = next(sign(rest, '(')?)? else { return None };
    let (Token::Word(_), mut rest) = next(sign(rest, ',')?)? else { return None };
    if let Some(after) = sign(rest, '.') {
        (_, rest) = next(after).filter(|(token, _)| matches!(token, Token::Word(_)))?;
    }
    let rest = sign(rest, ',').unwrap_or(rest);
    sign(rest, ')').filter(|_| SEVERITIES.contains(&severity))
}

/// One blank for each byte of the character; keeps a line feed.
fn blanks(c: char) -> impl Iterator<Item = char> {
    let kept = if c == '\n' { c } else { ' ' };
    std::iter::repeat_n(kept, c.len_utf8())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_become_blanks() {
        for (code, expected) in [
            ("@diagnostic(off, a) if x {}", Some("                    if x {}")),
            ("f @ diagnostic ( error , a.b , )g", Some("f                               g")),
            ("@diagnostic(off,\na)x", Some("                \n  x")),
            ("@diagnostic(on, a) x", None),
            ("@diagnostic(off) x", None),
            ("diagnostic(off, a);", None),
            ("// @diagnostic(off, a)", None),
            ("@compute fn f() {}", None),
            ("@", None),
        ] {
            assert_eq!(blanked(code).as_deref(), expected, "{code}");
        }
    }
}
