//! WGSL without comments and constants. It is split into tokens and not parsed: the replacement of a token has the same
//! kind, so that the text stays a shader.

use std::collections::BTreeSet;

use crate::edit::wgsl::tokens::comment_length;

/// A redacted shader.
#[derive(Debug, Default)]
pub(super) struct Clean {
    pub text: String,
    pub comments: u64,
    pub literals: u64,
    /// The remaining words, WGSL's own among them where they look like any name.
    pub identifiers: BTreeSet<String>,
}

/// Words of every shader, which would only lengthen the list of identifiers.
const KEYWORDS: &[&str] = &[
    "alias",
    "array",
    "atomic",
    "binding",
    "bool",
    "break",
    "builtin",
    "case",
    "compute",
    "const",
    "const_assert",
    "continue",
    "continuing",
    "default",
    "diagnostic",
    "discard",
    "else",
    "enable",
    "f",
    "f16",
    "f32",
    "false",
    "fn",
    "for",
    "fragment",
    "function",
    "group",
    "h",
    "i",
    "i32",
    "id",
    "if",
    "let",
    "location",
    "loop",
    "override",
    "private",
    "read",
    "read_write",
    "requires",
    "return",
    "size",
    "storage",
    "struct",
    "switch",
    "true",
    "u",
    "u32",
    "uniform",
    "var",
    "vec2",
    "vec3",
    "vec4",
    "vec2f",
    "vec3f",
    "vec4f",
    "vec2i",
    "vec3i",
    "vec4i",
    "vec2u",
    "vec3u",
    "vec4u",
    "vertex",
    "while",
    "workgroup",
    "workgroup_size",
    "write",
    "_",
];

pub(super) fn redact(code: &str) -> Clean {
    let mut clean = Clean::default();
    let mut rest = code;
    while let Some(c) = rest.chars().next() {
        let length = if let Some(length) = comment_length(rest) {
            clean.comment(rest.get(..length).unwrap_or_default());
            length
        } else if c.is_ascii_digit() || c == '.' && rest.get(1..).is_some_and(|rest| rest.starts_with(is_digit)) {
            clean.number(rest)
        } else if c.is_alphabetic() || c == '_' {
            clean.word(rest)
        } else {
            clean.text.push(c);
            c.len_utf8()
        };
        // Every branch takes at least one character.
        rest = rest.get(length.max(1)..).unwrap_or_default();
    }
    clean
}

fn is_digit(c: char) -> bool {
    c.is_ascii_digit()
}

impl Clean {
    /// Replaces a comment with a blank and its line ends, so that messages still name the right lines.
    fn comment(&mut self, comment: &str) {
        self.comments += 1;
        self.text.push(' ');
        self.text.extend(comment.chars().filter(|&c| c == '\n'));
    }

    fn word(&mut self, text: &str) -> usize {
        let length = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
        let word = text.get(..length).unwrap_or_default();
        self.text.push_str(word);
        if !KEYWORDS.contains(&word) {
            self.identifiers.insert(word.to_owned());
        }
        length
    }

    /// Replaces floats. Integers stay: sizes, counts, bindings and indices are among them.
    fn number(&mut self, text: &str) -> usize {
        let (length, float) = number_length(text);
        let number = text.get(..length).unwrap_or_default();
        let hex = number.starts_with("0x") || number.starts_with("0X");
        if !float || is_zero(number) {
            self.text.push_str(number);
            return length;
        }
        self.literals += 1;
        let mut first = true;
        let mut digits = |c: char| match c {
            _ if !first => '0',
            _ => {
                first = false;
                '1'
            }
        };
        let start = if hex { 2 } else { 0 };
        self.text.push_str(number.get(..start).unwrap_or_default());
        let mut exponent = false;
        for c in number.get(start..).unwrap_or_default().chars() {
            let is_exponent = if hex { matches!(c, 'p' | 'P') } else { matches!(c, 'e' | 'E') };
            exponent |= is_exponent;
            let digit = if hex && !exponent { c.is_ascii_hexdigit() } else { c.is_ascii_digit() };
            self.text.push(if digit && !is_exponent { digits(c) } else { c });
        }
        length
    }
}

/// True for zero. It discloses nothing, and bounds (`clamp(x, 0.0, 1.0)`) must stay distinct.
fn is_zero(number: &str) -> bool {
    let digits = number.trim_start_matches("0x").trim_start_matches("0X");
    let mantissa = digits.split(['e', 'E', 'p', 'P']).next().unwrap_or_default();
    !mantissa.contains(|c: char| c.is_ascii_hexdigit() && c != '0' && c != 'f')
}

/// Length of the number at the start, and whether it is a float.
fn number_length(text: &str) -> (usize, bool) {
    let bytes = text.as_bytes();
    let at = |i: usize| bytes.get(i).copied().unwrap_or(0);
    let hex = at(0) == b'0' && matches!(at(1), b'x' | b'X');
    let digit = |c: u8| if hex { c.is_ascii_hexdigit() } else { c.is_ascii_digit() };
    let mut i = if hex { 2 } else { 0 };
    let mut float = false;
    while digit(at(i)) {
        i += 1;
    }
    if at(i) == b'.' {
        float = true;
        i += 1;
        while digit(at(i)) {
            i += 1;
        }
    }
    let exponent = if hex { matches!(at(i), b'p' | b'P') } else { matches!(at(i), b'e' | b'E') };
    if exponent {
        let sign = usize::from(matches!(at(i + 1), b'+' | b'-'));
        if at(i + 1 + sign).is_ascii_digit() {
            float = true;
            i += 1 + sign;
            while at(i).is_ascii_digit() {
                i += 1;
            }
        }
    }
    // A hexadecimal integer takes `f` as a digit; a float of either kind has it as a suffix.
    if matches!(at(i), b'f' | b'h') && (!hex || exponent) {
        float = true;
        i += 1;
    } else if matches!(at(i), b'u' | b'i') && !float {
        i += 1;
    }
    (i, float)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_keep_their_shape() {
        for (from, to) in [
            ("3.14159f", "1.00000f"),
            ("25", "25"),
            ("25u", "25u"),
            ("7f", "1f"),
            ("0x1F", "0x1F"),
            ("0xA.8p-13f", "0x1.0p-00f"),
            ("1.5e-3", "1.0e-0"),
            ("2e10h", "1e00h"),
            ("0.5", "1.0"),
            (".5", ".1"),
            ("0.0", "0.0"),
            ("0f", "0f"),
            ("3.", "1."),
            ("-9.25", "-1.00"),
            ("a.x1", "a.x1"),
            ("v[0].y", "v[0].y"),
            ("vec2f(0.25,-1e9)", "vec2f(1.00,-1e0)"),
            ("@workgroup_size(64, 1)", "@workgroup_size(64, 1)"),
            ("array<f32, 16>", "array<f32, 16>"),
            ("é2.5", "é2.1"),
        ] {
            assert_eq!(redact(from).text, to, "{from}");
        }
    }

    #[test]
    fn comments_go_and_lines_stay() {
        let clean = redact("a // who\nb /* x\n /* y */ z */ c/d /* no end");
        assert_eq!(clean.text, "a  \nb  \n c/d  ");
        assert_eq!(clean.comments, 3);
        assert_eq!(clean.identifiers.into_iter().collect::<Vec<_>>(), ["a", "b", "c", "d"]);
    }
}
