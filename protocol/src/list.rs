//! Bounded decoding of lists.
//!
//! An absent element of a list takes one byte in the stream and as much memory as a present one: a batch of absent elements
//! would cost a hundred times its length before the list could be checked. So every list of every command and event is
//! bounded while it is decoded: `#[wire]` and `#[command]` name one of these functions for each field that is a list.
//! Elements beyond the bound are not read, and no memory is reserved for them. The encoding does not depend on the bound.
//!
//! No type of the stream contains itself, so that the depth of decoding is bounded by the types.
//! Texts and bytes of commands are borrowed from the batch and cost nothing; those of events are bounded together by
//! [`MAX_EVENT`](crate::limits::MAX_EVENT).

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{Error, SeqAccess, Visitor},
};

use crate::limits::{MAX_LIST, MAX_LISTED_ADAPTERS, MAX_PIPELINE_LIST};

/// A list of at most [`MAX_LIST`] elements.
#[inline]
pub(crate) fn bounded<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Vec<T>, D::Error> {
    read(from, MAX_LIST)
}

/// A list of at most [`MAX_PIPELINE_LIST`] elements.
pub(crate) fn of_pipeline<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Vec<T>, D::Error> {
    read(from, MAX_PIPELINE_LIST)
}

/// A list of at most [`MAX_LISTED_ADAPTERS`] elements.
pub(crate) fn of_adapters<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Vec<T>, D::Error> {
    read(from, MAX_LISTED_ADAPTERS)
}

#[inline]
fn read<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D, limit: usize) -> Result<Vec<T>, D::Error> {
    from.deserialize_seq(Bounded { limit, element: PhantomData })
}

struct Bounded<T> {
    limit: usize,
    element: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Bounded<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of at most {} elements", self.limit)
    }

    #[inline]
    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Vec<T>, A::Error> {
        // The length comes before the elements, and is not trusted beyond the limit.
        let length = elements.size_hint().unwrap_or(0);
        if length > self.limit {
            return Err(A::Error::invalid_length(length, &self));
        }
        let mut list = Vec::with_capacity(length);
        while let Some(element) = elements.next_element()? {
            if list.len() == self.limit {
                return Err(A::Error::invalid_length(self.limit.saturating_add(1), &self));
            }
            list.push(element);
        }
        Ok(list)
    }
}
