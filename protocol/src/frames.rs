//! Frames in a stream: the label of a frame's texture has its number. There is no command for frames: a recording has their
//! textures, and every tool that reads labels shows where a frame begins.

/// The start of a label.
const PREFIX: &str = "frame ";

/// Minimum number of digits, so that names sort as their numbers do.
const DIGITS: usize = 6;

/// The label of a frame's texture.
pub fn label(number: u64) -> String {
    format!("{PREFIX}{number:0DIGITS$}")
}

/// A frame's name, for files: `frame-000123`.
pub fn name(number: u64) -> String {
    label(number).replace(' ', "-")
}

/// The number of the frame whose texture has this label; `None` for every other label.
pub fn number(text: &str) -> Option<u64> {
    let number = text.strip_prefix(PREFIX)?.parse().ok()?;
    (label(number) == text).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_known_by_its_label() {
        for frame in [0, 1, 123, 999_999, 1_000_000, u64::MAX] {
            assert_eq!(number(&label(frame)), Some(frame));
        }
        assert_eq!(label(123), "frame 000123");
        assert_eq!(name(123), "frame-000123");
        for other in
            ["", "frame", "frame 123", "frame +00123", "frame 000123 ", "a frame 000123", "frame 99999999999999999999"]
        {
            assert_eq!(number(other), None, "{other}");
        }
    }
}
