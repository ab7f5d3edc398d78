//! Links the C++ library of `nv-flip` statically where the compiler has it in that form: the shared one would be loaded and bound
//! at the start of every `airlock run`, which uses none of it.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    #[cfg(feature = "flip")]
    if let Some(folder) = folder_of("libstdc++.a") {
        println!("cargo:rustc-link-search=native={}", folder.display());
        println!("cargo:rustc-link-lib=static:-bundle=stdc++");
    }
}

/// The folder in which the compiler finds a library. GCC and clang print the bare name of one that they do not have.
#[cfg(feature = "flip")]
fn folder_of(library: &str) -> Option<std::path::PathBuf> {
    if std::env::var("CARGO_CFG_TARGET_ENV").as_deref() != Ok("gnu") {
        return None;
    }
    let mut command = cc::Build::new().cpp(true).try_get_compiler().ok()?.to_command();
    let output = command.arg(format!("-print-file-name={library}")).output().ok()?;
    let path = std::path::PathBuf::from(String::from_utf8(output.stdout).ok()?.trim());
    path.is_absolute().then(|| path.parent().map(std::path::Path::to_owned)).flatten()
}
