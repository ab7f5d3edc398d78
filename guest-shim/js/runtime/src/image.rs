//! PNG files, which `convertToBlob` writes and `createImageBitmap` reads. Pixels are 8-bit RGBA, not premultiplied.

/// The maximum width and height of a picture that is read.
const MAX_SIDE: u32 = 16384;
/// The maximum number of bytes that the decoder allocates beside the pixels.
const MAX_DECODER_MEMORY: usize = 256 << 20;

pub struct Picture {
    pub width: u32,
    pub height: u32,
    pub pixels: Vec<u8>,
}

pub fn encode(width: u32, height: u32, pixels: &[u8]) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Eight);
    let write = |encoder: png::Encoder<'_, &mut Vec<u8>>| {
        let mut writer = encoder.write_header()?;
        writer.write_image_data(pixels)?;
        writer.finish()
    };
    write(encoder).map_err(|error| format!("cannot encode a picture: {error}"))?;
    Ok(bytes)
}

pub fn decode(bytes: &[u8]) -> Result<Picture, String> {
    let failed = |error: png::DecodingError| format!("cannot decode the picture: {error}");
    let mut decoder =
        png::Decoder::new_with_limits(std::io::Cursor::new(bytes), png::Limits { bytes: MAX_DECODER_MEMORY });
    decoder.set_transformations(png::Transformations::normalize_to_color8() | png::Transformations::ALPHA);
    let mut reader = decoder.read_info().map_err(failed)?;
    let (width, height) = (reader.info().width, reader.info().height);
    if width > MAX_SIDE || height > MAX_SIDE {
        return Err(format!("the picture has {width} x {height} pixels, more than {MAX_SIDE} in a direction"));
    }
    let size = reader.output_buffer_size().ok_or("the picture is too large")?;
    let mut read = vec![0; size];
    let info = reader.next_frame(&mut read).map_err(failed)?;
    read.truncate(info.buffer_size());
    let pixels = match info.color_type {
        png::ColorType::Rgba => read,
        png::ColorType::GrayscaleAlpha => {
            read.chunks_exact(2).flat_map(|pixel| [pixel[0], pixel[0], pixel[0], pixel[1]]).collect()
        }
        png::ColorType::Rgb => read.chunks_exact(3).flat_map(|pixel| [pixel[0], pixel[1], pixel[2], 255]).collect(),
        png::ColorType::Grayscale => read.iter().flat_map(|&grey| [grey, grey, grey, 255]).collect(),
        png::ColorType::Indexed => return Err("the picture's palette was not expanded".to_owned()),
    };
    Ok(Picture { width, height, pixels })
}
