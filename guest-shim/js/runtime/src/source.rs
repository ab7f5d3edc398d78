//! Sources of scripts: from bytes to JavaScript.

/// The text of a file.
pub fn decode(name: &str, bytes: Vec<u8>) -> Result<String, String> {
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        format!("{name} is not UTF-8: byte {at} begins no character")
    })
}

/// What is compiled: TypeScript loses its types.
pub fn prepare(_name: &str, text: String) -> Result<String, String> {
    Ok(text)
}
