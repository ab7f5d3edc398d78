//! Tests of [`super::Store`].

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::PathBuf,
};

use rustix::fs::{CWD, mknodat};

use super::{super::key::Tenant, *};

fn key(number: u8) -> Key {
    Key::of(&Tenant::Guest([number; 32]))
}

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn folder(&self) -> PathBuf {
        self.0.path().join("some/shaders")
    }

    fn store(&self, size: u64) -> Store {
        Store::open(&self.folder(), size).unwrap()
    }

    fn file(&self, number: u8) -> PathBuf {
        self.folder().join(key(number).name())
    }

    fn count(&self) -> usize {
        fs::read_dir(self.folder()).unwrap().count()
    }
}

fn read(store: &Store, number: u8) -> io::Result<Option<Vec<u8>>> {
    let all = |file: &mut File| {
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map(|_| bytes)
    };
    store.read(&key(number), 1 << 20, all)
}

#[test]
fn what_is_written_is_read_by_the_same_tenant_only() {
    let place = Place::new();
    let store = place.store(1 << 20);
    assert_eq!(read(&store, 1).unwrap(), None);
    store.write(&key(1), &mut &b"shaders"[..]).unwrap();
    assert_eq!(read(&store, 1).unwrap(), Some(b"shaders".to_vec()));
    assert_eq!(read(&store, 2).unwrap(), None);
    assert_eq!(fs::metadata(place.folder()).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(fs::metadata(place.file(1)).unwrap().permissions().mode() & 0o777, 0o600);
}

/// A damaged or foreign file in place of a cache is not used, does not block, leaves other files unchanged, and is replaced by
/// the next session's cache.
#[test]
fn what_is_damaged_or_planted_is_not_used_and_is_replaced() {
    let place = Place::new();
    let store = place.store(1 << 20);
    let secret = place.0.path().join("secret");
    fs::write(&secret, "of somebody else").unwrap();
    /// Damages a tenant's file, or replaces it by another kind of file; the second path is that of another user's file.
    type Plant = fn(&Path, &Path);
    let plant: [(&str, Plant); 7] = [
        ("cut", |file, _| fs::write(file, &fs::read(file).unwrap()[..33]).unwrap()),
        ("empty", |file, _| fs::write(file, "").unwrap()),
        ("garbage", |file, _| fs::write(file, [7; 1000]).unwrap()),
        ("changed", |file, _| {
            let mut bytes = fs::read(file).unwrap();
            *bytes.last_mut().unwrap() ^= 1;
            fs::write(file, bytes).unwrap();
        }),
        ("too long", |file, _| File::options().write(true).open(file).unwrap().set_len(1 << 30).unwrap()),
        ("link", |file, secret| {
            fs::remove_file(file).unwrap();
            symlink(secret, file).unwrap();
        }),
        ("pipe", |file, _| {
            fs::remove_file(file).unwrap();
            mknodat(CWD, file, FileType::Fifo, Mode::RWXU, 0).unwrap();
        }),
    ];
    for (number, (what, plant)) in (1..).zip(plant) {
        store.write(&key(number), &mut &b"shaders"[..]).unwrap();
        plant(&place.file(number), &secret);
        assert!(read(&store, number).is_err(), "{what}");
        store.write(&key(number), &mut &b"again"[..]).unwrap();
        assert_eq!(read(&store, number).unwrap(), Some(b"again".to_vec()), "{what}");
    }
    assert_eq!(fs::read_to_string(secret).unwrap(), "of somebody else");
}

#[test]
fn what_was_not_used_for_the_longest_time_goes_first() {
    let place = Place::new();
    let store = place.store(3 * (100 + DIGEST));
    for number in 1..=3 {
        store.write(&key(number), &mut [number; 100].as_slice()).unwrap();
        let past = std::time::SystemTime::now() - Duration::from_secs(100 - u64::from(number));
        File::options().write(true).open(place.file(number)).unwrap().set_modified(past).unwrap();
    }
    // Marks the oldest one as used.
    assert!(read(&store, 1).unwrap().is_some());
    store.write(&key(4), &mut [4; 100].as_slice()).unwrap();
    let there: Vec<_> = (1..=4).filter(|&number| place.file(number).exists()).collect();
    assert_eq!(there, [1, 3, 4]);
    // A cache above the bound of all evicts all, itself included.
    store.write(&key(5), &mut [5; 1000].as_slice()).unwrap();
    assert_eq!(place.count(), 0);
}

#[test]
fn a_folder_takes_no_room_from_caches() {
    let place = Place::new();
    let store = place.store(2 * (100 + DIGEST));
    fs::create_dir(place.folder().join("a-folder")).unwrap();
    for number in 1..=2 {
        store.write(&key(number), &mut [number; 100].as_slice()).unwrap();
    }
    assert_eq!(place.count(), 3);
}

#[test]
fn a_tenant_does_not_write_without_end() {
    let place = Place::new();
    let store = place.store(1 << 20);
    let written = (0..1000).filter(|_| store.write(&key(1), &mut &b"one"[..]).is_ok()).count();
    // Each second that this takes allows one more write.
    assert!((WRITES_AT_ONCE as usize..900).contains(&written), "{written}");
    store.write(&key(2), &mut &b"two"[..]).unwrap();
    assert_eq!(read(&store, 2).unwrap(), Some(b"two".to_vec()));
}

#[test]
fn a_folder_that_others_may_enter_is_none() {
    let place = Place::new();
    drop(place.store(1));
    fs::set_permissions(place.folder(), fs::Permissions::from_mode(0o755)).unwrap();
    assert!(Store::open(&place.folder(), 1).is_err());
    fs::remove_dir(place.folder()).unwrap();
    symlink(place.0.path(), place.folder()).unwrap();
    assert!(Store::open(&place.folder(), 1).is_err());
    assert!(Store::open(Path::new("/proc/airlock"), 1).is_err());
}
