//! The library in `lib/`: modules in JavaScript that make the web's environment out of what the runtime offers. They are
//! part of the component, so that no file is needed when a script runs.

macro_rules! modules {
    ($($name:literal),* $(,)?) => {
        /// Names relative to `lib/`, and sources.
        static MODULES: &[(&str, &str)] = &[$(($name, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../lib/", $name)))),*];
    };
}

include!(concat!(env!("OUT_DIR"), "/library.rs"));

/// What the library's modules are called: nothing that a script can import has this prefix.
pub const PREFIX: &str = "airlock:";
/// The module that sets up everything.
pub const MAIN: &str = "airlock:main.js";
/// What the runtime offers to the library.
pub const NATIVE: &str = "airlock:native";

pub fn source(name: &str) -> Option<&'static str> {
    let name = name.strip_prefix(PREFIX)?;
    #[cfg(feature = "development")]
    if let Ok(bytes) = crate::files::read(&format!("/lib/{name}")) {
        return String::from_utf8(bytes).ok().map(|text| &*text.leak());
    }
    MODULES.iter().find(|(known, _)| *known == name).map(|(_, source)| *source)
}
