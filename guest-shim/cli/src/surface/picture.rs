//! A frame in transit to a file.

/// A frame in the form of files.
pub struct Picture {
    pub number: u64,
    /// Width and height in texels.
    pub size: (u32, u32),
    /// Rows of red, green, blue and alpha.
    pub rgba: Vec<u8>,
}
