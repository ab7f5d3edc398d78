//! Contents that maps return: gathered from pieces, and compared with the recorded ones.

use std::{collections::HashMap, ops::Range};

use airlock_protocol::{
    ids::RequestId,
    limits::{MAX_MAPPED, MAX_PENDING},
};

use super::{
    Tolerance,
    alike::{self, Alike, value},
    events::Verdict,
    place::Place,
};
use crate::{
    edit::analysis::{Latitude, Uncertain},
    file::format::{Digest, Readback},
};

/// The readbacks that have arrived and were not compared yet.
#[derive(Debug, Default)]
pub(super) struct Contents {
    open: HashMap<u64, Gathered>,
    /// Bytes that are kept.
    kept: u64,
}

/// A readback of the replay.
#[derive(Debug)]
pub(super) struct Gathered {
    hasher: Box<blake3::Hasher>,
    len: u64,
    /// `None` for contents that are too long to be kept.
    bytes: Option<Vec<u8>>,
}

impl Default for Gathered {
    fn default() -> Self {
        Self { hasher: Box::default(), len: 0, bytes: Some(Vec::new()) }
    }
}

impl Gathered {
    /// The digest of all bytes.
    pub fn digest(&self) -> Digest {
        Digest(*self.hasher.finalize().as_bytes())
    }

    /// The bytes, where they were kept.
    pub fn bytes(&self) -> Option<&[u8]> {
        self.bytes.as_deref()
    }

    fn add(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.len = self.len.saturating_add(bytes.len() as u64);
        if let Some(kept) = &mut self.bytes {
            kept.extend_from_slice(bytes);
        }
    }
}

impl Contents {
    /// Appends a piece.
    pub fn add(&mut self, request: RequestId, bytes: &[u8]) {
        // A worker may send data without a request.
        if self.open.len() >= MAX_PENDING && !self.open.contains_key(&request.0) {
            return;
        }
        let gathered = self.open.entry(request.0).or_default();
        if self.kept.saturating_add(bytes.len() as u64) > MAX_MAPPED
            && let Some(given_up) = gathered.bytes.take()
        {
            self.kept = self.kept.saturating_sub(given_up.len() as u64);
        }
        if gathered.bytes.is_some() {
            self.kept = self.kept.saturating_add(bytes.len() as u64);
        }
        gathered.add(bytes);
    }

    /// The contents of a map, after its reply.
    pub fn look(&mut self, request: RequestId) -> &Gathered {
        self.open.entry(request.0).or_default()
    }

    /// Removes and returns the contents of a map, after its reply.
    pub fn take(&mut self, request: RequestId) -> Gathered {
        let gathered = self.open.remove(&request.0).unwrap_or_default();
        self.kept = self.kept.saturating_sub(gathered.bytes().map_or(0, |bytes| bytes.len() as u64));
        gathered
    }
}

/// The recorded side of a comparison, with its rules.
#[derive(Debug)]
pub(super) struct Expected<'e> {
    /// The recorded value.
    pub readback: &'e Readback,
    /// Its bytes, where they were recorded.
    pub bytes: Option<&'e [u8]>,
    /// Permitted differences.
    pub latitude: &'e Latitude,
    /// The tolerance.
    pub tolerance: Option<Tolerance>,
    /// The place of the replay.
    pub place: Place,
}

/// The result of a comparison.
#[derive(Debug)]
pub(super) struct Compared {
    /// Its verdict.
    pub verdict: Verdict,
    /// At least a part was compared.
    pub counts: bool,
    /// Parts that were not compared, with the reason.
    pub left_out: Vec<(String, String)>,
    /// Measures of pictures and floats on another processor or adapter.
    pub elsewhere: Option<alike::Compared>,
    /// The reason why it cannot be compared on this processor.
    pub incomparable: Option<&'static str>,
}

/// The reason why a digest is not enough.
const ONLY_A_DIGEST: &str = "the trace has only a digest of it";
/// The reason why values are not compared.
const UNKNOWN_TYPE: &str = "the type of what a shader stored in it is not known";

impl Compared {
    fn new(verdict: Verdict) -> Self {
        Self { verdict, counts: true, left_out: Vec::new(), elsewhere: None, incomparable: None }
    }
}

impl Expected<'_> {
    /// Compares a readback with the recorded one.
    pub fn compare(&self, found: &Gathered) -> Compared {
        if self.readback.len != found.len {
            let (expected, found) = (format!("{} bytes", self.readback.len), format!("{} bytes", found.len));
            return Compared::new(Verdict::Differs { expected, found });
        }
        let Some(digest) = self.readback.digest else {
            let left_out = vec![("all bytes".to_owned(), "they were taken out of the trace".to_owned())];
            return Compared { counts: false, left_out, ..Compared::new(Verdict::Same) };
        };
        let uncertain = self.latitude.uncertain.iter().filter(|part| !part.range.is_empty());
        let mut left_out: Vec<_> = uncertain
            .map(|part| (format!("bytes {}..{}", part.range.start, part.range.end), part.why.clone()))
            .collect();
        if digest == found.digest() {
            return Compared { counts: !self.leaves_nothing(), left_out, ..Compared::new(Verdict::Same) };
        }
        let counts = !self.leaves_nothing();
        match (self.bytes, found.bytes()) {
            (Some(expected), Some(bytes)) if self.tolerance.is_none() && self.place != Place::Recorded => {
                Compared { left_out, ..self.elsewhere(expected, bytes) }
            }
            (Some(expected), Some(bytes)) => {
                Compared { counts, left_out, ..Compared::new(self.values(expected, bytes)) }
            }
            _ if !left_out.is_empty() => {
                left_out.push(("the other bytes".to_owned(), "only the digest of all bytes was recorded".to_owned()));
                Compared { counts: false, left_out, ..Compared::new(Verdict::Same) }
            }
            // Integers, and the guest's own bytes: a digest is enough for these.
            _ if self.place == Place::Recorded || (self.latitude.forms.is_empty() && self.place != Place::Noop) => {
                Compared::new(self.differs(digest, found.digest(), None))
            }
            _ => self.by_digest(digest),
        }
    }

    /// Compares pictures and floats with a tolerance, the rest exactly.
    fn elsewhere(&self, expected: &[u8], found: &[u8]) -> Compared {
        let compared = alike::compare(expected, found, self.latitude);
        let verdict = match &compared.alike {
            _ if self.place == Place::Noop => self.may_differ(Digest::of(expected)),
            Alike::Rounded => Verdict::Same,
            Alike::Unknown { .. } => {
                return Compared { counts: false, incomparable: Some(UNKNOWN_TYPE), ..Compared::new(Verdict::Same) };
            }
            // Another GPU draws another picture; integers are the same everywhere.
            Alike::Another { exact: false, .. } if self.place == Place::AnotherAdapter => {
                self.may_differ(Digest::of(expected))
            }
            Alike::Another { offset, expected: a, found: b, .. } => {
                let (place, what) = (format!("at byte {offset} "), "another result, ");
                Verdict::Differs { expected: format!("{place}{a}"), found: format!("{what}{place}{b}") }
            }
        };
        let counts = self.place != Place::Noop;
        Compared { counts, elsewhere: counts.then_some(compared), ..Compared::new(verdict) }
    }

    /// The result where only digests can be compared, and they differ.
    fn by_digest(&self, digest: Digest) -> Compared {
        let incomparable = (self.place < Place::AnotherAdapter).then_some(ONLY_A_DIGEST);
        let verdict = if incomparable.is_some() { Verdict::Same } else { self.may_differ(digest) };
        Compared { counts: false, incomparable, ..Compared::new(verdict) }
    }

    fn leaves_nothing(&self) -> bool {
        let uncertain = self.latitude.uncertain.iter();
        let left_out: u64 = uncertain.map(|part| part.range.end.saturating_sub(part.range.start)).sum();
        left_out > 0 && left_out >= self.readback.len
    }

    fn may_differ(&self, digest: Digest) -> Verdict {
        let what = format!("a readback of {} bytes (recorded digest {digest})", self.readback.len);
        Verdict::May { what, why: self.place.excuse() }
    }

    fn values(&self, expected: &[u8], found: &[u8]) -> Verdict {
        match differences(expected, found, &self.latitude.uncertain, self.tolerance) {
            None => Verdict::Same,
            difference => self.differs(Digest::of(expected), Digest::of(found), difference),
        }
    }

    fn differs(&self, expected: Digest, found: Digest, difference: Option<Difference>) -> Verdict {
        let len = self.readback.len;
        let (mut expected, mut found) =
            (format!("{len} bytes, digest {expected}"), format!("{len} bytes, digest {found}"));
        if let Some(difference) = difference {
            expected.push_str(&format!("; at byte {} {}", difference.offset, difference.expected));
            found.push_str(&format!(
                "; at byte {} {}; {} differ",
                difference.offset, difference.found, difference.how_many
            ));
            if let Some(tolerance) = self.tolerance {
                found.push_str(&format!(" by more than {tolerance}"));
            }
        }
        Verdict::Differs { expected, found }
    }
}

/// The first difference of two contents.
#[derive(Debug, PartialEq, Eq)]
struct Difference {
    /// The first byte that differs.
    offset: usize,
    expected: String,
    found: String,
    /// The number of bytes or values that differ.
    how_many: String,
}

/// Finds the differences outside the uncertain parts.
fn differences(a: &[u8], b: &[u8], leave_out: &[Uncertain], tolerance: Option<Tolerance>) -> Option<Difference> {
    let float = match tolerance {
        Some(Tolerance::F32(by)) => Some(by),
        _ => None,
    };
    let by = match tolerance {
        Some(Tolerance::Bytes(by)) => by,
        _ => 0,
    };
    let width = if float.is_some() { 4 } else { 1 };
    let (mut first, mut count) = (None, 0_u64);
    for part in parts(a.len().min(b.len()), leave_out, width) {
        let (Some(x), Some(y)) = (a.get(part.clone()), b.get(part.clone())) else { continue };
        if x == y {
            continue;
        }
        for (place, (x, y)) in x.chunks(width).zip(y.chunks(width)).enumerate() {
            let same = match (float, x.first_chunk(), y.first_chunk()) {
                (Some(by), Some(x), Some(y)) => close(f32::from_le_bytes(*x), f32::from_le_bytes(*y), by),
                _ => x.iter().zip(y).all(|(x, y)| x.abs_diff(*y) <= by),
            };
            if !same {
                let offset = part.start.saturating_add(place.saturating_mul(width));
                first.get_or_insert(offset);
                count = count.saturating_add(1);
            }
        }
    }
    let offset = first?;
    let how_many = format!("{count} {}", if float.is_some() { "floats" } else { "bytes" });
    Some(Difference { offset, expected: value(a, offset), found: value(b, offset), how_many })
}

fn close(a: f32, b: f32, by: f32) -> bool {
    let apart = (a - b).abs();
    a.to_bits() == b.to_bits()
        || (a.is_nan() && b.is_nan())
        || (apart.is_finite() && (apart <= by || apart <= by * a.abs().max(b.abs())))
}

/// The parts of `0..len` that are not left out, in whole values.
fn parts(len: usize, leave_out: &[Uncertain], width: usize) -> Vec<Range<usize>> {
    let (mut parts, mut start) = (Vec::new(), 0);
    for out in leave_out.iter().filter(|out| !out.range.is_empty()) {
        let at = |byte: u64| usize::try_from(byte).unwrap_or(usize::MAX).min(len);
        let from = at(out.range.start) / width * width;
        if start < from {
            parts.push(start..from);
        }
        start = start.max(at(out.range.end).div_ceil(width).saturating_mul(width));
    }
    if start < len {
        parts.push(start..len);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRICT: Place = Place::Recorded;

    fn gather(bytes: &[u8]) -> Gathered {
        let mut contents = Contents::default();
        for piece in bytes.chunks(3) {
            contents.add(RequestId(1), piece);
        }
        let gathered = contents.take(RequestId(1));
        assert_eq!(contents.kept, 0);
        gathered
    }

    fn compare(
        expected: &[u8],
        recorded: bool,
        found: &[u8],
        uncertain: &[Range<u64>],
        tolerance: Option<Tolerance>,
        place: Place,
    ) -> Compared {
        let digest = Some(Digest::of(expected));
        let readback = Readback { request: RequestId(1), len: expected.len() as u64, digest, pieces: Vec::new() };
        let uncertain: Vec<_> =
            uncertain.iter().map(|range| Uncertain { range: range.clone(), why: "time".to_owned() }).collect();
        let bytes = recorded.then_some(expected);
        let latitude = Latitude { uncertain, forms: Vec::new() };
        Expected { readback: &readback, bytes, latitude: &latitude, tolerance, place }.compare(&gather(found))
    }

    #[test]
    fn a_digest_decides_and_recorded_bytes_explain() {
        assert_eq!(compare(b"abcdefgh", false, b"abcdefgh", &[], None, STRICT).verdict, Verdict::Same);
        let Verdict::Differs { expected, found } = compare(b"abcdefgh", true, b"abcdXfgY", &[], None, STRICT).verdict
        else {
            panic!()
        };
        assert!(
            expected.ends_with("; at byte 4 0x65 (word 0x68676665, u32 1751606885, f32 4.371022e24)"),
            "{expected}"
        );
        assert!(found.ends_with("; 2 bytes differ") && found.contains("at byte 4 0x58"), "{found}");
        assert!(matches!(compare(b"ab", false, b"aX", &[], None, STRICT).verdict, Verdict::Differs { .. }));
        assert!(matches!(compare(b"ab", false, b"abc", &[], None, STRICT).verdict, Verdict::Differs { .. }));
    }

    #[test]
    fn what_is_uncertain_is_left_out() {
        let one = 2..4;
        let same = compare(b"abcdef", true, b"abXYef", std::slice::from_ref(&one), None, STRICT);
        assert!(same.verdict == Verdict::Same && same.counts);
        assert_eq!(same.left_out, [("bytes 2..4".to_owned(), "time".to_owned())]);
        let other = compare(b"abcdef", true, b"abXYeZ", std::slice::from_ref(&one), None, STRICT);
        assert!(matches!(other.verdict, Verdict::Differs { .. }));
        let unknown = compare(b"abcdef", false, b"abXYeZ", std::slice::from_ref(&one), None, STRICT);
        assert!(unknown.verdict == Verdict::Same && !unknown.counts && unknown.left_out.len() == 2);
        let all = compare(b"abcdef", true, b"ABCDEF", &[0..3, 3..6], None, STRICT);
        assert!(all.verdict == Verdict::Same && !all.counts);
    }

    #[test]
    fn tolerances_are_kept() {
        let bytes = Some(Tolerance::Bytes(2));
        let foreign = Place::AnotherAdapter;
        assert_eq!(compare(&[1, 2, 3], true, &[1, 4, 3], &[], bytes, foreign).verdict, Verdict::Same);
        assert!(matches!(compare(&[1, 2, 3], true, &[1, 5, 3], &[], bytes, foreign).verdict, Verdict::Differs { .. }));
        assert!(matches!(compare(&[1, 2, 3], true, &[1, 5, 3], &[], None, foreign).verdict, Verdict::Differs { .. }));
        assert!(matches!(compare(&[1, 2, 3], true, &[1, 5, 3], &[], None, Place::Noop).verdict, Verdict::May { .. }));
        let floats = |values: [f32; 2]| values.map(f32::to_le_bytes).concat();
        let by = Some(Tolerance::F32(1e-3));
        let expected = floats([1000.0, 1.0]);
        assert_eq!(compare(&expected, true, &floats([1000.5, 1.0]), &[], by, STRICT).verdict, Verdict::Same);
        for other in [[1002.0, 1.0], [f32::NAN, 1.0], [f32::INFINITY, 1.0], [1000.0, 1.1]] {
            let verdict = compare(&expected, true, &floats(other), &[], by, STRICT).verdict;
            assert!(matches!(verdict, Verdict::Differs { .. }), "{other:?}");
        }
        let uncertain = 5..6;
        let left_out = compare(&expected, true, &floats([1000.0, 2.0]), std::slice::from_ref(&uncertain), by, STRICT);
        assert_eq!(left_out.verdict, Verdict::Same);
    }

    #[test]
    fn contents_that_were_taken_out_are_not_compared() {
        let readback = Readback { request: RequestId(1), len: 2, digest: None, pieces: Vec::new() };
        let expected = Expected {
            readback: &readback,
            bytes: None,
            latitude: &Latitude::default(),
            tolerance: None,
            place: STRICT,
        };
        let compared = expected.compare(&gather(b"xy"));
        assert!(compared.verdict == Verdict::Same && !compared.counts && compared.left_out.len() == 1);
    }
}
