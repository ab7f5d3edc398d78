//! A position in a list, and the errors of malformed lists.

use std::fmt;

/// A position in a list.
#[derive(Clone, Debug)]
pub(crate) struct Cursor<'a> {
    list: &'a [u8],
    position: usize,
}

/// Error of a malformed list, with an offset in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// The list ends within a command.
    Short {
        /// Offset of the field that does not fit.
        at: usize,
    },
    /// The number of a command is unknown.
    Command {
        /// Offset of the number.
        at: usize,
        /// The unknown number.
        found: u8,
    },
    /// A token is 0 where an object is required.
    NoToken {
        /// Offset of the token.
        at: usize,
    },
    /// An index format is neither 0 nor 1.
    IndexFormat {
        /// Offset of the format.
        at: usize,
        /// The invalid value.
        found: u8,
    },
    /// A text is not UTF-8.
    Text {
        /// Offset of the text's length.
        at: usize,
    },
}

impl std::error::Error for Malformed {}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short { at } => write!(f, "byte {at}: the list ends within a command"),
            Self::Command { at, found } => write!(f, "byte {at}: there is no command {found}"),
            Self::NoToken { at } => write!(f, "byte {at}: the token is 0"),
            Self::IndexFormat { at, found } => write!(f, "byte {at}: {found} is no index format"),
            Self::Text { at } => write!(f, "byte {at}: the text is not UTF-8"),
        }
    }
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(list: &'a [u8]) -> Self {
        Self { list, position: 0 }
    }

    /// Number of bytes before the position.
    pub(crate) fn position(&self) -> usize {
        self.position
    }

    #[inline]
    pub(crate) fn is_at_end(&self) -> bool {
        self.position >= self.list.len()
    }

    #[inline]
    fn rest(&self) -> &'a [u8] {
        self.list.get(self.position..).unwrap_or_default()
    }

    /// Reads `N` bytes.
    #[inline]
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (bytes, _) = self.rest().split_first_chunk().ok_or(Malformed::Short { at: self.position })?;
        self.position += N;
        Ok(*bytes)
    }

    /// Reads a count, and as many elements of `width` bytes.
    #[inline]
    pub(crate) fn counted(&mut self, width: usize) -> Result<&'a [u8], Malformed> {
        let at = self.position;
        let count = u32::from_le_bytes(self.array()?);
        let bytes = usize::try_from(count).ok().and_then(|count| count.checked_mul(width));
        let bytes = bytes.and_then(|len| self.rest().get(..len)).ok_or(Malformed::Short { at })?;
        self.position += bytes.len();
        Ok(bytes)
    }
}
