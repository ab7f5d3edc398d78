//! The three pictures of a differing readback: recorded, replayed, and their difference.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::replay::{Picture, flip};

use super::output;

/// Maximum pictures of one trace.
const MAX_PICTURES: usize = 16;

/// Writes them into a folder, which is created if necessary, as `NAME-command-N-expected.png`, `-found.png` and
/// `-difference.png`. Returns their paths.
pub(super) fn write(folder: &Path, name: &str, pictures: &[Picture]) -> io::Result<Vec<PathBuf>> {
    let mut written = Vec::new();
    for picture in pictures.iter().take(MAX_PICTURES) {
        fs::create_dir_all(folder)?;
        let difference = flip::difference(picture);
        let sides = [
            ("expected", Some(picture.expected.as_slice())),
            ("found", Some(picture.found.as_slice())),
            ("difference", difference.as_deref()),
        ];
        for (side, rgb) in sides {
            let Some(rgb) = rgb else { continue };
            let path = folder.join(format!("{name}-command-{}-{side}.png", picture.command));
            output::write(&path, &png(picture, rgb)?).map_err(io::Error::other)?;
            written.push(path);
        }
    }
    Ok(written)
}

fn png(picture: &Picture, rgb: &[u8]) -> io::Result<Vec<u8>> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, picture.width, picture.height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(rgb)?;
    writer.finish()?;
    Ok(file)
}
