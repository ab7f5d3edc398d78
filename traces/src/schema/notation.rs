//! The text form of any `Serialize` value, in one line.
//!
//! | value | text |
//! |---|---|
//! | a command, an enum variant around a record | `Name field=value field=value` |
//! | a record within a field | `{field=value,field=value}` |
//! | a number, an id, a truth value | `3`, `0.5`, `true` |
//! | an absent value | `-` |
//! | an enum without data | `Name` |
//! | an enum with data | `Name(value)`, `Name{field=value}` |
//! | a set of flags | `NAME\|NAME`, `0` when it is empty |
//! | a list, a tuple | `[value,value]`, `(value,value)` |
//! | bytes | `<16 bytes>`, `[]` when there are none |
//! | a string | `"text"`, escaped as in Rust; a long one `"its start"...(4096 bytes)` |
//!
//! Outside strings and the text for bytes there is no blank within a field.

use std::fmt::{self, Display, Write as _};

use serde::{
    Serialize,
    ser::{self, Error as _},
};
use thiserror::Error;

/// Maximum characters of a string. Names fit, shaders do not fill the screen.
pub const MAX_STRING: usize = 60;

/// A value whose `Serialize` fails. Commands do not.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct NotationError(String);

impl ser::Error for NotationError {
    fn custom<T: Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

/// Appends a value's text.
pub fn write<T: Serialize + ?Sized>(value: &T, text: &mut String) -> Result<(), NotationError> {
    value.serialize(&mut Writer { text, place: Place::Command, byte: false })
}

/// The position of the next value, which decides the form of a variant and a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// At the start of the line.
    Command,
    /// Just after the command's name.
    Record,
    /// Anywhere else.
    Field,
}

/// Appends values to a line.
#[derive(Debug)]
struct Writer<'t> {
    text: &'t mut String,
    place: Place,
    /// The last value was a single byte. A list of them is written as its length; serde shows borrowed bytes as lists.
    byte: bool,
}

impl<'t> Writer<'t> {
    fn plain(&mut self, value: impl Display) -> Result<(), NotationError> {
        self.place = Place::Field;
        self.byte = false;
        // Writing to a string cannot fail, a value's own `Display` can.
        write!(self.text, "{value}").map_err(NotationError::custom)
    }

    fn begin(&mut self, open: &'static str, between: &'static str, close: &'static str) -> Group<'_, 't> {
        self.place = Place::Field;
        let start = self.text.len();
        self.text.push_str(open);
        Group { writer: self, start, open, between, close, empty: true, bytes: 0 }
    }
}

/// Several values between brackets.
#[derive(Debug)]
struct Group<'w, 't> {
    writer: &'w mut Writer<'t>,
    /// Position of the opening bracket in the text.
    start: usize,
    open: &'static str,
    between: &'static str,
    close: &'static str,
    empty: bool,
    /// Number of values that were single bytes.
    bytes: usize,
}

impl Group<'_, '_> {
    fn separate(&mut self) {
        if !self.empty {
            self.writer.text.push_str(self.between);
        }
        self.empty = false;
    }

    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NotationError> {
        self.separate();
        value.serialize(&mut *self.writer)
    }

    fn field<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), NotationError> {
        self.separate();
        self.writer.text.push_str(name);
        self.writer.text.push('=');
        value.serialize(&mut *self.writer)
    }

    fn close(self) -> Result<(), NotationError> {
        self.writer.byte = false;
        if self.bytes > 0 {
            self.writer.text.truncate(self.start);
            return self.writer.plain(format_args!("<{} bytes>", self.bytes));
        }
        self.writer.text.push_str(self.close);
        Ok(())
    }
}

impl ser::SerializeSeq for Group<'_, '_> {
    type Ok = ();
    type Error = NotationError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NotationError> {
        self.writer.byte = false;
        self.value(value)?;
        if self.writer.byte {
            // Only their number is written, and long data must not become longer text in between.
            self.bytes += 1;
            self.writer.text.truncate(self.start.saturating_add(self.open.len()));
        }
        Ok(())
    }

    fn end(self) -> Result<(), NotationError> {
        self.close()
    }
}

/// Tuples of every sort have values without names.
macro_rules! tuples {
    ($($trait:ident $function:ident),*) => {
        $(impl ser::$trait for Group<'_, '_> {
            type Ok = ();
            type Error = NotationError;

            fn $function<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NotationError> {
                self.value(value)
            }

            fn end(self) -> Result<(), NotationError> {
                self.close()
            }
        })*
    };
}

tuples!(SerializeTuple serialize_element, SerializeTupleStruct serialize_field, SerializeTupleVariant serialize_field);

/// Records of every sort have values with names.
macro_rules! records {
    ($($trait:ident),*) => {
        $(impl ser::$trait for Group<'_, '_> {
            type Ok = ();
            type Error = NotationError;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), NotationError> {
                self.field(name, value)
            }

            fn end(self) -> Result<(), NotationError> {
                self.close()
            }
        })*
    };
}

records!(SerializeStruct, SerializeStructVariant);

impl ser::SerializeMap for Group<'_, '_> {
    type Ok = ();
    type Error = NotationError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), NotationError> {
        self.value(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NotationError> {
        self.writer.text.push('=');
        value.serialize(&mut *self.writer)
    }

    fn end(self) -> Result<(), NotationError> {
        self.close()
    }
}

/// Scalars whose `Display` is their text.
macro_rules! scalars {
    ($($function:ident $type:ty),*) => {
        $(fn $function(self, value: $type) -> Result<(), NotationError> {
            self.plain(value)
        })*
    };
}

impl<'w, 't> ser::Serializer for &'w mut Writer<'t> {
    type Ok = ();
    type Error = NotationError;
    type SerializeSeq = Group<'w, 't>;
    type SerializeTuple = Group<'w, 't>;
    type SerializeTupleStruct = Group<'w, 't>;
    type SerializeTupleVariant = Group<'w, 't>;
    type SerializeMap = Group<'w, 't>;
    type SerializeStruct = Group<'w, 't>;
    type SerializeStructVariant = Group<'w, 't>;

    scalars!(
        serialize_bool bool, serialize_i8 i8, serialize_i16 i16, serialize_i32 i32, serialize_i64 i64,
        serialize_u16 u16, serialize_u32 u32, serialize_u64 u64
    );

    fn serialize_u8(self, value: u8) -> Result<(), NotationError> {
        self.plain(value)?;
        self.byte = true;
        Ok(())
    }

    fn serialize_f32(self, value: f32) -> Result<(), NotationError> {
        // `Debug` distinguishes a float from an integer and keeps extreme values short.
        self.plain(format_args!("{value:?}"))
    }

    fn serialize_f64(self, value: f64) -> Result<(), NotationError> {
        self.plain(format_args!("{value:?}"))
    }

    fn serialize_char(self, value: char) -> Result<(), NotationError> {
        self.plain(format_args!("{value:?}"))
    }

    fn serialize_str(self, value: &str) -> Result<(), NotationError> {
        match value.char_indices().nth(MAX_STRING) {
            None => self.plain(format_args!("{value:?}")),
            Some((end, _)) => {
                self.plain(format_args!("{:?}...({} bytes)", value.get(..end).unwrap_or_default(), value.len()))
            }
        }
    }

    /// Values with a text form of their own: a set of flags, with blanks around the bars.
    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<(), NotationError> {
        let before = self.text.len();
        write!(WithoutBlanks(self.text), "{value}").map_err(NotationError::custom)?;
        if self.text.len() == before {
            self.text.push('0');
        }
        self.place = Place::Field;
        self.byte = false;
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), NotationError> {
        self.plain(format_args!("<{} bytes>", value.len()))
    }

    fn serialize_none(self) -> Result<(), NotationError> {
        self.plain('-')
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), NotationError> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), NotationError> {
        self.plain("()")
    }

    fn serialize_unit_struct(self, name: &'static str) -> Result<(), NotationError> {
        self.plain(name)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), NotationError> {
        self.plain(variant)
    }

    /// Ids are written as their numbers; the field's name shows the kind.
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), NotationError> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), NotationError> {
        let place = self.place;
        self.plain(variant)?;
        if place == Place::Command {
            self.place = Place::Record;
            return value.serialize(self);
        }
        self.text.push('(');
        value.serialize(&mut *self)?;
        self.plain(')')
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self::SerializeSeq, NotationError> {
        Ok(self.begin("[", ",", "]"))
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, NotationError> {
        Ok(self.begin("(", ",", ")"))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeTupleStruct, NotationError> {
        Ok(self.begin("(", ",", ")"))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, NotationError> {
        self.plain(variant)?;
        Ok(self.begin("(", ",", ")"))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, NotationError> {
        Ok(self.begin("{", ",", "}"))
    }

    fn serialize_struct(self, _: &'static str, fields: usize) -> Result<Self::SerializeStruct, NotationError> {
        Ok(match self.place {
            // A command's own fields follow its name.
            Place::Record if fields > 0 => self.begin(" ", " ", ""),
            Place::Record => self.begin("", "", ""),
            Place::Command | Place::Field => self.begin("{", ",", "}"),
        })
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, NotationError> {
        let place = self.place;
        self.plain(variant)?;
        // An event's own fields follow its name, as a command's do.
        Ok(if place == Place::Command { self.begin(" ", " ", "") } else { self.begin("{", ",", "}") })
    }
}

/// Removes blanks.
struct WithoutBlanks<'t>(&'t mut String);

impl fmt::Write for WithoutBlanks<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend(text.split(' '));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn text(value: &(impl Serialize + ?Sized)) -> String {
        let mut text = String::new();
        write(value, &mut text).unwrap();
        text
    }

    #[derive(Serialize)]
    struct Unit;

    #[derive(Serialize)]
    struct Small {
        code: u8,
        pair: (u8, bool),
    }

    #[derive(Serialize)]
    enum Sum {
        Byte(u8),
        Pair(u8, f32),
        Record { a: Option<i64> },
    }

    #[test]
    fn scalars() {
        assert_eq!(text(&-3_i64), "-3");
        assert_eq!(text(&1e300), "1e300");
        assert_eq!(text(&Option::<u8>::None), "-");
        assert_eq!(text(&'\n'), r"'\n'");
        assert_eq!(text(&Unit), "Unit");
        assert_eq!(text(&()), "()");
    }

    #[test]
    fn only_lists_of_bytes_are_counted() {
        assert_eq!(text(&[1_u8, 2, 3][..]), "<3 bytes>");
        assert_eq!(text(&[[1_u8, 2].as_slice(), &[3]][..]), "[<2 bytes>,<1 bytes>]");
        assert_eq!(
            text(&[Small { code: 1, pair: (2, true) }, Small { code: 3, pair: (4, false) }][..]),
            "[{code=1,pair=(2,true)},{code=3,pair=(4,false)}]"
        );
        assert_eq!(text(&("", [Sum::Byte(1), Sum::Byte(2)].as_slice())), "(\"\",[Byte(1),Byte(2)])");
        assert_eq!(text(&[Sum::Pair(1, 2.0), Sum::Record { a: None }][..]), "[Pair(1,2.0),Record{a=-}]");
        assert_eq!(text(&[0_u8; 0][..]), "[]");
        assert_eq!(text(&Sum::Record { a: Some(1) }), "Record a=1");
    }

    #[test]
    fn maps() {
        assert_eq!(text(&BTreeMap::from([("a", 1), ("b", 2)])), "{\"a\"=1,\"b\"=2}");
    }

    #[test]
    fn long_strings_are_cut_between_characters() {
        let exact = "é".repeat(MAX_STRING);
        assert_eq!(text(exact.as_str()), format!("{exact:?}"));
        assert_eq!(text(format!("{exact}é").as_str()), format!("{exact:?}...(122 bytes)"));
    }
}
