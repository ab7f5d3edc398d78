// ImageData and ImageBitmap: pictures in memory.

import native from 'airlock:native';
import { dictionary, global, oneOf, required, size32, webInterface } from '../define.js';
import { part, resized } from '../webgpu/pixels.js';
import { blobBytes } from './blob.js';
import { cloneable, transferable } from './clone.js';

const secret = Symbol('ImageBitmap');
const COLOR_SPACES = ['srgb', 'display-p3'];
/** The most bytes of an ImageData, as of the largest typed array here. */
const MAX_BYTES = 2 ** 31 - 1;

const indexSizeError = (message) => new DOMException(`ImageData: ${message}`, 'IndexSizeError');
const invalidState = (message) => new DOMException(message, 'InvalidStateError');

class ImageData {
  #data; #width; #height; #colorSpace;
  constructor(first, second, third, fourth) {
    required(arguments.length, 2, 'ImageData');
    const given = first instanceof Uint8ClampedArray;
    this.#colorSpace = oneOf(dictionary(given ? fourth : third, 'ImageData: settings').colorSpace, COLOR_SPACES, 'ImageData: colorSpace', 'srgb');
    if (given) {
      this.#data = first;
      this.#width = Number(second) >>> 0;
      if (!first.length || first.length % 4) throw invalidState('ImageData: the data are not whole pixels');
      if (!this.#width || (first.length / 4) % this.#width) throw indexSizeError('the data do not fill whole rows');
      this.#height = first.length / 4 / this.#width;
      if (third !== undefined && Number(third) >>> 0 !== this.#height) throw indexSizeError('the data have another height');
    } else {
      [this.#width, this.#height] = [Number(first) >>> 0, Number(second) >>> 0];
      if (!this.#width || !this.#height) throw indexSizeError('a side is 0');
      if (this.#width * this.#height * 4 > MAX_BYTES) throw indexSizeError('the sides are too long');
      this.#data = new Uint8ClampedArray(this.#width * this.#height * 4);
    }
  }
  get width() { return this.#width; }
  get height() { return this.#height; }
  get data() { return this.#data; }
  get colorSpace() { return this.#colorSpace; }
}

class ImageBitmap {
  #picture;
  constructor(key, picture) {
    if (key !== secret) throw new TypeError('Illegal constructor');
    this.#picture = picture;
  }
  get width() { return this.#picture?.width ?? 0; }
  get height() { return this.#picture?.height ?? 0; }
  close() { this.#picture = null; }
  static picture(bitmap) { return bitmap.#picture; }
}
const pictureOf = ImageBitmap.picture;
delete ImageBitmap.picture;

const readers = [
  [ImageData, ({ width, height, data, colorSpace }) => {
    if (!data.length) throw invalidState('the data of the picture are detached');
    return { width, height, data, premultiplied: false, colorSpace };
  }],
  [ImageBitmap, pictureOf],
];

/** Another class has pixels, too. */
export function readable(constructor, read) {
  readers.push([constructor, read]);
}

/** The pixels of a picture; undefined for another object. */
export function pixelsOf(source) {
  for (const [constructor, read] of readers) {
    if (!(source instanceof constructor)) continue;
    const picture = read(source);
    if (!picture) throw invalidState('the picture is closed');
    return picture;
  }
  return undefined;
}

export function bitmap(picture) {
  return new ImageBitmap(secret, picture);
}

function decode(blob) {
  try {
    const { width, height, data } = native.decodePng(blobBytes(blob));
    return { width, height, data: new Uint8ClampedArray(data), premultiplied: false, colorSpace: 'srgb' };
  } catch (error) {
    throw invalidState(`${error.message}; only PNG can be read`);
  }
}

/** The members of ImageBitmapOptions. */
function bitmapOptions(value) {
  const options = dictionary(value, 'createImageBitmap: options');
  const name = (member) => `createImageBitmap: ${member}`;
  const size = (member) => {
    const given = options[member];
    return given === undefined ? undefined : size32(given, name(member));
  };
  oneOf(options.colorSpaceConversion, ['none', 'default'], name('colorSpaceConversion'));
  const flipY = oneOf(options.imageOrientation, ['from-image', 'flipY', 'none'], name('imageOrientation')) === 'flipY';
  const premultiplied = oneOf(options.premultiplyAlpha, ['none', 'premultiply', 'default'], name('premultiplyAlpha')) !== 'none';
  const resizeHeight = size('resizeHeight');
  const quality = oneOf(options.resizeQuality, ['pixelated', 'low', 'medium', 'high'], name('resizeQuality'), 'low');
  return { flipY, premultiplied, resizeHeight, quality, resizeWidth: size('resizeWidth') };
}

/** WebIDL's long. */
const long = (value) => Number(value) | 0;

async function createImageBitmap(source, ...rest) {
  required(arguments.length, 1, 'createImageBitmap');
  if (rest.length === 2 || rest.length === 3) throw new TypeError(`createImageBitmap: 1, 2 or 5 arguments required, ${arguments.length} given`);
  const rectangle = rest.length >= 4 ? rest.slice(0, 4).map(long) : null;
  const { flipY, premultiplied, quality, resizeWidth, resizeHeight } = bitmapOptions(rest[rectangle ? 4 : 0]);
  if (rectangle && (!rectangle[2] || !rectangle[3])) throw new RangeError('createImageBitmap: a side of the rectangle is 0');
  if (resizeWidth === 0 || resizeHeight === 0) throw invalidState('createImageBitmap: a side of the result is 0');
  const picture = source instanceof Blob ? decode(source) : pixelsOf(source);
  if (!picture) throw new TypeError('createImageBitmap: the source is not a Blob, ImageData, ImageBitmap or OffscreenCanvas');
  const [left, top, across, down] = rectangle ?? [0, 0, picture.width, picture.height];
  const [width, height] = [Math.abs(across), Math.abs(down)];
  const place = { x: Math.min(left, left + across), y: Math.min(top, top + down), width, height, flipY };
  try {
    if (resizeWidth === undefined && resizeHeight === undefined) return bitmap(part(picture, { ...place, premultiplied }));
    const toWidth = resizeWidth ?? Math.ceil((width * resizeHeight) / height);
    const toHeight = resizeHeight ?? Math.ceil((height * resizeWidth) / width);
    const result = resized(part(picture, { ...place, premultiplied: true }), toWidth, toHeight, quality);
    return bitmap(premultiplied ? result : part(result, { premultiplied }));
  } catch (error) {
    throw invalidState(`createImageBitmap: ${error.message}`);
  }
}
Object.defineProperty(createImageBitmap, 'length', { value: 1, configurable: true });

cloneable.push(
  [ImageData, ({ data, width, height, colorSpace }) => new ImageData(data.slice(), width, height, { colorSpace })],
  [ImageBitmap, (image) => bitmap(pictureOf(image))],
);
transferable.push([ImageBitmap, (image) => image.close()]);
global({ ImageData: webInterface(ImageData, { constructor: 2 }), ImageBitmap: webInterface(ImageBitmap, { constructor: 0 }), createImageBitmap });
