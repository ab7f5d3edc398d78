//! A sample of any value of the stream, made by its `Deserialize` from a deserializer that generates each requested value.
//!
//! Values follow from a counter, so that a sample is the same in every run, its fields differ from each other, and numbers
//! of each encoded length occur. Options are present and lists have two elements, so that every field has bytes.
#![allow(dead_code)]

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{
        self, DeserializeSeed, EnumAccess, IntoDeserializer, SeqAccess, VariantAccess, Visitor, value::U32Deserializer,
    },
};

/// The sample of an enum's variant with this number.
pub fn variant<T: Deserialize<'static>>(number: u32) -> T {
    T::deserialize(&mut Sampler { count: 0, variant: Some(number) }).expect("every type of the stream has a sample")
}

/// Texts of a sample, of one byte and of several bytes a character.
const TEXTS: [&str; 3] = ["label", "é", "a longer text"];

/// An error of the sampler: a type that requests a value outside the stream's data model.
#[derive(Debug)]
pub struct Unsupported(String);

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unsupported {}

impl de::Error for Unsupported {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

/// Deserializer that generates values.
pub struct Sampler {
    /// Number of values generated so far.
    count: u32,
    /// The variant of the outermost enum, until it is generated.
    variant: Option<u32>,
}

impl Sampler {
    fn next(&mut self) -> u32 {
        self.count += 1;
        self.count
    }
}

/// Integers, each with one value of one byte and longer ones in between.
macro_rules! integers {
    ($($function:ident $visit:ident $type:ty, $long:expr;)*) => {
        $(fn $function<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, Unsupported> {
            let count = self.next();
            visitor.$visit(if count.is_multiple_of(3) { $long } else { (count % 100) as $type })
        })*
    };
}

macro_rules! absent {
    ($($function:ident)*) => {
        $(fn $function<V: Visitor<'static>>(self, _: V) -> Result<V::Value, Unsupported> {
            Err(de::Error::custom(stringify!($function)))
        })*
    };
}

impl Deserializer<'static> for &mut Sampler {
    type Error = Unsupported;

    integers! {
        deserialize_u8 visit_u8 u8, 251;
        deserialize_u16 visit_u16 u16, 300;
        deserialize_u32 visit_u32 u32, 70_000;
        deserialize_u64 visit_u64 u64, 1 << 40;
        deserialize_i8 visit_i8 i8, -7;
        deserialize_i16 visit_i16 i16, -300;
        deserialize_i32 visit_i32 i32, -70_000;
        deserialize_i64 visit_i64 i64, -(1 << 40);
    }

    absent!(deserialize_any deserialize_identifier deserialize_ignored_any deserialize_map deserialize_char);

    fn deserialize_bool<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, Unsupported> {
        let value = self.next().is_multiple_of(2);
        visitor.visit_bool(value)
    }

    fn deserialize_f32<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, Unsupported> {
        let value = self.next() as f32 + 0.5;
        visitor.visit_f32(value)
    }

    fn deserialize_f64<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, Unsupported> {
        let value = f64::from(self.next()) + 0.25;
        visitor.visit_f64(value)
    }

    fn deserialize_str<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, Unsupported> {
        let text = TEXTS[self.next() as usize % TEXTS.len()];
        visitor.visit_borrowed_str(text)
    }

    fn deserialize_string<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, Unsupported> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, Unsupported> {
        visitor.visit_borrowed_bytes(&[9, 8, 250, 251])
    }

    fn deserialize_byte_buf<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, Unsupported> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, Unsupported> {
        visitor.visit_some(self)
    }

    fn deserialize_unit<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, Unsupported> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'static>>(self, _: &str, visitor: V) -> Result<V::Value, Unsupported> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'static>>(self, _: &str, visitor: V) -> Result<V::Value, Unsupported> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, Unsupported> {
        visitor.visit_seq(Elements { sampler: self, left: 2 })
    }

    fn deserialize_tuple<V: Visitor<'static>>(self, left: usize, visitor: V) -> Result<V::Value, Unsupported> {
        visitor.visit_seq(Elements { sampler: self, left })
    }

    fn deserialize_tuple_struct<V: Visitor<'static>>(
        self,
        _: &str,
        left: usize,
        visitor: V,
    ) -> Result<V::Value, Unsupported> {
        self.deserialize_tuple(left, visitor)
    }

    fn deserialize_struct<V: Visitor<'static>>(
        self,
        _: &str,
        fields: &[&str],
        visitor: V,
    ) -> Result<V::Value, Unsupported> {
        self.deserialize_tuple(fields.len(), visitor)
    }

    fn deserialize_enum<V: Visitor<'static>>(
        self,
        _: &str,
        variants: &[&str],
        visitor: V,
    ) -> Result<V::Value, Unsupported> {
        let variants = u32::try_from(variants.len()).expect("few variants");
        let number = self.variant.take().unwrap_or_else(|| self.next() % variants);
        visitor.visit_enum(Chosen { sampler: self, number })
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

struct Elements<'s> {
    sampler: &'s mut Sampler,
    left: usize,
}

impl SeqAccess<'static> for Elements<'_> {
    type Error = Unsupported;

    fn next_element_seed<T: DeserializeSeed<'static>>(&mut self, seed: T) -> Result<Option<T::Value>, Unsupported> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        seed.deserialize(&mut *self.sampler).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

struct Chosen<'s> {
    sampler: &'s mut Sampler,
    number: u32,
}

impl<'s> EnumAccess<'static> for Chosen<'s> {
    type Error = Unsupported;
    type Variant = &'s mut Sampler;

    fn variant_seed<V: DeserializeSeed<'static>>(self, seed: V) -> Result<(V::Value, Self::Variant), Unsupported> {
        let number: U32Deserializer<Unsupported> = self.number.into_deserializer();
        Ok((seed.deserialize(number)?, self.sampler))
    }
}

impl VariantAccess<'static> for &mut Sampler {
    type Error = Unsupported;

    fn unit_variant(self) -> Result<(), Unsupported> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'static>>(self, seed: T) -> Result<T::Value, Unsupported> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'static>>(self, left: usize, visitor: V) -> Result<V::Value, Unsupported> {
        self.deserialize_tuple(left, visitor)
    }

    fn struct_variant<V: Visitor<'static>>(self, fields: &[&str], visitor: V) -> Result<V::Value, Unsupported> {
        self.deserialize_tuple(fields.len(), visitor)
    }
}
