//! `Wire`: the hash of a type's definition, and a visit of the ids in a value. `#[wire]` and `#[command]` implement it.

use crate::ids::{Id, Object, RequestId};

/// How a command uses an object that it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Use {
    /// It must exist.
    Names,
    /// The command makes it.
    Makes,
    /// Its id is free afterwards.
    Drops,
    /// Its contents are read when the command is executed.
    Reads,
    /// Its contents are written when the command is executed.
    Writes,
}

/// Takes the ids of a value in the order of its fields.
pub trait VisitIds {
    /// The id of an object.
    fn object(&mut self, object: Object, how: Use);
    /// The number of a request.
    fn request(&mut self, request: RequestId) {
        let _ = request;
    }
}

/// A hash over definitions (FNV-1a, 64 bits): it tells builds apart and is no defence. It covers the order of fields
/// and variants, their names, and the types down to numbers and texts. It does not cover names of records, comments and
/// the bounds of lists, none of which changes a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schema(u64);

impl Schema {
    /// A type with this name, before its parts.
    pub(crate) const fn named(name: &str) -> Self {
        Self(0xcbf2_9ce4_8422_2325).text(name)
    }

    /// Adds a text. Its length is hashed too, so that the parts of two texts cannot move between them.
    pub(crate) const fn text(self, text: &str) -> Self {
        let bytes = text.as_bytes();
        let mut schema = self.number(bytes.len() as u64);
        let mut place = 0;
        while place < bytes.len() {
            schema = schema.byte(bytes[place]);
            place += 1;
        }
        schema
    }

    /// Adds a number.
    pub(crate) const fn number(self, number: u64) -> Self {
        let bytes = number.to_le_bytes();
        let mut schema = self;
        let mut place = 0;
        while place < bytes.len() {
            schema = schema.byte(bytes[place]);
            place += 1;
        }
        schema
    }

    /// Adds another type.
    pub(crate) const fn then(self, part: Schema) -> Self {
        self.number(part.0)
    }

    /// Adds a field or a variant.
    pub(crate) const fn field(self, name: &str, ty: Schema) -> Self {
        self.text(name).then(ty)
    }

    const fn byte(self, byte: u8) -> Self {
        Self((self.0 ^ byte as u64).wrapping_mul(0x0100_0000_01b3))
    }

    /// The hash as 16 hexadecimal digits.
    pub(crate) const fn digits(self) -> [u8; 16] {
        let mut digits = [0; 16];
        let mut place = 0;
        while place < digits.len() {
            let digit = (self.0 >> (60 - 4 * place)) as u8 & 0xf;
            digits[place] = if digit < 10 { b'0' + digit } else { b'a' + digit - 10 };
            place += 1;
        }
        digits
    }
}

/// A type of the stream.
pub trait Wire {
    /// The hash of its definition.
    const SCHEMA: Schema;

    /// Visits the ids in it. `how` is their use where the value says nothing else: a command's record knows the use of
    /// each of its fields.
    fn visit_ids(&self, how: Use, to: &mut impl VisitIds);
}

/// Types without ids.
macro_rules! plain {
    ($($type:ty = $name:literal),* $(,)?) => {
        $(impl Wire for $type {
            const SCHEMA: Schema = Schema::named($name);

            #[inline]
            fn visit_ids(&self, _: Use, _: &mut impl VisitIds) {}
        })*
    };
}

plain! {
    bool = "bool",
    u8 = "u8",
    u16 = "u16",
    u32 = "u32",
    u64 = "u64",
    i32 = "i32",
    f32 = "f32",
    f64 = "f64",
    String = "text",
    &str = "text",
    &[u8] = "bytes",
    () = "unit",
}

/// A set of flags: its bits and their names.
macro_rules! flags {
    ($Flags:ident) => {
        impl crate::wire::Wire for $Flags {
            const SCHEMA: crate::wire::Schema = {
                let flags = <$Flags as bitflags::Flags>::FLAGS;
                let mut schema = crate::wire::Schema::named("flags");
                let mut place = 0;
                while place < flags.len() {
                    schema = schema.text(flags[place].name()).number(flags[place].value().bits() as u64);
                    place += 1;
                }
                schema
            };

            #[inline]
            fn visit_ids(&self, _: crate::wire::Use, _: &mut impl crate::wire::VisitIds) {}
        }
    };
}

pub(crate) use flags;

impl<I: Id> Wire for I {
    const SCHEMA: Schema = Schema::named("id").text(I::KIND).then(u32::SCHEMA);

    #[inline]
    fn visit_ids(&self, how: Use, to: &mut impl VisitIds) {
        to.object(self.object(), how);
    }
}

impl Wire for RequestId {
    const SCHEMA: Schema = Schema::named("request").then(u64::SCHEMA);

    #[inline]
    fn visit_ids(&self, _: Use, to: &mut impl VisitIds) {
        to.request(*self);
    }
}

impl<T: Wire> Wire for Vec<T> {
    const SCHEMA: Schema = Schema::named("list").then(T::SCHEMA);

    #[inline]
    fn visit_ids(&self, how: Use, to: &mut impl VisitIds) {
        self.iter().for_each(|element| element.visit_ids(how, to));
    }
}

impl<T: Wire, const N: usize> Wire for [T; N] {
    const SCHEMA: Schema = Schema::named("array").number(N as u64).then(T::SCHEMA);

    #[inline]
    fn visit_ids(&self, how: Use, to: &mut impl VisitIds) {
        self.iter().for_each(|element| element.visit_ids(how, to));
    }
}

impl<T: Wire> Wire for Option<T> {
    const SCHEMA: Schema = Schema::named("option").then(T::SCHEMA);

    #[inline]
    fn visit_ids(&self, how: Use, to: &mut impl VisitIds) {
        if let Some(value) = self {
            value.visit_ids(how, to);
        }
    }
}

impl<T: Wire, E: Wire> Wire for Result<T, E> {
    const SCHEMA: Schema = Schema::named("result").then(T::SCHEMA).then(E::SCHEMA);

    fn visit_ids(&self, how: Use, to: &mut impl VisitIds) {
        match self {
            Ok(value) => value.visit_ids(how, to),
            Err(error) => error.visit_ids(how, to),
        }
    }
}

impl<A: Wire, B: Wire> Wire for (A, B) {
    const SCHEMA: Schema = Schema::named("pair").then(A::SCHEMA).then(B::SCHEMA);

    #[inline]
    fn visit_ids(&self, how: Use, to: &mut impl VisitIds) {
        self.0.visit_ids(how, to);
        self.1.visit_ids(how, to);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_tells_names_orders_and_types_apart() {
        let record = Schema::named("record");
        let (a, b) = (u32::SCHEMA, u64::SCHEMA);
        let hashes = [
            record,
            record.field("x", a),
            record.field("x", b),
            record.field("y", a),
            record.field("x", a).field("y", b),
            record.field("y", b).field("x", a),
            record.field("xy", a),
            Vec::<u32>::SCHEMA,
            Option::<u32>::SCHEMA,
        ];
        for (place, hash) in hashes.iter().enumerate() {
            assert!(!hashes[..place].contains(hash), "{place}");
        }
        assert_eq!(&Schema(0x0123_4567_89ab_cdef).digits(), b"0123456789abcdef");
        assert_eq!(Schema(0).digits(), [b'0'; 16]);
    }
}
