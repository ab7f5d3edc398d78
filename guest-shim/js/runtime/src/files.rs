//! Whole files in preopened folders (`--dir HOST::GUEST`). A script's paths are absolute: the folder opened as `.` is `/`,
//! the one opened as `data` is `/data`.

use std::cell::OnceCell;
use std::rc::Rc;

use crate::bindings::wasi::filesystem::preopens;
use crate::bindings::wasi::filesystem::types::{
    Descriptor, DescriptorFlags, DescriptorType, ErrorCode, OpenFlags, PathFlags,
};
use crate::bindings::wit_stream;

/// The largest file that is read, in bytes.
const MAX_FILE: u64 = 1 << 30;

thread_local! {
    static FOLDERS: OnceCell<Vec<(String, Rc<Descriptor>)>> = const { OnceCell::new() };
}

/// The absolute names of the opened folders.
pub fn folders() -> Vec<String> {
    with_folders(|folders| folders.iter().map(|(name, _)| name.clone()).collect())
}

fn with_folders<T>(use_them: impl FnOnce(&[(String, Rc<Descriptor>)]) -> T) -> T {
    FOLDERS.with(|folders| {
        use_them(folders.get_or_init(|| {
            let opened = preopens::get_directories();
            opened.into_iter().map(|(folder, name)| (clean(&name), Rc::new(folder))).collect()
        }))
    })
}

/// The contents of a file.
pub fn read(path: &str) -> Result<Vec<u8>, String> {
    let (folder, rest) = resolve(path, "read")?;
    let outcome = wit_bindgen::block_on(async move {
        let file = folder.open_at(PathFlags::SYMLINK_FOLLOW, rest, OpenFlags::empty(), DescriptorFlags::READ).await?;
        let stat = file.stat().await?;
        if stat.size > MAX_FILE {
            return Err(ErrorCode::FileTooLarge);
        }
        if !matches!(stat.type_, DescriptorType::RegularFile) {
            return Err(ErrorCode::IsDirectory);
        }
        let (stream, end) = file.read_via_stream(0);
        let bytes = stream.collect().await;
        end.await?;
        Ok(bytes)
    });
    outcome.map_err(|code| failed("read", path, &code))
}

/// Whether the path names a regular file.
pub fn exists(path: &str) -> bool {
    let Ok((folder, rest)) = resolve(path, "read") else { return false };
    wit_bindgen::block_on(async move {
        let stat = folder.stat_at(PathFlags::SYMLINK_FOLLOW, rest).await;
        stat.is_ok_and(|stat| matches!(stat.type_, DescriptorType::RegularFile))
    })
}

/// Writes a whole file, replacing its contents.
pub fn write(path: &str, bytes: Vec<u8>) -> Result<(), String> {
    let (folder, rest) = resolve(path, "write")?;
    let outcome = wit_bindgen::block_on(async move {
        let how = OpenFlags::CREATE | OpenFlags::TRUNCATE;
        let file = folder.open_at(PathFlags::SYMLINK_FOLLOW, rest, how, DescriptorFlags::WRITE).await?;
        let (mut writer, reader) = wit_stream::new();
        let end = file.write_via_stream(reader, 0);
        let send = async move {
            let left = writer.write_all(bytes).await;
            // Dropping the writer ends the host's stream.
            drop(writer);
            left.len()
        };
        let (left, end) = futures_util::future::join(send, async move { end.await }).await;
        end?;
        if left > 0 { Err(ErrorCode::Io) } else { Ok(()) }
    });
    outcome.map_err(|code| failed("write", path, &code))
}

pub fn remove(path: &str) -> Result<(), String> {
    let (folder, rest) = resolve(path, "remove")?;
    let outcome = wit_bindgen::block_on(async move { folder.unlink_file_at(rest).await });
    outcome.map_err(|code| failed("remove", path, &code))
}

/// The opened folder with the longest name that contains `path`, and the path inside it.
fn resolve(path: &str, verb: &str) -> Result<(Rc<Descriptor>, String), String> {
    let wanted = clean(path);
    with_folders(|folders| {
        let inside = |name: &str| match name {
            "/" => Some(wanted[1..].to_owned()),
            _ => wanted.strip_prefix(name).and_then(|rest| rest.strip_prefix('/')).map(str::to_owned),
        };
        let found = folders
            .iter()
            .filter_map(|(name, folder)| Some((name.len(), Rc::clone(folder), inside(name)?)))
            .max_by_key(|(length, _, _)| *length);
        match found {
            Some((_, folder, rest)) => Ok((folder, rest)),
            None if folders.is_empty() => {
                Err(format!("cannot {verb} {wanted}: no folder is open to this script (airlock run --dir HOST::GUEST)"))
            }
            None => {
                let names: Vec<&str> = folders.iter().map(|(name, _)| name.as_str()).collect();
                let names = names.join(", ");
                Err(format!("cannot {verb} {wanted}: it is in none of the folders open to this script ({names})"))
            }
        }
    })
}

/// An absolute path without `.`, `..` and doubled slashes. `..` at the root is dropped.
pub fn clean(path: &str) -> String {
    let mut steps: Vec<&str> = Vec::new();
    for step in path.split('/') {
        match step {
            "" | "." => {}
            ".." => {
                steps.pop();
            }
            step => steps.push(step),
        }
    }
    format!("/{}", steps.join("/"))
}

fn failed(verb: &str, path: &str, code: &ErrorCode) -> String {
    let reason = match code {
        ErrorCode::NoEntry => "there is no such file or folder".to_owned(),
        ErrorCode::Access | ErrorCode::NotPermitted => "it is not permitted".to_owned(),
        ErrorCode::IsDirectory => "it is not a file".to_owned(),
        ErrorCode::FileTooLarge => format!("it is larger than {MAX_FILE} bytes"),
        ErrorCode::ReadOnly => "the folder is read-only".to_owned(),
        ErrorCode::InsufficientSpace => "the disk is full".to_owned(),
        other => format!("{other:?}"),
    };
    format!("cannot {verb} {path}: {reason}")
}
