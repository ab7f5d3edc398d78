//! The CDI file of `gpu-daemon cdi`: the devices, and the paths of their sockets.
//!
//! The file is the only list of devices, so the plugin offers none that a container engine cannot inject.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use serde_json::Value;
use thiserror::Error;

use crate::api::MAX_ID;

/// Upper bound of the file in bytes: a device takes half a KiB.
const MAX_FILE: u64 = 8 << 20;
/// Maximum number of devices: the daemon's limit of claims.
const MAX_DEVICES: usize = 4096;
/// The environment variable with the path of a claim's socket.
const VARIABLE: &str = "AIRLOCK_DAEMON=";

/// Devices of a CDI file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// Vendor and class.
    pub kind: String,
    /// The socket of each device, by its name.
    pub sockets: BTreeMap<String, PathBuf>,
}

/// An unreadable or invalid CDI file.
#[derive(Debug, Error)]
pub enum ClaimsError {
    /// The file cannot be read.
    #[error("cannot read {}: {cause}", file.display())]
    Read {
        /// Path of the file.
        file: PathBuf,
        /// The system's error.
        cause: io::Error,
    },
    /// The contents are not a CDI file of `gpu-daemon cdi`.
    #[error("{} is not a CDI file of `gpu-daemon cdi`: {why}", file.display())]
    Contents {
        /// Path of the file.
        file: PathBuf,
        /// The first error in the contents.
        why: String,
    },
}

impl Claims {
    /// Reads a file.
    pub fn read(file: &Path) -> Result<Self, ClaimsError> {
        let failed = |cause| ClaimsError::Read { file: file.to_owned(), cause };
        let wrong = |why: String| ClaimsError::Contents { file: file.to_owned(), why };
        let mut bytes = Vec::new();
        File::open(file).map_err(failed)?.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() as u64 > MAX_FILE {
            return Err(wrong(format!("it is larger than {MAX_FILE} bytes")));
        }
        Self::parse(&bytes).map_err(wrong)
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let spec: Value = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        let kind = spec.get("kind").and_then(Value::as_str).ok_or("it has no kind")?;
        let is_kind = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
        if kind.len() > 256
            || !kind.chars().all(is_kind)
            || kind.split('/').filter(|part| !part.is_empty()).count() != 2
        {
            return Err(format!("its kind {kind:?} is not a vendor and a class"));
        }
        let devices = spec.get("devices").and_then(Value::as_array).ok_or("it has no list of devices")?;
        if devices.len() > MAX_DEVICES {
            return Err(format!("it has {} devices, more than {MAX_DEVICES}", devices.len()));
        }
        let mut sockets = BTreeMap::new();
        for device in devices {
            let name = device.get("name").and_then(Value::as_str).ok_or("a device has no name")?;
            let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            if name.is_empty() || name.len() > MAX_ID || !name.bytes().all(fits) {
                return Err(format!("the device {name:?} has no name of a claim"));
            }
            let variables = device.pointer("/containerEdits/env").and_then(Value::as_array);
            let socket =
                variables.into_iter().flatten().filter_map(Value::as_str).find_map(|v| v.strip_prefix(VARIABLE));
            let socket = socket.ok_or_else(|| format!("the device {name} has no {VARIABLE}"))?;
            if sockets.insert(name.to_owned(), PathBuf::from(socket)).is_some() {
                return Err(format!("the device {name} is there twice"));
            }
        }
        Ok(Self { kind: kind.to_owned(), sockets })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_have_sockets() {
        let text = br#"{"cdiVersion":"0.5.0","kind":"airlock.dev/session","devices":[{"name":"a","containerEdits":
            {"env":["X=1","AIRLOCK_DAEMON=/run/claims/a/gpu.sock"],"mounts":[]}}]}"#;
        let claims = Claims::parse(text).unwrap();
        assert_eq!(claims.kind, "airlock.dev/session");
        assert_eq!(claims.sockets["a"], Path::new("/run/claims/a/gpu.sock"));
    }

    #[test]
    fn mistakes_are_named() {
        let device = |name: &str| format!(r#"{{"name":"{name}","containerEdits":{{"env":["AIRLOCK_DAEMON=/s"]}}}}"#);
        let file = |devices: &str| format!(r#"{{"kind":"a.b/c","devices":[{devices}]}}"#);
        assert!(Claims::parse(file(&device("a")).as_bytes()).is_ok());
        for (text, why) in [
            (String::new(), "EOF"),
            ("[]".to_owned(), "no kind"),
            (r#"{"kind":"a b/c"}"#.to_owned(), "not a vendor and a class"),
            (r#"{"kind":"a.b/c"}"#.to_owned(), "no list of devices"),
            (file("7"), "no name"),
            (file(&device("../x")), "no name of a claim"),
            (file(&device(&"x".repeat(64))), "no name of a claim"),
            (file(r#"{"name":"a"}"#), "has no AIRLOCK_DAEMON"),
            (file(&format!("{},{}", device("a"), device("a"))), "twice"),
            (file(&vec![device("a"); MAX_DEVICES + 1].join(",")), "more than 4096"),
        ] {
            let error = Claims::parse(text.as_bytes()).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }
}
