//! A tenant's shader cache in its worker: the files in which drivers keep compiled shaders.
//!
//! The files are in a tmpfs that the jail mounts ([`airlock_jail::worker`]) and that ends with the process. The archive of an
//! earlier worker of the tenant arrives through [`shared`] and is unpacked before the drivers start; a new archive, with the
//! added files, is left there when the client disconnects. So no worker ever opens a file on disk.

mod archive;
pub mod shared;

use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Mutex,
    thread,
    time::{Duration, SystemTime},
};

use archive::Archive;
use shared::Shared;

use crate::lock::lock;

/// Maximum depth of folders: Mesa's files are in the second below its own.
const MAX_DEPTH: usize = 8;
/// Mesa's table of seen keys, of 1.3 MB, which Mesa creates again.
const NOT_KEPT: &str = "mesa_shader_cache/index";
/// Interval and maximum number of checks for files that a driver is writing: under another name, until they are complete.
const WRITING_PAUSE: Duration = Duration::from_millis(1);
const WRITING_LOOKS: u32 = 20;
/// Suffix of such a name.
const WRITING: &str = ".tmp";

/// Shader cache of the worker's tenant.
#[derive(Debug)]
pub struct ShaderCache {
    shared: Shared,
    folder: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Unpacked files, with their index in the archive and their time of modification.
    loaded: HashMap<String, (usize, SystemTime)>,
    left: bool,
}

/// A file in the folder.
#[derive(Debug)]
struct Entry {
    name: String,
    length: u64,
    /// Index in the parent's archive; `None` for a file that was added or changed since.
    place: Option<usize>,
    /// The file was read or written since.
    used: bool,
}

impl ShaderCache {
    /// Creates the cache of a memory file, in the folder that the jail has mounted for it.
    pub fn new(shared: Shared, folder: &Path) -> Self {
        Self { shared, folder: folder.to_owned(), state: Mutex::default() }
    }

    /// Sets the environment variables of the drivers' caches, which drivers read when they start.
    #[allow(unsafe_code)]
    pub fn tell_drivers(&self) {
        let folder = self.folder.as_os_str();
        let megabytes = (self.shared.capacity() >> 20).max(1).to_string();
        let set = |name: &str, value: &std::ffi::OsStr| {
            // SAFETY: the caller ensures that this process has one thread, so that no other reads the environment meanwhile.
            unsafe { std::env::set_var(name, value) }
        };
        set("MESA_SHADER_CACHE_DISABLE", "false".as_ref());
        set("MESA_SHADER_CACHE_DIR", folder);
        set("MESA_SHADER_CACHE_MAX_SIZE", format!("{megabytes}M").as_ref());
        set("__GL_SHADER_DISK_CACHE", "1".as_ref());
        set("__GL_SHADER_DISK_CACHE_PATH", folder);
        set("__GL_SHADER_DISK_CACHE_SIZE", self.shared.capacity().to_string().as_ref());
    }

    /// Unpacks the parent's archive, unless it is unpacked already.
    pub fn load(&self) {
        let mut state = lock(&self.state);
        if !state.loaded.is_empty() {
            return;
        }
        let Some(archive) = self.shared.handed() else { return };
        for (place, (name, contents)) in archive::files(&archive).into_iter().enumerate() {
            match self.unpack(name, contents) {
                Ok(written) => drop(state.loaded.insert(name.to_owned(), (place, written))),
                // The folder has less room than before, or the driver has created a file of this name.
                Err(error) => tracing::debug!("{name} of the shader cache is left out: {error}"),
            }
        }
    }

    #[allow(clippy::disallowed_methods)] // In a file system of this process's own.
    fn unpack(&self, name: &str, contents: &[u8]) -> io::Result<SystemTime> {
        let path = self.folder.join(name);
        if let Some(around) = path.parent() {
            fs::create_dir_all(around)?;
        }
        let mut file = fs::File::create_new(&path)?;
        io::Write::write_all(&mut file, contents).inspect_err(|_| drop(fs::remove_file(&path)))?;
        file.metadata()?.modified()
    }

    /// Leaves an archive for the tenant's next worker, if a file was added: used files first, then the others as far as there is
    /// room. Later calls wait for the first one, and do nothing.
    pub fn leave(&self) {
        let mut state = lock(&self.state);
        if std::mem::replace(&mut state.left, true) {
            return;
        }
        let mut entries = self.entries(&state);
        for _ in 0..WRITING_LOOKS {
            if !entries.iter().any(|entry| entry.name.ends_with(WRITING)) {
                break;
            }
            thread::sleep(WRITING_PAUSE);
            entries = self.entries(&state);
        }
        entries.retain(|entry| entry.name != NOT_KEPT && !entry.name.ends_with(WRITING));
        let count = |is: fn(&Entry) -> bool| entries.iter().filter(|entry| is(entry)).count();
        let (handed, added) = (state.loaded.len(), count(|entry| entry.place.is_none()));
        let used = count(|entry| entry.used && entry.place.is_some());
        let mut kept = handed;
        if added > 0 {
            entries.sort_by_key(|entry| (!entry.used, entry.place));
            let archive = self.pack(&entries);
            kept = archive.files();
            if let Err(error) = self.shared.leave(archive.bytes()) {
                tracing::debug!("the shader cache is not left: {error}");
            }
        }
        tracing::debug!("shader cache: {handed} files handed in, {used} of them used, {added} added, {kept} kept");
    }

    fn pack(&self, entries: &[Entry]) -> Archive {
        let mut archive = Archive::new(usize::try_from(self.shared.capacity()).unwrap_or(usize::MAX));
        for entry in entries {
            if archive.has_room(&entry.name, entry.length)
                && let Ok(contents) = fs::read(self.folder.join(&entry.name))
            {
                archive.add(&entry.name, &contents);
            }
        }
        archive
    }

    /// Lists the files of the cache.
    fn entries(&self, state: &State) -> Vec<Entry> {
        let mut found = Vec::new();
        let mut folders = vec![(String::new(), 0)];
        while let Some((folder, depth)) = folders.pop() {
            for entry in fs::read_dir(self.folder.join(&folder)).into_iter().flatten().flatten() {
                let Ok(name) = entry.file_name().into_string() else { continue };
                let name = if folder.is_empty() { name } else { format!("{folder}/{name}") };
                match entry.metadata() {
                    Ok(data) if data.is_dir() && depth < MAX_DEPTH => folders.push((name, depth.saturating_add(1))),
                    Ok(data) if data.is_file() && found.len() < archive::MAX_FILES => {
                        let written = data.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                        let place =
                            state.loaded.get(&name).filter(|(_, then)| *then == written).map(|(place, _)| *place);
                        let used = place.is_none() || data.accessed().is_ok_and(|accessed| accessed > written);
                        found.push(Entry { name, length: data.len(), place, used });
                    }
                    _ => {}
                }
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use rustix::fs::{MemfdFlags, ftruncate, memfd_create};

    use super::*;

    /// A cache with room for an archive of `room` bytes, and with this archive unpacked.
    fn cache(room: u64, handed: &[u8]) -> (tempfile::TempDir, ShaderCache) {
        let file = memfd_create("shader-cache", MemfdFlags::CLOEXEC).unwrap();
        ftruncate(&file, shared::length_for(room)).unwrap();
        let (folder, shared) = (tempfile::tempdir().unwrap(), Shared::new(file));
        shared.hand(&mut &*handed).unwrap();
        let cache = ShaderCache::new(shared, folder.path());
        cache.load();
        (folder, cache)
    }

    fn left(cache: &ShaderCache) -> Option<Vec<u8>> {
        cache.leave();
        let mut bytes = Vec::new();
        cache.shared.left()?.read_to_end(&mut bytes).unwrap();
        Some(bytes)
    }

    fn names(archive: &[u8]) -> Vec<&str> {
        archive::files(archive).into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn what_drivers_add_is_there_the_next_time() {
        let (folder, first) = cache(1 << 20, b"");
        fs::create_dir_all(folder.path().join("mesa_shader_cache/ab")).unwrap();
        fs::write(folder.path().join("mesa_shader_cache/ab/cd"), "compiled").unwrap();
        fs::write(folder.path().join("mesa_shader_cache/ab/half.tmp"), "comp").unwrap();
        fs::write(folder.path().join(NOT_KEPT), [0; 1000]).unwrap();
        let archive = left(&first).unwrap();
        assert_eq!(archive::files(&archive), [("mesa_shader_cache/ab/cd", b"compiled".as_slice())]);
        let (folder, second) = cache(1 << 20, &archive);
        assert_eq!(fs::read(folder.path().join("mesa_shader_cache/ab/cd")).unwrap(), b"compiled");
        // Without an added file, no archive is left, and the stored one remains.
        assert_eq!(left(&second), None);
    }

    #[test]
    fn what_is_new_comes_before_what_is_not_used() {
        let mut archive = Archive::new(1 << 20);
        assert!(archive.add("first", &[1; 100]) && archive.add("second", &[2; 100]));
        let room = archive.bytes().len() as u64;
        let (folder, cache) = cache(room, archive.bytes());
        fs::write(folder.path().join("third"), [3; 100]).unwrap();
        assert_eq!(names(&left(&cache).unwrap()), ["third", "first"]);
        // Only the first call leaves an archive.
        fs::write(folder.path().join("fourth"), [4; 100]).unwrap();
        assert_eq!(names(&left(&cache).unwrap()), ["third", "first"]);
    }

    #[test]
    fn garbage_is_no_archive() {
        let (folder, cache) = cache(1 << 20, &[7; 5000]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        assert_eq!(left(&cache), None);
    }
}
