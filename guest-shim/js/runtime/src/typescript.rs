//! TypeScript: its types are replaced by blanks, so that each line and column of an error remains that of the file.
//!
//! Nothing is checked or translated: syntax with a runtime meaning (enums, namespaces, parameter properties) is an error, as
//! under the compiler's option `erasableSyntaxOnly`.

use std::sync::{Arc, Mutex, PoisonError};

use swc_common::errors::{DiagnosticBuilder, Emitter, Handler};
use swc_common::{SourceMap, Span, sync::Lrc};
use swc_ts_fast_strip::{Options, operate};

/// File extensions of TypeScript modules.
const ENDINGS: [&str; 2] = [".ts", ".mts"];

/// Whether a file name has an extension of TypeScript.
pub fn is(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// An error: the text is not TypeScript, or needs translation.
pub struct Problem {
    pub message: String,
    /// The line and column, from 1.
    pub place: Option<(usize, usize)>,
}

/// JavaScript with every character at its place in the TypeScript `text`.
pub fn strip(name: &str, text: String) -> Result<String, Problem> {
    let map = Lrc::new(SourceMap::default());
    let first = First::default();
    let handler = Handler::with_emitter(false, false, Box::new(first.clone()));
    let options = Options { module: Some(true), filename: Some(name.to_owned()), ..Options::default() };
    operate(&map, &handler, text, options).map(|output| output.code).map_err(|error| match first.take() {
        Some((message, span)) => {
            let at = map.lookup_char_pos(span.lo());
            Problem { message: plain(&message), place: Some((at.line, at.col.0.saturating_add(1))) }
        }
        None => Problem { message: error.message, place: None },
    })
}

/// A message without the name of the mode of `swc_ts_fast_strip`, which users do not choose.
fn plain(message: &str) -> String {
    match message.strip_suffix(" in strip-only mode") {
        Some(what) => format!("{what}: types are left out, and this would have to be translated"),
        None => message.to_owned(),
    }
}

/// The first error and its span.
#[derive(Clone, Default)]
struct First(Arc<Mutex<Option<(String, Span)>>>);

impl First {
    fn take(&self) -> Option<(String, Span)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Emitter for First {
    fn emit(&mut self, diagnostic: &mut DiagnosticBuilder<'_>) {
        let span = diagnostic.span.primary_span().unwrap_or_default();
        let message = diagnostic.message();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert((message, span));
    }
}
