//! Reader of a guest's lists, which rejects malformed ones.

use crate::{
    command::Command,
    cursor::{Cursor, Malformed},
};

/// Reads the commands of a list in order.
#[derive(Clone, Debug)]
pub struct Reader<'a>(Cursor<'a>);

impl<'a> Reader<'a> {
    /// Creates a reader at the start of a list.
    pub fn new(list: &'a [u8]) -> Self {
        Self(Cursor::new(list))
    }

    /// Number of bytes read.
    pub fn position(&self) -> usize {
        self.0.position()
    }

    /// Reads the next command; `None` at the end. After an error, the rest has no meaning.
    #[inline]
    pub fn next_command(&mut self) -> Result<Option<Command<'a>>, Malformed> {
        if self.0.is_at_end() {
            return Ok(None);
        }
        let at = self.0.position();
        let [number] = self.0.array()?;
        match Command::read(number, &mut self.0)? {
            Some(command) => Ok(Some(command)),
            None => Err(Malformed::Command { at, found: number }),
        }
    }
}
