//! Generates the fuzzer's seeds: the chunks of the golden traces, decompressed, in the form that `fuzz_targets/reader.rs`
//! assembles into a file. Whole files need no copies here: `scripts/fuzz` takes them from `golden`.
//!
//! `cargo run --example seeds` in this folder.

use std::{error::Error, fs, path::Path};

use airlock_traces::format::{CHUNK_HEADER, ChunkHeader, PREAMBLE};

/// Maximum length of a seed in bytes.
const LONGEST: usize = 12 << 10;

fn main() -> Result<(), Box<dyn Error>> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let seeds = here.join("seeds/reader");
    fs::create_dir_all(&seeds)?;
    for file in fs::read_dir(here.join("../golden"))?.flatten().map(|entry| entry.path()) {
        if file.extension().is_none_or(|is| is != "airtrace") {
            continue;
        }
        let bytes = fs::read(&file)?;
        let mut seed = vec![1];
        let mut at = PREAMBLE;
        // A truncated file is valid up to its last whole chunk.
        while let Ok(header) = ChunkHeader::parse(bytes.get(at..).unwrap_or_default(), at as u64) {
            let start = at + CHUNK_HEADER;
            let end = start + header.stored as usize;
            let Some(stored) = bytes.get(start..end) else { break };
            let contents = header.open(stored.to_vec(), at as u64)?;
            at = end;
            // The target writes its own header chunk.
            let fits = header.kind != 1 && seed.len() + contents.len() < LONGEST;
            if let (true, Ok(length)) = (fits, u16::try_from(contents.len())) {
                seed.push(header.kind);
                seed.extend(length.to_le_bytes());
                seed.extend(contents);
            }
        }
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        fs::write(seeds.join(format!("chunks-{name}")), seed)?;
    }
    Ok(())
}
