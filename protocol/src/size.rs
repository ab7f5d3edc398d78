//! Sizes in bytes with units, parsed and formatted.

use std::{fmt, str::FromStr};

/// A number of bytes: `4096`, `64K`, `10MiB`, `1G`. Units are powers of 1024.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, unit) = text.split_at(digits);
        let shift = match unit.trim().to_ascii_lowercase().trim_end_matches("ib").trim_end_matches('b') {
            "" => 0,
            "k" => 10,
            "m" => 20,
            "g" => 30,
            "t" => 40,
            _ => return Err("a size is a number with K, M or G behind it, for example 64M".to_owned()),
        };
        let number: u64 = number.parse().map_err(|_| "a size starts with a number, for example 64M".to_owned())?;
        number.checked_mul(1 << shift).map(Size).ok_or_else(|| "the size is too large".to_owned())
    }
}

/// A number of bytes with a unit: `12.3 MiB`.
pub fn describe(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    #[allow(clippy::cast_precision_loss)]
    let (mut value, mut unit) = (bytes as f64 / 1024.0, 0);
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS.get(unit).unwrap_or(&""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_written() {
        for (text, bytes) in [("0", 0), ("4096", 4096), ("64K", 65536), ("10MiB", 10 << 20), ("1g", 1 << 30), ("5b", 5)]
        {
            assert_eq!(text.parse(), Ok(Size(bytes)), "{text}");
        }
        for text in ["", "M", "1X", "-1", "1.5M", "99999999999999999999", "20000000T"] {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
        assert_eq!(describe(1023), "1023 B");
        assert_eq!(describe(1536), "1.5 KiB");
        assert_eq!(describe(3 << 30), "3.0 GiB");
    }
}
