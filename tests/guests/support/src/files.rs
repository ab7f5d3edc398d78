//! Whole files in preopened folders (`--dir HOST::GUEST`).

use crate::bindings::wasi::filesystem::preopens;
use crate::bindings::wasi::filesystem::types::{Descriptor, DescriptorFlags, ErrorCode, OpenFlags, PathFlags};
use crate::bindings::wit_stream;
use crate::start::{Failure, Outcome};
use crate::tasks::join;

/// The contents of a file.
pub async fn read(path: &str) -> Outcome<Vec<u8>> {
    let file = open(path, OpenFlags::empty(), DescriptorFlags::READ, "read").await?;
    let (stream, end) = file.read_via_stream(0);
    let bytes = stream.collect().await;
    end.await.map_err(|code| failed("read", path, &code))?;
    Ok(bytes)
}

/// Writes a whole file, replacing its contents.
pub async fn write(path: &str, bytes: Vec<u8>) -> Outcome {
    let file = open(path, OpenFlags::CREATE | OpenFlags::TRUNCATE, DescriptorFlags::WRITE, "write").await?;
    let (mut writer, reader) = wit_stream::new();
    let end = file.write_via_stream(reader, 0);
    let send = async move {
        let left = writer.write_all(bytes).await;
        // Dropping the writer ends the host's stream.
        drop(writer);
        left.len()
    };
    let (left, end) = join(send, async move { end.await }).await;
    end.map_err(|code| failed("write", path, &code))?;
    if left > 0 {
        return Err(Failure::new(format!("cannot write {path}: the last {left} bytes were not taken")));
    }
    Ok(())
}

async fn open(path: &str, how: OpenFlags, access: DescriptorFlags, verb: &str) -> Outcome<Descriptor> {
    let (folder, rest) = resolve(path, verb)?;
    folder.open_at(PathFlags::SYMLINK_FOLLOW, rest, how, access).await.map_err(|code| failed(verb, path, &code))
}

/// Finds the opened folder with the longest name that contains `path`, and the path inside it.
fn resolve(path: &str, verb: &str) -> Outcome<(Descriptor, String)> {
    let wanted = clean(path);
    let mut best: Option<(Descriptor, String, usize)> = None;
    let mut names = Vec::new();
    for (folder, name) in preopens::get_directories() {
        let prefix = clean(&name);
        let rest = match wanted.strip_prefix(prefix.as_str()) {
            Some(rest) if prefix.is_empty() && !rest.starts_with('/') => Some(rest),
            Some(rest) if prefix == "/" => Some(rest),
            Some(rest) if !prefix.is_empty() => rest.strip_prefix('/'),
            // A relative path starts at the root if the host opened the root.
            None if prefix == "/" && !wanted.starts_with('/') => Some(wanted.as_str()),
            _ => None,
        };
        if let Some(rest) = rest
            && best.as_ref().is_none_or(|(_, _, length)| prefix.len() > *length)
        {
            best = Some((folder, rest.to_string(), prefix.len()));
        }
        names.push(name);
    }
    match best {
        Some((folder, rest, _)) => Ok((folder, rest)),
        None if names.is_empty() => {
            Err(Failure::new(format!("cannot {verb} {path}: no folder is open to this program (--dir HOST::GUEST)")))
        }
        None => Err(Failure::new(format!(
            "cannot {verb} {path}: it is in none of the folders open to this program ({})",
            names.join(", ")
        ))),
    }
}

/// A path without `.` steps and doubled slashes; a leading slash stays.
fn clean(path: &str) -> String {
    let steps: Vec<&str> = path.split('/').filter(|step| !step.is_empty() && *step != ".").collect();
    let root = if path.starts_with('/') { "/" } else { "" };
    format!("{root}{}", steps.join("/"))
}

fn failed(verb: &str, path: &str, code: &ErrorCode) -> Failure {
    let reason = match code {
        ErrorCode::NoEntry => "there is no such file or folder".to_string(),
        ErrorCode::Access | ErrorCode::NotPermitted => "it is not permitted".to_string(),
        ErrorCode::IsDirectory => "it is a folder".to_string(),
        ErrorCode::ReadOnly => "the folder is read-only".to_string(),
        ErrorCode::InsufficientSpace => "the disk is full".to_string(),
        other => format!("{other:?}"),
    };
    Failure::new(format!("cannot {verb} {path}: {reason}"))
}
