//! The deserializer of commands: the same calls of bincode as its own serde module makes, with a smaller error.
//!
//! Serde's functions return each number of a record in a `Result`. bincode's error type has padding that makes the compiler
//! assemble such a result in memory, which took longer than decoding. Here an error is one pointer, and a number stays in a
//! register.

use std::fmt;

use bincode::{
    config::Configuration,
    de::{
        BorrowDecode, BorrowDecoder, Decode, DecoderImpl,
        read::{BorrowReader, Reader},
    },
    error::DecodeError,
};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, EnumAccess, Error, IntoDeserializer, SeqAccess, VariantAccess, Visitor},
};

/// Decodes a record at the start of bytes and returns the rest of them.
#[inline(always)]
pub(super) fn read<'a, T: Deserialize<'a>>(bytes: &'a [u8], config: Configuration) -> Result<(T, &'a [u8]), Wrong> {
    let mut decoder = DecoderImpl::new(Cursor(bytes), config, ());
    let record = T::deserialize(Records(&mut decoder))?;
    Ok((record, decoder.borrow_reader().0))
}

/// bincode's error for an invalid record.
#[derive(Debug)]
pub(super) struct Wrong(Box<DecodeError>);

impl From<DecodeError> for Wrong {
    #[cold]
    fn from(error: DecodeError) -> Self {
        Self(Box::new(error))
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Wrong {}

impl Error for Wrong {
    #[cold]
    fn custom<T: fmt::Display>(message: T) -> Self {
        DecodeError::custom(message).into()
    }
}

/// The undecoded bytes.
struct Cursor<'a>(&'a [u8]);

impl Reader for Cursor<'_> {
    #[inline(always)]
    fn read(&mut self, to: &mut [u8]) -> Result<(), DecodeError> {
        to.copy_from_slice(self.take_bytes(to.len())?);
        Ok(())
    }

    #[inline(always)]
    fn peek_read(&mut self, length: usize) -> Option<&[u8]> {
        self.0.get(..length)
    }

    #[inline(always)]
    fn consume(&mut self, length: usize) {
        self.0 = self.0.get(length..).unwrap_or_default();
    }
}

impl<'a> BorrowReader<'a> for Cursor<'a> {
    #[inline(always)]
    fn take_bytes(&mut self, length: usize) -> Result<&'a [u8], DecodeError> {
        let end = || DecodeError::UnexpectedEnd { additional: length.saturating_sub(self.0.len()) };
        let (taken, rest) = self.0.split_at_checked(length).ok_or_else(end)?;
        self.0 = rest;
        Ok(taken)
    }
}

/// The deserializer.
struct Records<'r, 'a>(&'r mut DecoderImpl<Cursor<'a>, Configuration, ()>);

macro_rules! numbers {
    ($($function:ident $visit:ident $type:ty),* $(,)?) => {
        $(#[inline]
        fn $function<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Wrong> {
            visitor.$visit(<$type>::decode(self.0)?)
        })*
    };
}

/// Self-describing formats only; records do not use these.
macro_rules! absent {
    ($($function:ident)*) => {
        $(fn $function<V: Visitor<'a>>(self, _: V) -> Result<V::Value, Wrong> {
            Err(Wrong::custom("bytes do not say what they are"))
        })*
    };
}

impl<'a> Deserializer<'a> for Records<'_, 'a> {
    type Error = Wrong;

    numbers! {
        deserialize_bool visit_bool bool,
        deserialize_u8 visit_u8 u8,
        deserialize_u16 visit_u16 u16,
        deserialize_u32 visit_u32 u32,
        deserialize_u64 visit_u64 u64,
        deserialize_i8 visit_i8 i8,
        deserialize_i16 visit_i16 i16,
        deserialize_i32 visit_i32 i32,
        deserialize_i64 visit_i64 i64,
        deserialize_f32 visit_f32 f32,
        deserialize_f64 visit_f64 f64,
        deserialize_char visit_char char,
        deserialize_string visit_string String,
        deserialize_byte_buf visit_byte_buf Vec<u8>,
    }

    absent!(deserialize_any deserialize_identifier deserialize_ignored_any deserialize_map);

    #[inline]
    fn deserialize_str<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_borrowed_str(<&'a str>::borrow_decode(self.0)?)
    }

    #[inline]
    fn deserialize_bytes<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_borrowed_bytes(<&'a [u8]>::borrow_decode(self.0)?)
    }

    #[inline]
    fn deserialize_option<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match Option::<()>::decode(self.0)? {
            Some(()) => visitor.visit_some(self),
            None => visitor.visit_none(),
        }
    }

    #[inline]
    fn deserialize_unit<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_unit()
    }

    #[inline]
    fn deserialize_unit_struct<V: Visitor<'a>>(self, _: &'static str, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_unit()
    }

    #[inline]
    fn deserialize_newtype_struct<V: Visitor<'a>>(self, _: &'static str, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_newtype_struct(self)
    }

    #[inline]
    fn deserialize_seq<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Wrong> {
        let left = usize::decode(self.0)?;
        visitor.visit_seq(Elements { records: self, left })
    }

    #[inline]
    fn deserialize_tuple<V: Visitor<'a>>(self, left: usize, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_seq(Elements { records: self, left })
    }

    #[inline]
    fn deserialize_tuple_struct<V: Visitor<'a>>(
        self,
        _: &'static str,
        left: usize,
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        self.deserialize_tuple(left, visitor)
    }

    #[inline]
    fn deserialize_struct<V: Visitor<'a>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        self.deserialize_tuple(fields.len(), visitor)
    }

    #[inline]
    fn deserialize_enum<V: Visitor<'a>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        visitor.visit_enum(self)
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

/// The remaining elements of a list, or fields of a record.
struct Elements<'r, 'a> {
    records: Records<'r, 'a>,
    left: usize,
}

impl<'a> SeqAccess<'a> for Elements<'_, 'a> {
    type Error = Wrong;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'a>>(&mut self, seed: T) -> Result<Option<T::Value>, Wrong> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        seed.deserialize(Records(&mut *self.records.0)).map(Some)
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

impl<'a> EnumAccess<'a> for Records<'_, 'a> {
    type Error = Wrong;
    type Variant = Self;

    #[inline]
    fn variant_seed<V: DeserializeSeed<'a>>(self, seed: V) -> Result<(V::Value, Self), Wrong> {
        let variant: serde::de::value::U32Deserializer<Wrong> = u32::decode(self.0)?.into_deserializer();
        Ok((seed.deserialize(variant)?, self))
    }
}

impl<'a> VariantAccess<'a> for Records<'_, 'a> {
    type Error = Wrong;

    #[inline]
    fn unit_variant(self) -> Result<(), Wrong> {
        Ok(())
    }

    #[inline]
    fn newtype_variant_seed<T: DeserializeSeed<'a>>(self, seed: T) -> Result<T::Value, Wrong> {
        seed.deserialize(self)
    }

    #[inline]
    fn tuple_variant<V: Visitor<'a>>(self, left: usize, visitor: V) -> Result<V::Value, Wrong> {
        self.deserialize_tuple(left, visitor)
    }

    #[inline]
    fn struct_variant<V: Visitor<'a>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Wrong> {
        self.deserialize_tuple(fields.len(), visitor)
    }
}
