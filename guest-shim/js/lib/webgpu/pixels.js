// Pixels of pictures and textures, converted by the runtime. A picture is `{ width, height, data, premultiplied, colorSpace,
// opaque }`; its data are RGBA, as bytes or as floats from 0 to 1.

import native from 'airlock:native';

/** The formats that pictures can be copied to: how many components each has, and how one is stored. */
const FORMATS = {
  r8unorm: [1, 'byte'], rg8unorm: [2, 'byte'], rgba8unorm: [4, 'byte'], 'rgba8unorm-srgb': [4, 'byte'],
  bgra8unorm: [4, 'byte', true], 'bgra8unorm-srgb': [4, 'byte', true], rgb10a2unorm: [4, 'packed'],
  r16float: [1, 'half'], rg16float: [2, 'half'], rgba16float: [4, 'half'],
  r32float: [1, 'float'], rg32float: [2, 'float'], rgba32float: [4, 'float'],
};
const WIDE = 'display-p3';

/** Whether pictures can be copied to a format. */
export const copyable = (format) => Object.hasOwn(FORMATS, format);

const unitOf = (data) => (data instanceof Float32Array ? 'float' : 'byte');
const sideOf = ({ data, premultiplied, colorSpace }) => ({ unit: unitOf(data), components: 4, swapped: false, premultiplied, wide: colorSpace === WIDE });

function convert(picture, to, change) {
  const { width, height, data, opaque = false } = picture;
  return native.convertPixels(data, {
    from: sideOf(picture), to, stride: width, columns: width, rows: height, x: 0, y: 0, width, height, flipY: false, opaque, ...change,
  });
}

/** A part of a picture as bytes for writeTexture. */
export function texels(picture, { x, y, width, height, flipY, format, premultiplied, colorSpace }) {
  const [components, kind, swapped = false] = FORMATS[format];
  const to = { unit: kind === 'half' ? 'float' : kind, components, swapped, premultiplied, wide: colorSpace === WIDE };
  const converted = convert(picture, to, { x, y, width, height, flipY });
  const bytes = new Uint8Array(kind === 'half' ? new Float16Array(new Float32Array(converted)).buffer : converted);
  return { bytes, bytesPerRow: height ? bytes.length / height : 0 };
}

/** A part of a picture as a picture of its own. */
export function part(picture, { x = 0, y = 0, width = picture.width, height = picture.height, flipY = false, premultiplied }) {
  const to = { ...sideOf(picture), premultiplied };
  const converted = convert(picture, to, { x, y, width, height, flipY });
  const data = to.unit === 'float' ? new Float32Array(converted) : new Uint8ClampedArray(converted);
  return { width, height, data, premultiplied, colorSpace: picture.colorSpace };
}

/** A premultiplied picture in another size. */
export function resized(picture, toWidth, toHeight, quality) {
  const { width, height, data } = picture;
  const unit = unitOf(data);
  const bytes = native.resizePixels(data, { unit, width, height, toWidth, toHeight, quality });
  return { ...picture, width: toWidth, height: toHeight, data: unit === 'float' ? new Float32Array(bytes) : new Uint8ClampedArray(bytes) };
}

/** The pixels of a canvas, read back from its texture. */
export function frame(bytes, { width, height, bytesPerRow, format, opaque, colorSpace }) {
  const half = format === 'rgba16float';
  const data = half ? new Float32Array(new Float16Array(bytes)) : new Uint8Array(bytes);
  const unit = unitOf(data);
  const side = { unit, components: 4, premultiplied: !opaque, wide: false };
  const converted = native.convertPixels(data, {
    from: { ...side, swapped: format.startsWith('bgra') }, to: { ...side, swapped: false }, stride: bytesPerRow / (half ? 8 : 4),
    columns: width, rows: height, x: 0, y: 0, width, height, flipY: false, opaque,
  });
  return { width, height, data: half ? new Float32Array(converted) : new Uint8ClampedArray(converted), premultiplied: !opaque, colorSpace, opaque };
}

/** A picture as a PNG file. */
export function png(picture) {
  const to = { unit: 'byte', components: 4, swapped: false, premultiplied: false, wide: false };
  return native.encodePng(picture.width, picture.height, new Uint8Array(convert(picture, to, {})));
}

/** The picture of a canvas that shows nothing. */
export const blank = (width, height) => ({ width, height, data: new Uint8ClampedArray(width * height * 4), premultiplied: true, colorSpace: 'srgb' });
