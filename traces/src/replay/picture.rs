//! A picture of a readback, recorded and replayed.

/// Both sides of a differing picture, in 8-bit red, green and blue, row by row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// The `MapBuffer` that returned it, by its number in the trace.
    pub command: u64,
    /// Texels of a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// The recorded picture.
    pub expected: Vec<u8>,
    /// The replayed picture.
    pub found: Vec<u8>,
}
