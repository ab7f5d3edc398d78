//! The library in `lib/`: JavaScript modules that implement the web's environment with the runtime's functions. They are
//! compiled into the component, so that a script needs no files beside its own.

macro_rules! modules {
    ($($name:literal),* $(,)?) => {
        /// The modules: names relative to `lib/`, and sources.
        static MODULES: &[(&str, &str)] = &[$(($name, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../lib/", $name)))),*];
    };
}

include!(concat!(env!("OUT_DIR"), "/library.rs"));

/// The prefix of the library's module names, which no import of a script can have.
pub const PREFIX: &str = "airlock:";
/// The module that sets up the environment.
pub const MAIN: &str = "airlock:main.js";
/// The module of the runtime's functions.
pub const NATIVE: &str = "airlock:native";

pub fn source(name: &str) -> Option<&'static str> {
    let name = name.strip_prefix(PREFIX)?;
    #[cfg(feature = "development")]
    if let Ok(bytes) = crate::files::read(&format!("/lib/{name}")) {
        return String::from_utf8(bytes).ok().map(|text| &*text.leak());
    }
    MODULES.iter().find(|(known, _)| *known == name).map(|(_, source)| *source)
}
