//! Sources of scripts: decoding, and conversion to JavaScript.

use std::borrow::Cow;

use rquickjs::{Ctx, Error, Exception, Object};

use crate::typescript;

/// The text of a file, which must be UTF-8.
pub fn decode(name: &str, bytes: Vec<u8>) -> Result<String, String> {
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        format!("{name} is not UTF-8: byte {at} begins no character")
    })
}

/// The JavaScript to compile: TypeScript loses its types. An error is a SyntaxError with its place in the file, like the
/// engine's own.
pub fn prepare(ctx: &Ctx<'_>, name: &str, text: String) -> rquickjs::Result<String> {
    if !typescript::is(name) {
        return Ok(text);
    }
    typescript::strip(name, text).map_err(|typescript::Problem { message, place }| {
        match syntax_error(ctx, name, &message, place) {
            Ok(error) => ctx.throw(error.into_value()),
            Err(error) => error,
        }
    })
}

/// A SyntaxError at a line and column, or for the whole file.
pub fn syntax_error<'js>(
    ctx: &Ctx<'js>,
    name: &str,
    message: &str,
    place: Option<(usize, usize)>,
) -> rquickjs::Result<Object<'js>> {
    let Error::Exception = Exception::throw_syntax(ctx, message) else { return Err(Error::Unknown) };
    let error: Object<'js> = ctx.catch().into_object().ok_or(Error::Unknown)?;
    let place = place.map_or(Cow::Borrowed(name), |(line, column)| Cow::Owned(format!("{name}:{line}:{column}")));
    error.set("stack", format!("    at {place}\n"))?;
    Ok(error)
}
