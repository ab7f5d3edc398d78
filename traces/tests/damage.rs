//! A trace that is truncated anywhere, or has any byte changed, is a trace up to there or one clear error: never a
//! panic, a hang, or memory out of proportion to the file.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use airlock_traces::{
    TraceFile,
    format::{CHUNK_HEADER, ChunkHeader, ChunkKind, PREAMBLE, Record},
};

use common::{exercise::exercise, open, sample};

/// An allocator that counts the bytes in use.
struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

#[allow(unsafe_code)]
// SAFETY: every call is passed to the system's allocator unchanged; the counters are not part of any allocation.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        MOST.fetch_max(now, Ordering::Relaxed);
        // SAFETY: the caller keeps to `GlobalAlloc::alloc`, whose contract the system's allocator has too.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the pointer came from `alloc` above with this layout, hence from the system's allocator.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Maximum memory for a file of a few KiB: a chunk of the longest kind, and an event's longest text, both a few times.
const MEMORY: usize = 64 << 20;

/// Maximum time, on a loaded machine: it takes milliseconds, unless it hangs.
const TIME: Duration = Duration::from_secs(60);

/// One test measures at a time.
static MEASURED: Mutex<()> = Mutex::new(());

fn measured(bytes: &[u8], what: impl Fn() -> String) -> Option<Vec<Record>> {
    let (before, start) = (NOW.load(Ordering::Relaxed), Instant::now());
    MOST.store(before, Ordering::Relaxed);
    let records = exercise(bytes);
    let most = MOST.load(Ordering::Relaxed).saturating_sub(before);
    assert!(most < MEMORY, "{most} bytes of memory for {}", what());
    assert!(start.elapsed() < TIME, "{:?} for {}", start.elapsed(), what());
    records
}

fn records(bytes: &[u8]) -> Vec<Record> {
    open(bytes).records().map(Result::unwrap).collect()
}

#[test]
fn a_trace_cut_anywhere_is_its_start() {
    let _guard = MEASURED.lock().unwrap_or_else(PoisonError::into_inner);
    let bytes = sample();
    let whole = records(&bytes);
    let mut most = 0;
    for length in 0..bytes.len() {
        let Some(found) = measured(&bytes[..length], || format!("{length} bytes")) else {
            // Without its header it is not a trace.
            assert_eq!(most, 0, "{length} bytes");
            continue;
        };
        assert!(whole.starts_with(&found), "{length} bytes");
        assert!(found.len() >= most, "{length} bytes");
        most = found.len();
    }
    assert_eq!(most, whole.len());
}

#[test]
fn a_trace_with_any_byte_changed_is_its_start_or_an_error() {
    let _guard = MEASURED.lock().unwrap_or_else(PoisonError::into_inner);
    let bytes = sample();
    let whole = records(&bytes);
    for place in 0..bytes.len() {
        // One bit or all bits of each byte; over the whole file the lowest bit, the highest, and all of them.
        let flip = [0x01, 0x80, 0xff][place % 3];
        let mut changed = bytes.clone();
        changed[place] ^= flip;
        let found = measured(&changed, || format!("byte {place} ^ {flip:#x}"));
        assert!(found.is_none_or(|found| whole.starts_with(&found)), "byte {place} ^ {flip:#x}");
    }
}

/// An uncompressed chunk, with valid checksums.
fn chunk(kind: u8, number: u32, contents: &[u8]) -> Vec<u8> {
    let length = u32::try_from(contents.len()).unwrap();
    let crc = crc32fast::hash(contents);
    let header = ChunkHeader { kind, compressed: false, stored: length, raw: length, number, crc };
    [&header.to_bytes(), contents].concat()
}

/// The contents of a trace's chunks, index and footer excluded.
fn chunks(bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let (mut at, mut chunks) = (PREAMBLE, Vec::new());
    while at < bytes.len() {
        let header = ChunkHeader::parse(&bytes[at..], at as u64).unwrap();
        let start = at + CHUNK_HEADER;
        at = start + header.stored as usize;
        let contents = header.open(bytes[start..at].to_vec(), 0).unwrap();
        if ![ChunkKind::Index as u8, ChunkKind::Footer as u8].contains(&header.kind) {
            chunks.push((header.kind, contents));
        }
    }
    chunks
}

/// A closed trace of uncompressed chunks, and the start of each chunk.
fn closed(bytes: &[u8], mut parts: Vec<(u8, Vec<u8>)>) -> (Vec<u8>, Vec<usize>) {
    let mut file = bytes[..PREAMBLE].to_vec();
    let mut starts = Vec::new();
    let mut add = |file: &mut Vec<u8>, kind: u8, contents: &[u8]| {
        let number = u32::try_from(starts.len()).unwrap();
        starts.push(file.len());
        file.extend(chunk(kind, number, contents));
    };
    parts.iter().for_each(|(kind, contents)| add(&mut file, *kind, contents));
    let end = file.len() as u64;
    parts =
        TraceFile::from_bytes(file.clone()).unwrap().index().to_chunks().into_iter().map(|part| (5, part)).collect();
    parts.iter().for_each(|(kind, contents)| add(&mut file, *kind, contents));
    add(&mut file, ChunkKind::Footer as u8, &end.to_le_bytes());
    (file, starts)
}

/// Damage with valid checksums: a hostile file.
#[test]
fn a_trace_with_any_byte_changed_and_fitting_checksums_costs_nothing() {
    let _guard = MEASURED.lock().unwrap_or_else(PoisonError::into_inner);
    let bytes = sample();
    let mut parts = chunks(&bytes);
    // The data itself is opaque to a reader.
    for (kind, contents) in &mut parts {
        if *kind == ChunkKind::Payloads as u8 {
            contents.truncate(contents.len().min(128));
            let length = u32::try_from(contents.len().saturating_sub(36)).unwrap();
            contents[..4].copy_from_slice(&length.to_le_bytes());
        }
    }
    let (file, starts) = closed(&bytes, parts);
    assert!(open(&file).is_closed());
    let end = open(&file).index().chunks.last().map(|chunk| chunk.offset + 28 + u64::from(chunk.stored)).unwrap();
    for (number, &start) in starts.iter().enumerate() {
        let header = ChunkHeader::parse(&file[start..], 0).unwrap();
        let contents = &file[start + CHUNK_HEADER..start + CHUNK_HEADER + header.stored as usize];
        for place in 0..contents.len() {
            // One bit or all bits of each byte; over the whole file the lowest bit, the highest, and all of them.
            let flip = [0x01, 0x80, 0xff][place % 3];
            let mut contents = contents.to_vec();
            contents[place] ^= flip;
            let mut changed = file.clone();
            let replacement = chunk(header.kind, header.number, &contents);
            changed[start..start + replacement.len()].copy_from_slice(&replacement);
            let what = || format!("byte {place} ^ {flip:#x} of chunk {number}, kind {}", header.kind);
            measured(&changed, what);
            // The same without its index is scanned.
            if start < end as usize {
                measured(&changed[..end as usize], what);
            }
        }
    }
}

/// Lengths in a header that exceed the file.
#[test]
fn long_promises_cost_nothing() {
    let _guard = MEASURED.lock().unwrap_or_else(PoisonError::into_inner);
    let bytes = sample();
    let file = open(&bytes);
    for entry in &file.index().chunks {
        let at = usize::try_from(entry.offset).unwrap();
        let header = ChunkHeader::parse(&bytes[at..], 0).unwrap();
        for length in [0, 1, 1 << 20, 16 << 20, u32::MAX] {
            for changed in [ChunkHeader { raw: length, ..header }, ChunkHeader { stored: length, ..header }] {
                let mut lying = bytes.clone();
                lying[at..at + CHUNK_HEADER].copy_from_slice(&changed.to_bytes());
                measured(&lying, || format!("{changed:?}"));
            }
        }
    }
}

/// Equal entries compress to almost nothing.
#[test]
fn an_index_of_millions_of_entries_costs_nothing() {
    let _guard = MEASURED.lock().unwrap_or_else(PoisonError::into_inner);
    let bytes = sample();
    let places: Vec<u64> = open(&bytes).index().chunks.iter().map(|chunk| chunk.offset).collect();
    let end = open(&bytes).index().chunks.last().map(|chunk| chunk.offset + 28 + u64::from(chunk.stored)).unwrap();
    let chunk_entry = [&[1, 25, 0, 0, 0][..], &places[0].to_le_bytes(), &[0; 17]].concat();
    let payload = |i: u32| [&[2, 44, 0, 0, 0][..], &i.to_le_bytes(), &[0; 40]].concat();
    let marker = [&[3, 14, 0, 0, 0, 2][..], &[0; 13]].concat();
    let many =
        |entry: &dyn Fn(u32) -> Vec<u8>, length: u32| (0..(12 << 20) / length).flat_map(entry).collect::<Vec<_>>();
    let parts = [many(&|_| chunk_entry.clone(), 30), many(&payload, 49), many(&|_| marker.clone(), 19)];
    for part in parts {
        let mut file = bytes[..usize::try_from(end).unwrap()].to_vec();
        let stored = zstd::bulk::compress(&part, 1).unwrap();
        let (length, raw) = (u32::try_from(stored.len()).unwrap(), u32::try_from(part.len()).unwrap());
        let number = u32::try_from(places.len()).unwrap();
        let crc = crc32fast::hash(&stored);
        let header = ChunkHeader { kind: 5, compressed: true, stored: length, raw, number, crc };
        for _ in 0..6 {
            file.extend(header.to_bytes());
            file.extend(&stored);
        }
        file.extend(chunk(ChunkKind::Footer as u8, number + 1, &end.to_le_bytes()));
        drop(part);
        measured(&file, || "an index of one entry, millions of times".to_owned());
    }
}

/// A chunk is one compressed frame. Further ones are skipped or empty, take time each, and are not part of the format.
#[test]
fn a_chunk_of_many_frames_is_damaged() {
    let bytes = sample();
    let header = ChunkHeader::parse(&bytes[PREAMBLE..], PREAMBLE as u64).unwrap();
    let first = PREAMBLE + CHUNK_HEADER + header.stored as usize;
    let contents = vec![0; 1000];
    let frame = zstd::bulk::compress(&contents, 1).unwrap();
    let skipped = [&0x184d_2a50_u32.to_le_bytes()[..], &[0; 4]].concat();
    for stored in [
        [&skipped.repeat(1 << 17)[..], &frame].concat(),
        [&frame[..], &skipped].concat(),
        [&zstd::bulk::compress(&[], 1).unwrap()[..], &frame].concat(),
    ] {
        let kind = ChunkKind::Payloads as u8;
        let (length, crc) = (u32::try_from(stored.len()).unwrap(), crc32fast::hash(&stored));
        let header = ChunkHeader { kind, compressed: true, stored: length, raw: 1000, number: 1, crc };
        let file = open(&[&bytes[..first], &header.to_bytes(), &stored].concat());
        let damage = file.damage().expect("it is read").to_string();
        assert!(damage.contains("not one compressed frame"), "{damage}");
    }
}
