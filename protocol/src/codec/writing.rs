//! The serializer: the same calls of bincode as its own serde module makes, into memory that is allocated already. Only
//! short numbers, which are most of a stream, are written here: whether the optimizer inlines bincode's function for
//! numbers of every length depends on the rest of the program, and a draw costs a fifth more where it does not.
//!
//! Serde's functions pass the remaining space along as a value of two words and return the rest of it: both stay in
//! registers for a whole command, where an encoder behind a reference is stored and loaded for every number. The error is
//! one pointer for the same reason.

use std::{fmt, mem};

use bincode::{
    config::{Configuration, standard},
    enc::{Encode, EncoderImpl, write::Writer},
    error::EncodeError,
};
use serde::{
    Serialize, Serializer,
    ser::{
        Error, Impossible, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple, SerializeTupleStruct,
        SerializeTupleVariant,
    },
};

/// The largest number that bincode encodes as one byte, the number itself.
pub(super) const LAST_SHORT: u8 = 250;

/// The integers of the stream: one byte up to [`LAST_SHORT`], longer ones with a mark of their length.
pub(super) const CONFIG: Configuration = standard();

/// Encodes a value at the start of bytes and returns the rest of them.
#[inline]
pub(super) fn write<'a>(value: &impl Serialize, bytes: &'a mut [u8]) -> Result<&'a mut [u8], Unwritten> {
    value.serialize(Room(bytes))
}

/// A value that was not encoded.
#[derive(Debug)]
pub(super) enum Unwritten {
    /// It does not fit. Some of the bytes are overwritten.
    NoRoom,
    /// It has no encoding, with bincode's reason.
    Wrong(Box<EncodeError>),
}

impl From<EncodeError> for Unwritten {
    #[inline(always)]
    fn from(error: EncodeError) -> Self {
        match error {
            EncodeError::UnexpectedEnd => Self::NoRoom,
            error => Self::Wrong(Box::new(error)),
        }
    }
}

impl fmt::Display for Unwritten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRoom => EncodeError::UnexpectedEnd.fmt(f),
            Self::Wrong(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Unwritten {}

impl Error for Unwritten {
    #[cold]
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::Wrong(Box::new(EncodeError::custom(message)))
    }
}

/// The serializer: the space that is not written yet.
struct Room<'a>(&'a mut [u8]);

impl<'a> Room<'a> {
    /// Encodes a value that bincode knows.
    #[inline(always)]
    fn put(self, value: impl Encode) -> Result<&'a mut [u8], Unwritten> {
        let mut encoder = EncoderImpl::new(self, CONFIG);
        value.encode(&mut encoder)?;
        Ok(encoder.into_writer().0)
    }

    /// Encodes an unsigned number of more than 8 bits.
    #[inline(always)]
    fn unsigned<T: Encode + Copy + TryInto<u8>>(self, value: T) -> Result<&'a mut [u8], Unwritten> {
        match value.try_into() {
            Ok(short) if short <= LAST_SHORT => self.byte(short),
            _ => self.long(value),
        }
    }

    /// Encodes a number by bincode, with one copy of its code.
    #[inline(never)]
    fn long<T: Encode>(self, value: T) -> Result<&'a mut [u8], Unwritten> {
        self.put(value)
    }

    #[inline(always)]
    fn bit(self, bit: bool) -> Result<&'a mut [u8], Unwritten> {
        self.byte(u8::from(bit))
    }

    #[inline(always)]
    fn byte(self, byte: u8) -> Result<&'a mut [u8], Unwritten> {
        let (first, left) = self.0.split_first_mut().ok_or(Unwritten::NoRoom)?;
        *first = byte;
        Ok(left)
    }
}

impl Writer for Room<'_> {
    #[inline(always)]
    fn write(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        let (room, left) =
            mem::take(&mut self.0).split_at_mut_checked(bytes.len()).ok_or(EncodeError::UnexpectedEnd)?;
        room.copy_from_slice(bytes);
        self.0 = left;
        Ok(())
    }
}

macro_rules! values {
    ($($function:ident $type:ty, by $put:ident;)*) => {
        $(#[inline(always)]
        fn $function(self, value: $type) -> Result<&'a mut [u8], Unwritten> {
            self.$put(value)
        })*
    };
}

impl<'a> Serializer for Room<'a> {
    type Ok = &'a mut [u8];
    type Error = Unwritten;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Impossible<&'a mut [u8], Unwritten>;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    values! {
        serialize_bool bool, by bit;
        serialize_u8 u8, by byte;
        serialize_u16 u16, by unsigned;
        serialize_u32 u32, by unsigned;
        serialize_u64 u64, by unsigned;
        serialize_i8 i8, by put;
        serialize_i16 i16, by put;
        serialize_i32 i32, by put;
        serialize_i64 i64, by put;
        serialize_f32 f32, by put;
        serialize_f64 f64, by put;
        serialize_char char, by put;
        serialize_str &str, by put;
        serialize_bytes &[u8], by put;
    }

    #[inline(always)]
    fn serialize_none(self) -> Result<&'a mut [u8], Unwritten> {
        self.byte(0)
    }

    #[inline(always)]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<&'a mut [u8], Unwritten> {
        value.serialize(Room(self.byte(1)?))
    }

    #[inline(always)]
    fn serialize_unit(self) -> Result<&'a mut [u8], Unwritten> {
        Ok(self.0)
    }

    #[inline(always)]
    fn serialize_unit_struct(self, _: &'static str) -> Result<&'a mut [u8], Unwritten> {
        Ok(self.0)
    }

    #[inline(always)]
    fn serialize_unit_variant(self, _: &'static str, number: u32, _: &'static str) -> Result<&'a mut [u8], Unwritten> {
        self.unsigned(number)
    }

    #[inline(always)]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<&'a mut [u8], Unwritten> {
        value.serialize(self)
    }

    #[inline(always)]
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        number: u32,
        _: &'static str,
        value: &T,
    ) -> Result<&'a mut [u8], Unwritten> {
        value.serialize(Room(self.unsigned(number)?))
    }

    #[inline(always)]
    fn serialize_seq(self, length: Option<usize>) -> Result<Self, Unwritten> {
        let length = length.ok_or_else(|| Unwritten::custom("a list without a length"))?;
        self.unsigned(length).map(Room)
    }

    #[inline(always)]
    fn serialize_tuple(self, _: usize) -> Result<Self, Unwritten> {
        Ok(self)
    }

    #[inline(always)]
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, Unwritten> {
        Ok(self)
    }

    #[inline(always)]
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        number: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, Unwritten> {
        self.unsigned(number).map(Room)
    }

    /// No record has a map.
    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, Unwritten> {
        Err(Unwritten::custom("a map, which the stream has none of"))
    }

    #[inline(always)]
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, Unwritten> {
        Ok(self)
    }

    #[inline(always)]
    fn serialize_struct_variant(
        self,
        name: &'static str,
        number: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Self, Unwritten> {
        self.serialize_tuple_variant(name, number, variant, length)
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

/// The parts of a list or of a record follow each other.
macro_rules! parts {
    ($($Trait:ident $function:ident $($name:ty)?),* $(,)?) => {
        $(impl<'a> $Trait for Room<'a> {
            type Ok = &'a mut [u8];
            type Error = Unwritten;

            #[inline(always)]
            fn $function<T: Serialize + ?Sized>(&mut self, $(_: $name,)? value: &T) -> Result<(), Unwritten> {
                self.0 = value.serialize(Room(mem::take(&mut self.0)))?;
                Ok(())
            }

            #[inline(always)]
            fn end(self) -> Result<&'a mut [u8], Unwritten> {
                Ok(self.0)
            }
        })*
    };
}

parts! {
    SerializeSeq serialize_element,
    SerializeTuple serialize_element,
    SerializeTupleStruct serialize_field,
    SerializeTupleVariant serialize_field,
    SerializeStruct serialize_field &'static str,
    SerializeStructVariant serialize_field &'static str,
}
