//! A picture of a readback, recorded and replayed.

/// Both sides of a picture that is not equal, in 8-bit red, green and blue, row by row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// The `MapBuffer` that returned it, by its number in the trace.
    pub command: u64,
    /// Texels of a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// As it was recorded.
    pub expected: Vec<u8>,
    /// As it is now.
    pub found: Vec<u8>,
}
