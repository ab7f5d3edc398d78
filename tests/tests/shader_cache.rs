//! Shaders that drivers have compiled are cached for the next run of the same guest, and for no other.
//!
//! A worker's debug line has the numbers of files that it was handed, used and added: a driver that finds a shader in
//! its cache adds none.
#![cfg(target_os = "linux")]
#![allow(clippy::expect_used, clippy::panic, clippy::disallowed_methods, missing_docs)]

use std::{
    fs,
    os::unix::{
        fs::{PermissionsExt as _, symlink},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::Command,
};

use airlock_tests::{
    processes::{wait_for, wait_until},
    programs::{LIMIT, Outcome, Serve, airlock, guest, root, run},
    scratch,
};
use rustix::fs::{CWD, FileType, Mode};

/// The figures of a worker's debug line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Said {
    handed: u64,
    used: u64,
    added: u64,
    kept: u64,
}

impl Said {
    /// The lines in an output, in order.
    fn all(text: &str) -> Vec<Self> {
        text.lines()
            .filter_map(|line| line.split_once("shader cache: "))
            .filter_map(|(_, rest)| Self::of(rest))
            .collect()
    }

    fn of(text: &str) -> Option<Self> {
        let mut numbers = text.split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse().ok());
        let mut next = || numbers.next();
        Some(Self { handed: next()?, used: next()?, added: next()?, kept: next()? })
    }

    #[track_caller]
    fn one(outcome: &Outcome) -> Self {
        let said = Self::all(&outcome.stderr);
        assert_eq!(said.len(), 1, "{outcome}");
        said[0]
    }
}

/// A user's folder of caches.
struct Caches(tempfile::TempDir);

impl Caches {
    fn new() -> Self {
        Self(scratch())
    }

    fn of<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env("XDG_CACHE_HOME", self.0.path()).env("RUST_LOG", "gpu_daemon=debug")
    }

    /// Runs a guest in strict jails.
    #[track_caller]
    fn run(&self, options: &[&str], name: &str, arguments: &[&str]) -> Outcome {
        self.run_file(options, &guest(name), arguments)
    }

    #[track_caller]
    fn run_file(&self, options: &[&str], file: &Path, arguments: &[&str]) -> Outcome {
        let mut command = airlock(["run", "--jail=strict"]);
        self.of(&mut command).args(options).arg(file).args(arguments);
        run(command).succeeded()
    }

    /// Draws a picture, and returns its bytes too.
    #[track_caller]
    fn draw(&self, options: &[&str], file: &Path) -> (Said, Vec<u8>) {
        let folder = scratch();
        let dir = format!("--dir={}::/out", folder.path().display());
        let outcome = self.run_file(&[options, &[&dir]].concat(), file, &["/out/picture.png"]);
        (Said::one(&outcome), fs::read(folder.path().join("picture.png")).expect("a picture"))
    }

    /// The files of all tenants.
    fn files(&self) -> Vec<PathBuf> {
        let folder = self.0.path().join("airlock/shaders");
        let mut files: Vec<_> =
            fs::read_dir(folder).into_iter().flatten().map(|entry| entry.expect("an entry").path()).collect();
        files.sort();
        files
    }

    fn bytes(&self) -> u64 {
        self.files().iter().map(|file| fs::symlink_metadata(file).expect("a file").len()).sum()
    }
}

#[test]
fn a_second_run_finds_what_the_first_compiled_and_other_guests_do_not() {
    let caches = Caches::new();
    let triangle = guest("triangle");
    // Drivers write compiled shaders on a thread of their own, which a busy machine may run after the end of the session.
    let (cold, picture) = wait_for("run whose shaders are kept", LIMIT, || {
        Some(caches.draw(&[], &triangle)).filter(|(said, _)| said.kept > 0)
    });
    assert_eq!((cold.handed, cold.used), (0, 0), "{cold:?}");
    assert_eq!(cold.kept, cold.added, "{cold:?}");
    let file = caches.files();
    assert_eq!(file.len(), 1);
    let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!((mode(&file[0]), mode(file[0].parent().expect("a folder"))), (0o600, 0o700));
    let (warm, again) = wait_for("run that compiles nothing", LIMIT, || {
        Some(caches.draw(&[], &triangle)).filter(|(said, _)| said.added == 0)
    });
    assert!(warm.handed >= cold.kept && warm.kept == warm.handed && warm.used > 0, "{cold:?}, {warm:?}");
    assert_eq!(again, picture);
    // The same shaders in another component.
    let folder = scratch();
    let other = folder.path().join("other.wasm");
    let mut bytes = fs::read(triangle).expect("the guest");
    // An empty custom section named `x`.
    bytes.extend([0, 2, 1, b'x']);
    fs::write(&other, bytes).expect("another component");
    let (said, _) = wait_for("run of another component whose shaders are kept", LIMIT, || {
        Some(caches.draw(&[], &other)).filter(|(said, _)| said.kept > 0)
    });
    assert_eq!((said.handed, said.used), (0, 0), "{said:?}");
    assert_eq!(caches.files().len(), 2);
}

/// A driver's setting may change its code without changing the key of a shader.
#[test]
fn drivers_that_are_configured_otherwise_have_another() {
    let caches = Caches::new();
    let run_with = |width: Option<&str>| {
        let mut command = airlock(["run", "--jail=strict"]);
        caches
            .of(&mut command)
            .env_remove("LP_NATIVE_VECTOR_WIDTH")
            .envs(width.map(|width| ("LP_NATIVE_VECTOR_WIDTH", width)));
        command.arg(guest("collatz")).arg("27");
        Said::one(&run(command).succeeded())
    };
    let kept = wait_for("run whose shaders are kept", LIMIT, || Some(run_with(None)).filter(|said| said.kept > 0));
    assert_eq!((kept.handed, kept.used), (0, 0), "{kept:?}");
    let narrow = run_with(Some("128"));
    assert_eq!((narrow.handed, narrow.used), (0, 0), "{narrow:?}");
    for width in [None, Some("128")] {
        wait_until("run that uses its own cache", LIMIT, || run_with(width).used > 0);
    }
    assert_eq!(caches.files().len(), 2);
}

#[test]
fn there_is_none_where_none_is_wanted_or_none_can_be() {
    let caches = Caches::new();
    let none = |options: &[&str]| {
        let outcome = caches.run(options, "collatz", &["27"]);
        assert!(Said::all(&outcome.stderr).is_empty(), "{options:?}: {outcome}");
        assert!(caches.files().is_empty(), "{options:?}");
    };
    none(&["--no-shader-cache"]);
    none(&["--shader-cache-size=0"]);
    // In a place that cannot be written.
    let mut command = airlock(["run", "--jail=strict"]);
    caches.of(&mut command).env("XDG_CACHE_HOME", "/proc/nowhere").arg(guest("collatz")).arg("27");
    assert!(Said::all(&run(command).succeeded().stderr).is_empty());
    // A user without a home.
    let mut command = airlock(["run", "--jail=strict", "--no-cache"]);
    command.env_remove("XDG_CACHE_HOME").env_remove("HOME").env("RUST_LOG", "gpu_daemon=debug");
    assert!(Said::all(&run_in(command).stderr).is_empty());
    // Without a jail there is no folder for a cache.
    let mut command = airlock(["run", "--jail=off"]);
    caches.of(&mut command).arg(guest("collatz")).arg("27");
    assert!(Said::all(&run(command).succeeded().stderr).is_empty());
    assert!(caches.files().is_empty());
}

#[track_caller]
fn run_in(mut command: Command) -> Outcome {
    command.arg(guest("collatz")).arg("27");
    run(command).succeeded()
}

/// The oldest caches are removed; the cache of one guest is within the bound as well.
#[test]
fn it_does_not_outgrow_its_size() {
    let whole = Caches::new();
    let (unbounded, _) = whole.draw(&[], &guest("triangle"));
    let size = whole.bytes() * 3 / 4;
    let caches = Caches::new();
    let option = format!("--shader-cache-size={size}");
    let (said, _) = caches.draw(&[&option], &guest("triangle"));
    assert!(said.kept > 0 && said.kept < unbounded.kept, "{said:?} of {unbounded:?}");
    let first = caches.files();
    assert!(first.len() == 1 && caches.bytes() <= size, "{} of {size} bytes", caches.bytes());
    caches.run(&[&option], "collatz", &["27"]);
    assert!(caches.bytes() <= size, "{} of {size} bytes", caches.bytes());
    assert!(!caches.files().is_empty() && caches.files() != first, "{first:?}");
}

#[test]
fn what_is_damaged_or_planted_breaks_no_run() {
    let caches = Caches::new();
    let folder = scratch();
    let secret = folder.path().join("secret");
    fs::write(&secret, "of somebody else").expect("a file");
    let cold = Said::one(&caches.run(&[], "collatz", &["27"]));
    let file = caches.files().pop().expect("a cache");
    let whole = fs::read(&file).expect("its bytes");
    let replace = |bytes: &[u8]| {
        fs::remove_file(&file).expect("it is there");
        fs::write(&file, bytes).expect("another");
    };
    let damages: [(&str, &dyn Fn()); 5] = [
        ("cut", &|| replace(&whole[..whole.len() / 2])),
        ("garbage", &|| replace(&[0x5a; 5000])),
        ("link", &|| {
            fs::remove_file(&file).expect("it is there");
            symlink(&secret, &file).expect("a link");
        }),
        ("pipe", &|| {
            fs::remove_file(&file).expect("it is there");
            rustix::fs::mknodat(CWD, &file, FileType::Fifo, Mode::RWXU, 0).expect("a pipe");
        }),
        // With a valid digest, as a compromised worker of the tenant may leave it.
        ("poison", &|| {
            let mut archive = whole[32..].to_vec();
            archive.iter_mut().skip(200).step_by(97).for_each(|byte| *byte ^= 0x41);
            replace(&[blake3::hash(&archive).as_bytes().as_slice(), &archive].concat());
        }),
    ];
    for (what, damage) in damages {
        damage();
        let said = Said::one(&caches.run(&[], "collatz", &["27"]));
        if what == "poison" {
            // The driver detects that, and compiles. The server does not inspect the contents.
            assert_eq!(said.handed, cold.kept, "{said:?}");
            continue;
        }
        assert!(said.handed == 0 && said.added > 0, "{what}: {said:?}");
        assert!(fs::symlink_metadata(&file).expect("a cache").is_file(), "{what}");
        let again = Said::one(&caches.run(&[], "collatz", &["27"]));
        assert!(again.handed == cold.kept && again.added == 0, "{what}: {again:?}");
    }
    assert_eq!(fs::read_to_string(secret).expect("the file"), "of somebody else");
}

/// True when a test may run the program as another user: that takes root, and a folder that others may enter.
fn can_run_as(uid: u32) -> bool {
    let mut command = airlock(["--version"]);
    let can = rustix::process::geteuid().is_root()
        && command.uid(uid).gid(uid).output().is_ok_and(|output| output.status.success());
    if !can {
        eprintln!("skipped: no other user can run the program here");
    }
    can
}

/// The kernel identifies the clients of a server.
#[test]
fn users_of_a_server_have_caches_of_their_own() {
    const STRANGER: u32 = 54321;
    for spares in ["--spare-workers=0", "--spare-workers=1"] {
        let caches = Caches::new();
        let me = format!("--allow-uid={}", rustix::process::geteuid().as_raw());
        let other = format!("--allow-uid={STRANGER}");
        let arguments = ["--jail=strict", "--socket-mode=0666", spares, &me, &other];
        let serve = Serve::with(
            |command| {
                caches.of(command);
            },
            &arguments,
        );
        fs::set_permissions(serve.socket().parent().expect("a folder"), fs::Permissions::from_mode(0o755))
            .expect("its mode");
        let session = |uid: Option<u32>| {
            let before = Said::all(&serve.lines().join("\n")).len();
            let mut command = airlock(["run", "--no-cache", "--daemon"]);
            command.arg(serve.socket()).arg(guest("collatz")).arg("27");
            if let Some(uid) = uid {
                command.uid(uid).gid(uid);
            }
            run(command).succeeded();
            airlock_tests::processes::wait_for("worker's line in the log", airlock_tests::programs::LIMIT, || {
                Said::all(&serve.lines().join("\n")).get(before).copied()
            })
        };
        let cold = session(None);
        assert!(cold.handed == 0 && cold.added > 0, "{spares}: {cold:?}");
        let warm = session(None);
        assert!(warm.handed == cold.kept && warm.added == 0, "{spares}: {warm:?}");
        assert_eq!(caches.files().len(), 1);
        if can_run_as(STRANGER) {
            let theirs = session(Some(STRANGER));
            assert!(theirs.handed == 0 && theirs.added > 0, "{spares}: {theirs:?}");
            assert_eq!(caches.files().len(), 2);
        }
    }
}

/// A cache changes no result: the golden traces' bits are the same with a warm cache as with a cold one.
#[test]
fn golden_traces_give_the_same_bits_from_a_warm_cache() {
    let caches = Caches::new();
    let mut serve = Serve::with(
        |command| {
            caches.of(command);
        },
        &["--jail=strict"],
    );
    let verify = || {
        // Sequentially, as far as possible: of two workers that overlap, one's additions are lost.
        let mut command = airlock(["verify", "--jobs=1", "--daemon"]);
        command.arg(serve.socket()).arg(root().join("traces/golden"));
        run(command).succeeded()
    };
    verify();
    verify();
    serve.terminate();
    let said = Said::all(&serve.log());
    let (first, second) = said.split_at(said.len() / 2);
    let sum = |said: &[Said], of: fn(&Said) -> u64| said.iter().map(of).sum::<u64>();
    let (cold, warm) = (sum(first, |said| said.added), sum(second, |said| said.added));
    assert!(cold > 0 && sum(second, |said| said.used) > 0 && warm * 4 < cold, "{cold} and {warm} added: {said:?}");
}
