// Pixels of a picture (8-bit RGBA, not premultiplied) in a texture's format, and back.

/** How many components a format has, and how one is stored. */
const FORMATS = {
  r8unorm: [1, 'unorm'], rg8unorm: [2, 'unorm'], rgba8unorm: [4, 'unorm'], 'rgba8unorm-srgb': [4, 'unorm'],
  bgra8unorm: [4, 'unorm', true], 'bgra8unorm-srgb': [4, 'unorm', true],
  r16float: [1, 'half'], rg16float: [2, 'half'], rgba16float: [4, 'half'],
  r32float: [1, 'float'], rg32float: [2, 'float'], rgba32float: [4, 'float'],
};
const ARRAYS = { unorm: Uint8Array, half: Float16Array, float: Float32Array };

/** The part of a picture as bytes for writeTexture. */
export function convert(picture, { x, y, width, height, flipY, format, premultiply }) {
  const known = FORMATS[format];
  if (!known) throw new DOMException(`pictures cannot be copied to the format ${format}`, 'OperationError');
  const [count, kind, swap] = known;
  const out = new ARRAYS[kind](width * height * count);
  const scale = kind === 'unorm' ? 1 : 1 / 255;
  const alphaToo = premultiply !== picture.premultiplied;
  let at = 0;
  for (let row = 0; row < height; row += 1) {
    let from = ((y + (flipY ? height - 1 - row : row)) * picture.width + x) * 4;
    for (let column = 0; column < width; column += 1, from += 4) {
      const alpha = picture.data[from + 3];
      // Components change only where the picture and the texture differ in premultiplication.
      const factor = !alphaToo || alpha === 255 ? 1 : premultiply ? alpha / 255 : alpha ? 255 / alpha : 0;
      for (let component = 0; component < count; component += 1) {
        const index = swap && component < 3 ? 2 - component : component;
        const value = picture.data[from + index] * (index < 3 ? factor : 1);
        out[at++] = kind === 'unorm' ? Math.min(255, Math.round(value)) : value * scale;
      }
    }
  }
  return { bytes: new Uint8Array(out.buffer), bytesPerRow: width * count * out.BYTES_PER_ELEMENT };
}

/** A canvas's pixels, read back from its texture, as RGBA of 8 bits. */
export function picture(bytes, { width, height, bytesPerRow, format, opaque }) {
  const data = new Uint8ClampedArray(width * height * 4);
  const half = format === 'rgba16float';
  const source = half ? new Float16Array(bytes) : new Uint8Array(bytes);
  const stride = bytesPerRow / source.BYTES_PER_ELEMENT;
  const swap = format.startsWith('bgra');
  const scale = half ? 255 : 1;
  for (let row = 0; row < height; row += 1) {
    let from = row * stride;
    let to = row * width * 4;
    for (let column = 0; column < width; column += 1, from += 4, to += 4) {
      const alpha = opaque ? 255 : source[from + 3] * scale;
      const factor = opaque || alpha >= 255 ? scale : alpha > 0 ? (scale * 255) / alpha : 0;
      data[to] = source[from + (swap ? 2 : 0)] * factor;
      data[to + 1] = source[from + 1] * factor;
      data[to + 2] = source[from + (swap ? 0 : 2)] * factor;
      data[to + 3] = alpha;
    }
  }
  return data;
}
