//! Fields of commands and their encoding: little-endian numbers, with a count before lists and texts.

use std::num::NonZeroU64;

use crate::cursor::{Cursor, Malformed};

/// A field of a command.
pub(crate) trait Field<'a>: Sized {
    /// Appends the field.
    fn write(&self, list: &mut Vec<u8>);

    /// Reads the next field.
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, Malformed>;
}

/// Token of an object in lists, assigned by the host; never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Token(NonZeroU64);

impl Token {
    /// The token of a number that the interface returned; `None` for 0, which it never returns.
    pub fn new(number: u64) -> Option<Self> {
        NonZeroU64::new(number).map(Self)
    }

    /// As [`Token::new`], for the results of the interface's functions.
    ///
    /// # Panics
    ///
    /// Panics for 0, which no function of the interface returns.
    #[allow(clippy::expect_used)]
    pub fn of(number: u64) -> Self {
        Self::new(number).expect("a token is not 0")
    }

    /// The number.
    pub fn get(self) -> u64 {
        self.0.get()
    }
}

/// Size of a part of a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// The rest of the buffer.
    Rest,
    /// Number of bytes; `u64::MAX` is [`Size::Rest`].
    Bytes(u64),
}

/// `GPUIndexFormat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexFormat {
    /// `uint16`.
    Uint16,
    /// `uint32`.
    Uint32,
}

macro_rules! numbers {
    ($($Number:ty),*) => {$(
        impl Field<'_> for $Number {
            #[inline]
            fn write(&self, list: &mut Vec<u8>) {
                list.extend_from_slice(&self.to_le_bytes());
            }

            #[inline]
            fn read(cursor: &mut Cursor<'_>) -> Result<Self, Malformed> {
                cursor.array().map(Self::from_le_bytes)
            }
        }
    )*};
}
numbers!(u8, u32, u64, i32, f32, f64);

impl Field<'_> for Token {
    #[inline]
    fn write(&self, list: &mut Vec<u8>) {
        self.get().write(list);
    }

    #[inline]
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, Malformed> {
        let at = cursor.position();
        Self::new(u64::read(cursor)?).ok_or(Malformed::NoToken { at })
    }
}

impl Field<'_> for Option<Token> {
    #[inline]
    fn write(&self, list: &mut Vec<u8>) {
        self.map_or(0, Token::get).write(list);
    }

    #[inline]
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, Malformed> {
        Ok(Token::new(u64::read(cursor)?))
    }
}

impl Field<'_> for Size {
    #[inline]
    fn write(&self, list: &mut Vec<u8>) {
        match *self {
            Size::Rest => u64::MAX,
            Size::Bytes(size) => size,
        }
        .write(list);
    }

    #[inline]
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, Malformed> {
        Ok(match u64::read(cursor)? {
            u64::MAX => Size::Rest,
            size => Size::Bytes(size),
        })
    }
}

impl Field<'_> for IndexFormat {
    fn write(&self, list: &mut Vec<u8>) {
        u8::from(*self == IndexFormat::Uint32).write(list);
    }

    fn read(cursor: &mut Cursor<'_>) -> Result<Self, Malformed> {
        let at = cursor.position();
        match u8::read(cursor)? {
            0 => Ok(IndexFormat::Uint16),
            1 => Ok(IndexFormat::Uint32),
            found => Err(Malformed::IndexFormat { at, found }),
        }
    }
}

/// Writes a count, at most `u32::MAX`: a list with more elements is rejected for its length.
#[inline]
fn write_count(count: usize, list: &mut Vec<u8>) {
    u32::try_from(count).unwrap_or(u32::MAX).write(list);
}

impl<'a> Field<'a> for &'a [u8] {
    fn write(&self, list: &mut Vec<u8>) {
        write_count(self.len(), list);
        list.extend_from_slice(self);
    }

    fn read(cursor: &mut Cursor<'a>) -> Result<Self, Malformed> {
        cursor.counted(1)
    }
}

impl<'a> Field<'a> for &'a str {
    fn write(&self, list: &mut Vec<u8>) {
        self.as_bytes().write(list);
    }

    fn read(cursor: &mut Cursor<'a>) -> Result<Self, Malformed> {
        let at = cursor.position();
        std::str::from_utf8(cursor.counted(1)?).map_err(|_| Malformed::Text { at })
    }
}

macro_rules! lists {
    ($(#[$doc:meta] $List:ident of $Number:ty, $width:literal bytes;)*) => {$(
        #[$doc]
        #[derive(Clone, Copy, Debug)]
        pub struct $List<'a>(Source<'a, $Number>);

        impl<'a> $List<'a> {
            /// An empty list.
            pub const NONE: Self = Self(Source::Numbers(&[]));

            /// A list of these numbers.
            pub fn new(numbers: &'a [$Number]) -> Self {
                Self(Source::Numbers(numbers))
            }

            /// Number of elements.
            pub fn len(&self) -> usize {
                match self.0 {
                    Source::Numbers(numbers) => numbers.len(),
                    Source::Bytes(bytes) => bytes.len() / $width,
                }
            }

            /// True for an empty list.
            pub fn is_empty(&self) -> bool {
                self.len() == 0
            }

            /// All elements, in order.
            pub fn iter(&self) -> impl Iterator<Item = $Number> + 'a {
                let (numbers, bytes) = match self.0 {
                    Source::Numbers(numbers) => (numbers, &[][..]),
                    Source::Bytes(bytes) => (&[][..], bytes),
                };
                let (chunks, _) = bytes.as_chunks::<$width>();
                numbers.iter().copied().chain(chunks.iter().map(|bytes| <$Number>::from_le_bytes(*bytes)))
            }
        }

        impl PartialEq for $List<'_> {
            fn eq(&self, other: &Self) -> bool {
                self.iter().eq(other.iter())
            }
        }

        impl<'a> Field<'a> for $List<'a> {
            #[inline]
            fn write(&self, list: &mut Vec<u8>) {
                write_count(self.len(), list);
                for number in self.iter() {
                    number.write(list);
                }
            }

            #[inline]
            fn read(cursor: &mut Cursor<'a>) -> Result<Self, Malformed> {
                Ok(Self(Source::Bytes(cursor.counted($width)?)))
            }
        }
    )*};
}
lists! {
    /// Dynamic offsets of a bind group, in bytes.
    Offsets of u32, 4 bytes;
    /// Tokens of render bundles, as numbers.
    Tokens of u64, 8 bytes;
}

/// Numbers to be written, or their bytes in a list, which may be unaligned.
#[derive(Clone, Copy, Debug)]
enum Source<'a, N> {
    Numbers(&'a [N]),
    Bytes(&'a [u8]),
}
