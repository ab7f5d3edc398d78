//! Errors for imports that the linker cannot satisfy, in one line.

use super::error::{CliError, root_cause};

/// Converts the linker's error. The names are taken from its messages, the only source: for a missing function of
/// `a:b/c` they read "component imports instance `a:b/c`, ...", "instance export `f` ...", and at the end "function
/// implementation is missing".
pub fn explain(file: &str, error: &wasmtime::Error) -> CliError {
    let names: Vec<_> = error.chain().filter_map(|cause| name_in(&cause.to_string())).collect();
    let (file, cause) = (file.to_owned(), root_cause(error));
    let import = match names.as_slice() {
        [] => return CliError::Invalid { file, cause },
        [interface] => interface.clone(),
        [interface, .., item] => format!("{} from {interface}", describe(item)),
    };
    if cause.ends_with("implementation is missing") {
        CliError::UnknownImport { file, import }
    } else {
        CliError::ImportType { file, import, cause }
    }
}

/// The name in such a message.
fn name_in(message: &str) -> Option<String> {
    let is_ours = ["component imports ", "instance export "].iter().any(|start| message.starts_with(start));
    message.split('`').nth(1).filter(|_| is_ours).map(str::to_owned)
}

/// A readable name for an item such as `[method]buffer.map`.
fn describe(item: &str) -> String {
    match item.trim_start_matches('[').split_once(']') {
        Some((kind, name)) => format!("the {kind} `{name}`"),
        None => format!("`{item}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasmtime::error::Context as _;

    fn missing(item: Option<&str>, root: &'static str) -> String {
        let error = Err::<(), _>(wasmtime::Error::msg(root));
        let error = match item {
            Some(item) => error.with_context(|| format!("instance export `{item}` has the wrong type")),
            None => error,
        };
        let error =
            error.context("component imports instance `a:b/c@1.0.0`, but a matching implementation was not found");
        error.err().map(|error| explain("f", &error).to_string()).unwrap_or_default()
    }

    #[test]
    fn missing_imports_are_named() {
        let root = "function implementation is missing";
        assert!(missing(Some("do-it"), root).starts_with("f imports `do-it` from a:b/c@1.0.0, which airlock does not"));
        assert!(missing(Some("[method]x.y"), root).starts_with("f imports the method `x.y` from a:b/c@1.0.0,"));
        assert!(missing(None, root).starts_with("f imports a:b/c@1.0.0, which"));
    }

    #[test]
    fn other_types_are_explained() {
        let text = missing(Some("do-it"), "expected `u8` found `u16`");
        assert_eq!(
            text,
            "f imports `do-it` from a:b/c@1.0.0 with another type than airlock has it: expected `u8` found `u16`"
        );
    }
}
