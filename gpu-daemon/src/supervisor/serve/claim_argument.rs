//! Argument of `--claim`: `NAME[,OPTION=VALUE]...`.

use std::str::FromStr;

use clap::Parser;

use crate::options::WorkerOptions;

/// Maximum length of a claim's name, that of a DNS label.
const MAX_NAME: usize = 63;

/// Parsed `NAME[,OPTION=VALUE]...`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimArgument {
    /// Name, checked by [`claim_name`].
    pub name: String,
    /// Maximum number of concurrent sessions.
    pub max_sessions: Option<usize>,
    /// Worker options, as `--OPTION=VALUE`.
    worker: Vec<String>,
}

impl FromStr for ClaimArgument {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.split(',');
        let name = claim_name(parts.next().unwrap_or_default())?;
        let mut claim = Self { name, max_sessions: None, worker: Vec::new() };
        for part in parts {
            match part.split_once('=') {
                Some(("max-sessions", value)) => {
                    let number = value.parse().ok().filter(|&number| number > 0);
                    claim.max_sessions =
                        Some(number.ok_or_else(|| format!("max-sessions={value} is no number above 0"))?);
                }
                Some((option, value)) if !option.is_empty() => claim.worker.push(format!("--{option}={value}")),
                _ => return Err(format!("{part:?} is not OPTION=VALUE, for example max-gpu-memory=1G")),
            }
        }
        // Rejects unknown options at start instead of in each session.
        claim.options(&WorkerLine::try_parse_from(["claim"]).map_err(|error| one_line(&error))?.options)?;
        Ok(claim)
    }
}

/// Checks a name, which becomes a path component and the name of a CDI device.
pub fn claim_name(text: &str) -> Result<String, String> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_name = !text.is_empty() && text.len() <= MAX_NAME && text.bytes().all(fits);
    if is_name && !text.starts_with('-') && !text.ends_with('-') {
        Ok(text.to_owned())
    } else {
        Err(format!("{text:?} is no name of a claim: 1 to {MAX_NAME} lower-case letters, digits and - within them"))
    }
}

/// Parser of worker options alone.
#[derive(Debug, Parser)]
struct WorkerLine {
    #[command(flatten)]
    options: WorkerOptions,
}

/// First line of clap's message.
fn one_line(error: &clap::Error) -> String {
    let text = error.to_string();
    text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

impl ClaimArgument {
    /// The server's worker options, overridden by the claim's.
    pub fn options(&self, base: &WorkerOptions) -> Result<WorkerOptions, String> {
        let name = |argument: &str| argument.split('=').next().unwrap_or_default().to_owned();
        let own: Vec<String> = self.worker.iter().map(|argument| name(argument)).collect();
        let kept = base.to_arguments().into_iter().filter(|argument| !own.contains(&name(argument)));
        let line = ["claim".to_owned()].into_iter().chain(kept).chain(self.worker.iter().cloned());
        WorkerLine::try_parse_from(line).map(|line| line.options).map_err(|error| one_line(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_named_as_devices_are() {
        for name in ["a", "team-a", "0", &"x".repeat(63)] {
            assert_eq!(claim_name(name), Ok(name.to_owned()));
        }
        for name in ["", "-a", "a-", "A", "a/b", "..", "a b", "ä", &"x".repeat(64)] {
            assert!(claim_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn mistakes_are_one_line() {
        for (claim, part) in [
            ("A", "is no name of a claim"),
            ("a,max-sessions=0", "no number above 0"),
            ("a,colour=red", "--colour"),
            ("a,max-gpu-memory=much", "max-gpu-memory"),
            ("a,max-gpu-memory", "is not OPTION=VALUE"),
            ("a,jail=none", "--jail"),
        ] {
            let error = claim.parse::<ClaimArgument>().unwrap_err();
            assert!(error.contains(part) && !error.contains('\n'), "{claim}: {error}");
        }
    }
}
