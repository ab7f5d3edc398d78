//! Tokens: names of a guest's objects in lists.

use std::collections::HashMap;

use airlock_passes::Token;

/// The tokens of one guest. There are at most as many as the guest has had handles at a time.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    entries: Vec<Entry>,
    free: Vec<u32>,
    by_object: HashMap<u32, Token>,
}

#[derive(Debug)]
struct Entry {
    /// Number of objects that had this entry before; a part of the token.
    generation: u32,
    /// Index of the object in the resource table.
    object: Option<u32>,
}

impl Tokens {
    /// The token of an object, by its index in the resource table; `None` when all entries that tokens can name are in use.
    pub(crate) fn of(&mut self, object: u32) -> Option<Token> {
        if let Some(token) = self.by_object.get(&object) {
            return Some(*token);
        }
        let index = match self.free.pop() {
            Some(index) => index,
            None => {
                let index = u32::try_from(self.entries.len()).ok()?;
                self.entries.push(Entry { generation: 0, object: None });
                index
            }
        };
        let entry = self.entries.get_mut(usize::try_from(index).ok()?)?;
        entry.object = Some(object);
        // The lower half is never 0, and so the token is not.
        let token = Token::new(u64::from(entry.generation) << 32 | (u64::from(index) + 1))?;
        self.by_object.insert(object, token);
        Some(token)
    }

    /// The object of a token, as an index in the resource table.
    #[inline]
    pub(crate) fn find(&self, token: Token) -> Option<u32> {
        let (generation, index) = halves(token);
        let entry = self.entries.get(usize::try_from(index?).ok()?)?;
        entry.object.filter(|_| entry.generation == generation)
    }

    /// Invalidates the token of an object whose handle was dropped.
    #[inline]
    pub(crate) fn forget(&mut self, object: u32) {
        if !self.by_object.is_empty() {
            self.forget_one(object);
        }
    }

    fn forget_one(&mut self, object: u32) {
        let Some(token) = self.by_object.remove(&object) else { return };
        let (_, Some(index)) = halves(token) else { return };
        let Some(entry) = usize::try_from(index).ok().and_then(|index| self.entries.get_mut(index)) else { return };
        entry.object = None;
        // An entry without a next generation is not reused: its tokens never name another object.
        if let Some(generation) = entry.generation.checked_add(1) {
            entry.generation = generation;
            self.free.push(index);
        }
    }
}

/// Generation and index.
#[inline]
#[allow(clippy::cast_possible_truncation, reason = "the halves of 64 bits")]
fn halves(token: Token) -> (u32, Option<u32>) {
    let number = token.get();
    ((number >> 32) as u32, (number as u32).checked_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_ends_with_its_object() {
        let mut tokens = Tokens::default();
        let (first, second) = (tokens.of(7).unwrap(), tokens.of(8).unwrap());
        assert_eq!(tokens.of(7), Some(first));
        assert_eq!((tokens.find(first), tokens.find(second)), (Some(7), Some(8)));
        tokens.forget(7);
        tokens.forget(9);
        assert_eq!((tokens.find(first), tokens.find(second)), (None, Some(8)));
        // The index in the table is another object's now.
        let third = tokens.of(7).unwrap();
        assert_ne!(third, first);
        assert_eq!((tokens.find(third), tokens.find(first)), (Some(7), None));
    }

    #[test]
    fn other_numbers_are_no_tokens() {
        let mut tokens = Tokens::default();
        let token = tokens.of(1).unwrap().get();
        for number in [2, 1 << 32, token + 1, token | 1 << 32, u64::MAX] {
            assert_eq!(tokens.find(Token::new(number).unwrap()), None, "{number}");
        }
    }

    #[test]
    fn entries_are_reused_until_their_generations_end() {
        let mut tokens = Tokens::default();
        for object in 0..1000 {
            tokens.of(object).unwrap();
            tokens.forget(object);
        }
        assert_eq!(tokens.entries.len(), 1);
        tokens.entries[0].generation = u32::MAX;
        let last = tokens.of(5).unwrap();
        tokens.forget(5);
        let next = tokens.of(5).unwrap();
        assert_eq!((tokens.find(last), tokens.find(next)), (None, Some(5)));
    }
}
