//! A frame on its way to a file.

/// A frame as it is written.
pub struct Picture {
    /// Its number.
    pub number: u64,
    /// Width and height.
    pub size: (u32, u32),
    /// Rows of red, green, blue and alpha.
    pub rgba: Vec<u8>,
}
