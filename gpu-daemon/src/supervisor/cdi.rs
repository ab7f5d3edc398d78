//! `gpu-daemon cdi`: describes claims as devices of the Container Device Interface, with which podman, containerd and CRI-O
//! mount a claim's folder into a container (<https://github.com/cncf-tags/container-device-interface>, `SPEC.md`).
//!
//! A container with such a device has no GPU node and no driver, but the claim's folder and the variable with the socket's path.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use clap::Args;
use serde_json::{Value, json};
use thiserror::Error;

use super::serve::{MAX_CLAIMS, SOCKET, claim_name};

/// Lowest version of the specification with all fields used; engines reject versions newer than their own.
const CDI_VERSION: &str = "0.5.0";

/// The environment variable that `airlock run --daemon` reads.
const VARIABLE: &str = "AIRLOCK_DAEMON";

/// Mount options of a claim's folder. Read-only mounts allow connections to sockets.
const MOUNT_OPTIONS: [&str; 5] = ["ro", "nosuid", "nodev", "noexec", "rbind"];

/// The command line of `cdi`.
#[derive(Clone, Debug, Args)]
pub struct CdiArguments {
    /// The folder of all claims, as `serve --claims` has it
    #[arg(long, value_name = "FOLDER", default_value = "/run/airlock/claims")]
    claims: PathBuf,
    /// A claim that is to be a device; may be repeated. Without it, all that have a folder
    #[arg(long, value_name = "NAME", value_parser = claim_name)]
    claim: Vec<String>,
    /// The vendor and class of the devices: a container has one with --device KIND=CLAIM
    #[arg(long, value_name = "VENDOR/CLASS", default_value = "airlock.dev/session", value_parser = kind)]
    kind: String,
    /// Where the file is written, for example /etc/cdi/airlock.json. Without it, to standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Errors of `cdi`.
#[derive(Debug, Error)]
pub enum CdiError {
    /// The claims cannot be read.
    #[error("cannot read the claims in {}: {cause}", folder.display())]
    Read {
        /// Folder of the claims.
        folder: PathBuf,
        /// The system's error.
        cause: io::Error,
    },
    /// The folder holds no claim.
    #[error("there is no claim in {}: `gpu-daemon serve --claims` makes them", .0.display())]
    None(PathBuf),
    /// A requested claim does not exist.
    #[error("there is no claim {claim} in {}; there is {found}", folder.display())]
    Missing {
        /// The claim's name.
        claim: String,
        /// Folder of the claims.
        folder: PathBuf,
        /// The existing claims.
        found: String,
    },
    /// The file cannot be written.
    #[error("cannot write {file}: {cause}")]
    Write {
        /// Path of the file.
        file: String,
        /// The system's error.
        cause: io::Error,
    },
}

/// Writes the file.
pub fn run(arguments: &CdiArguments) -> Result<(), CdiError> {
    let folder = &arguments.claims;
    let failed = |cause| CdiError::Read { folder: folder.clone(), cause };
    // CDI requires absolute paths.
    let parent = folder.canonicalize().map_err(failed)?;
    let there = claims(&parent).map_err(failed)?;
    if there.is_empty() {
        return Err(CdiError::None(folder.clone()));
    }
    if let Some(claim) = arguments.claim.iter().find(|claim| !there.contains(claim)) {
        return Err(CdiError::Missing { claim: claim.clone(), folder: folder.clone(), found: there.join(", ") });
    }
    let wanted = if arguments.claim.is_empty() { &there } else { &arguments.claim };
    let text = format!("{:#}\n", spec(&arguments.kind, &parent, wanted));
    match &arguments.output {
        Some(file) => {
            replace(file, text.as_bytes()).map_err(|cause| CdiError::Write { file: file.display().to_string(), cause })
        }
        None => io::stdout()
            .write_all(text.as_bytes())
            .map_err(|cause| CdiError::Write { file: "to standard output".to_owned(), cause }),
    }
}

/// Lists the claims that have a folder, sorted.
fn claims(parent: &Path) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(parent)? {
        let entry = entry?;
        let name = entry.file_name().to_str().and_then(|name| claim_name(name).ok());
        if let Some(name) = name.filter(|_| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
            found.push(name);
        }
        if found.len() > MAX_CLAIMS {
            return Err(io::Error::other(format!("there are more than {MAX_CLAIMS}")));
        }
    }
    found.sort();
    Ok(found)
}

/// Builds the specification.
fn spec(kind: &str, parent: &Path, claims: &[String]) -> Value {
    let device = |claim: &String| {
        let folder = parent.join(claim);
        // The same path inside, so that the variable is right in a container and out of it.
        json!({
            "name": claim,
            "containerEdits": {
                "env": [format!("{VARIABLE}={}", folder.join(SOCKET).display())],
                "mounts": [{ "hostPath": folder, "containerPath": folder, "options": MOUNT_OPTIONS }],
            },
        })
    };
    json!({ "cdiVersion": CDI_VERSION, "kind": kind, "devices": claims.iter().map(device).collect::<Vec<_>>() })
}

/// Replaces a file atomically: engines watch the folder. They ignore files without the ending `.json`.
fn replace(file: &Path, bytes: &[u8]) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut new = tempfile::Builder::new()
        .prefix(".airlock-")
        .permissions(fs::Permissions::from_mode(0o644))
        .tempfile_in(folder)?;
    new.write_all(bytes)?;
    new.persist(file).map(drop).map_err(|error| error.error)
}

/// Checks vendor and class as the specification defines them.
fn kind(text: &str) -> Result<String, String> {
    let is_part = |part: &str, more: &str| {
        let fits = |c: char| c.is_ascii_alphanumeric() || more.contains(c);
        part.starts_with(|c: char| c.is_ascii_alphabetic())
            && part.ends_with(|c: char| c.is_ascii_alphanumeric())
            && part.chars().all(fits)
    };
    match text.split_once('/') {
        Some((vendor, class)) if is_part(vendor, "-_.") && is_part(class, "-_") => Ok(text.to_owned()),
        _ => Err("a vendor and a class, for example airlock.dev/session".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_claim_is_a_device_with_a_folder_and_a_variable() {
        let spec = spec("airlock.dev/session", Path::new("/run/airlock/claims"), &["a".to_owned(), "b".to_owned()]);
        assert_eq!(spec["cdiVersion"], "0.5.0");
        assert_eq!(spec["kind"], "airlock.dev/session");
        let device = &spec["devices"][1];
        assert_eq!(device["name"], "b");
        let edits = &device["containerEdits"];
        assert_eq!(edits["env"][0], "AIRLOCK_DAEMON=/run/airlock/claims/b/gpu.sock");
        assert_eq!(edits["mounts"][0]["hostPath"], "/run/airlock/claims/b");
        assert_eq!(edits["mounts"][0]["hostPath"], edits["mounts"][0]["containerPath"]);
        assert!(edits["mounts"][0]["options"].as_array().unwrap().contains(&"ro".into()));
        // No node, no hook: the container has only the folder of the host's files.
        assert!(edits.get("deviceNodes").is_none() && edits.get("hooks").is_none());
    }

    #[test]
    fn claims_are_found_and_mistakes_named() {
        let folder = tempfile::tempdir().unwrap();
        let parent = folder.path().join("claims");
        let output = folder.path().join("airlock.json");
        let run_with = |claim: &[&str]| {
            run(&CdiArguments {
                claims: parent.clone(),
                claim: claim.iter().map(|claim| (*claim).to_owned()).collect(),
                kind: "airlock.dev/session".to_owned(),
                output: Some(output.clone()),
            })
            .map_err(|error| error.to_string())
        };
        assert!(run_with(&[]).unwrap_err().contains("cannot read the claims in"));
        fs::create_dir(&parent).unwrap();
        assert!(run_with(&[]).unwrap_err().starts_with("there is no claim in"));
        for name in ["b", "a", "No-Claim"] {
            fs::create_dir(parent.join(name)).unwrap();
        }
        assert!(run_with(&["c"]).unwrap_err().ends_with("; there is a, b"));
        assert!(!output.exists());
        run_with(&[]).unwrap();
        let names = || {
            let spec: Value = serde_json::from_slice(&fs::read(&output).unwrap()).unwrap();
            spec["devices"].as_array().unwrap().iter().map(|device| device["name"].clone()).collect::<Vec<_>>()
        };
        assert_eq!(names(), ["a", "b"]);
        run_with(&["b"]).unwrap();
        assert_eq!(names(), ["b"]);
        // No temporary file is left.
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn kinds_are_a_vendor_and_a_class() {
        for text in ["airlock.dev/session", "a/b", "x-y.example.com/gpu_2"] {
            assert!(kind(text).is_ok(), "{text}");
        }
        for text in ["", "airlock", "airlock.dev/", "/session", "a/b/c", "a/b=c", "1a/b", "a./b"] {
            assert!(kind(text).is_err(), "{text}");
        }
    }
}
