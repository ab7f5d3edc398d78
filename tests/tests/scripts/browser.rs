//! The same script files in Chromium, with its software adapter: equal integers, and pictures that are equal up to
//! rounding. Skipped, with a message, where there is no Chromium.

use std::{path::PathBuf, sync::Mutex};

use airlock_tests::{
    browser::{Visit, chromium, visit},
    pictures::Picture,
    programs::root,
    scratch,
};

use super::{run_in, script};

/// One browser at a time: each uses a whole processor.
static ONE: Mutex<()> = Mutex::new(());

/// The results of a script below `tests/` in the browser.
fn in_browser(path: &str) -> Option<Visit> {
    let Some(browser): Option<PathBuf> = chromium() else {
        eprintln!("skipped: no chromium; scripts/setup --with-chromium installs it, AIRLOCK_CHROMIUM names another");
        return None;
    };
    let _one = ONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    Some(visit(&browser, &root().join("tests"), path))
}

#[test]
fn integers_are_equal() {
    let Some(visit) = in_browser("guests/js/compute.js") else { return };
    let here = run_in(scratch().path(), &[], &script("compute.js"), &[]).succeeded();
    assert_eq!(visit.stdout, here.stdout);
}

#[track_caller]
fn pictures_are_alike(guest: &str, picture: &str) {
    let Some(visit) = in_browser(&format!("guests/js/{guest}")) else { return };
    let folder = scratch();
    run_in(folder.path(), &[], &script(guest), &[]).succeeded();
    let there = Picture::decode(visit.files.get(picture).unwrap_or_else(|| panic!("no {picture} from {guest}")));
    Picture::read(&folder.path().join(picture)).is_alike(&there);
}

#[test]
fn triangles_are_alike() {
    pictures_are_alike("triangle.js", "triangle.png");
}

#[test]
fn scenes_are_alike() {
    pictures_are_alike("scene.js", "scene.png");
}

#[test]
fn filtered_pictures_are_alike() {
    pictures_are_alike("image.js", "filtered.png");
}

/// The conformance tests also run against the browser; its failures are listed with their reasons.
#[test]
fn the_conformance_tests_agree() {
    let Some(visit) = in_browser("conformance/run.js") else { return };
    let report = visit.conformance;
    assert_eq!(report["failed"], 0, "{}", visit.stdout);
    assert!(report["passed"].as_u64().is_some_and(|passed| passed >= 700), "{}", visit.stdout);
}
