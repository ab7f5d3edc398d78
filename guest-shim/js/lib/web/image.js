// ImageData and ImageBitmap: pictures in memory as 8-bit RGBA.

import native from 'airlock:native';
import { global, webInterface } from '../define.js';
import { blobBytes } from './blob.js';
import { cloneable } from './clone.js';

const secret = Symbol('ImageBitmap');

class ImageData {
  #data; #width; #height;
  constructor(first, second, third) {
    if (typeof first === 'object') {
      if (!(first instanceof Uint8ClampedArray)) throw new TypeError('ImageData: the data is not a Uint8ClampedArray');
      const width = Number(second) >>> 0;
      if (!width || first.length % (4 * width)) throw new DOMException('ImageData: the data does not fill whole rows', 'IndexSizeError');
      const height = first.length / 4 / width;
      if (third !== undefined && typeof third !== 'object' && Number(third) !== height) throw new DOMException('ImageData: the data has another height', 'IndexSizeError');
      [this.#data, this.#width, this.#height] = [first, width, height];
    } else {
      [this.#width, this.#height] = [Number(first) >>> 0, Number(second) >>> 0];
      if (!this.#width || !this.#height) throw new DOMException('ImageData: a side is 0', 'IndexSizeError');
      this.#data = new Uint8ClampedArray(this.#width * this.#height * 4);
    }
  }
  get width() { return this.#width; }
  get height() { return this.#height; }
  get data() { return this.#data; }
  get colorSpace() { return 'srgb'; }
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
  [ImageData, ({ width, height, data }) => ({ width, height, data, premultiplied: false })],
  [ImageBitmap, pictureOf],
];

/** Another class has pixels, too. */
export function readable(constructor, read) {
  readers.push([constructor, read]);
}

/** The pixels of a picture; undefined for what is none. */
export function pixelsOf(source) {
  for (const [constructor, read] of readers) {
    if (!(source instanceof constructor)) continue;
    const picture = read(source);
    if (!picture) throw new DOMException('the picture is closed', 'InvalidStateError');
    return picture;
  }
  return undefined;
}

export function bitmap(picture) {
  return new ImageBitmap(secret, picture);
}

function crop(picture, x, y, width, height, flipY) {
  const data = new Uint8ClampedArray(width * height * 4);
  for (let row = 0; row < height; row += 1) {
    const from = y + (flipY ? height - 1 - row : row);
    if (from < 0 || from >= picture.height) continue;
    for (let column = 0; column < width; column += 1) {
      const at = x + column;
      if (at < 0 || at >= picture.width) continue;
      const start = (from * picture.width + at) * 4;
      data.set(picture.data.subarray(start, start + 4), (row * width + column) * 4);
    }
  }
  return { width, height, data, premultiplied: picture.premultiplied };
}

async function createImageBitmap(source, ...rest) {
  const options = (typeof rest.at(-1) === 'object' ? rest.pop() : undefined) ?? {};
  let picture;
  if (source instanceof Blob) {
    try {
      const { width, height, data } = native.decodePng(blobBytes(source));
      picture = { width, height, data: new Uint8ClampedArray(data), premultiplied: false };
    } catch (error) {
      throw new DOMException(`${error.message}; only PNG can be read`, 'InvalidStateError');
    }
  } else {
    picture = pixelsOf(source);
    if (!picture) throw new TypeError('createImageBitmap: the source is not a Blob, ImageData, ImageBitmap or OffscreenCanvas');
  }
  const [x = 0, y = 0, width = picture.width, height = picture.height] = rest.map(Number);
  const flipY = options.imageOrientation === 'flipY';
  if (options.resizeWidth !== undefined || options.resizeHeight !== undefined) throw new DOMException('createImageBitmap does not resize', 'NotSupportedError');
  return bitmap(crop(picture, x, y, width, height, flipY));
}

cloneable.push([ImageData, (image) => new ImageData(image.data.slice(), image.width)], [ImageBitmap, (image) => bitmap(pictureOf(image))]);
global({ ImageData: webInterface(ImageData), ImageBitmap: webInterface(ImageBitmap), createImageBitmap });
