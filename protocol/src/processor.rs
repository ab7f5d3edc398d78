//! The processor that this process runs on, as the kernel describes it: for the keys of caches with machine code, which may use
//! instructions that another processor does not have, and for traces.

use std::{fs::File, io::Read as _};

/// The kernel's list of processors.
const LIST: &str = "/proc/cpuinfo";
/// Maximum bytes read of it: the first processor's entry has some thousands.
const MAX_READ: u64 = 64 << 10;
/// The fields that identify a processor and its instructions: `flags` on x86, `Features` on Arm.
const FIELDS: &[&str] = &[
    "vendor_id",
    "cpu family",
    "model",
    "stepping",
    "flags",
    "Features",
    "CPU implementer",
    "CPU architecture",
    "CPU variant",
    "CPU part",
    "CPU revision",
];

/// Returns the start of the list, with the whole entry of the first processor; nothing where the system has no list.
pub fn list() -> String {
    let mut list = Vec::new();
    if let Ok(file) = File::open(LIST) {
        // What was read before an error is a processor's entry, too, or identifies none.
        let _ = file.take(MAX_READ).read_to_end(&mut list);
    }
    String::from_utf8_lossy(&list).into_owned()
}

/// Returns the lines that identify this machine's first processor; none where the system has no list of them.
pub fn identity() -> String {
    first(&list())
}

/// The identifying lines of a list's first processor.
fn first(list: &str) -> String {
    let is_identity = |line: &&str| line.split_once(':').is_some_and(|(name, _)| FIELDS.contains(&name.trim()));
    let lines = list.lines().take_while(|line| !line.is_empty()).filter(is_identity);
    lines.flat_map(|line| [line, "\n"]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_processor_is_its_model_and_instructions() {
        let known = first("processor\t: 0\nmodel\t\t: 2\ncpu MHz\t\t: 2400.1\nflags\t\t: sse avx\n\nprocessor\t: 1\n");
        assert_eq!(known, "model\t\t: 2\nflags\t\t: sse avx\n");
        assert_eq!(
            first("processor\t: 0\nmodel\t\t: 2\ncpu MHz\t\t: 3100.7\nflags\t\t: sse avx\n\nmodel\t: 3\n"),
            known
        );
        assert_ne!(first("processor\t: 0\nmodel\t\t: 3\nflags\t\t: sse avx\n"), known);
        assert_ne!(first("processor\t: 0\nmodel\t\t: 2\nflags\t\t: sse avx avx2\n"), known);
        assert_eq!(first(""), "");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_machine_has_a_processor_that_stays_the_same() {
        assert!(!identity().is_empty());
        assert_eq!(identity(), identity());
    }
}
