// OffscreenCanvas with a `webgpu` context. A frame is a texture; a picture of it waits for the GPU.

import { dictionary, enforceRange, global, oneOf, required, size32, webInterface } from '../define.js';
import { handler } from './event.js';
import { bitmap, readable } from './image.js';
import { frameNumber } from './timers.js';
import { readNow } from '../webgpu/buffer.js';
import { brand, calls } from '../webgpu/interfaces.js';
import { blank, frame, png } from '../webgpu/pixels.js';
import { withUsage } from '../webgpu/texture.js';

const secret = Symbol('GPUCanvasContext');
const FORMATS = ['bgra8unorm', 'rgba8unorm', 'rgba16float'];
/** WebIDL's OffscreenRenderingContextId, of which only `webgpu` is there. */
const CONTEXTS = ['2d', 'bitmaprenderer', 'webgl', 'webgl2', 'webgpu'];
/** Rows of a copy from a texture begin at multiples of this. */
const ROW = 256;

const { pushErrorScope, popErrorScope } = calls['gpu-device'];
const invalidState = (message) => new DOMException(message, 'InvalidStateError');

function configurationOf(given) {
  const name = (member) => `GPUCanvasContext.configure: ${member}`;
  const from = dictionary(given, name('configuration'));
  const alphaMode = oneOf(from.alphaMode, ['opaque', 'premultiplied'], name('alphaMode'), 'opaque');
  const colorSpace = oneOf(from.colorSpace, ['srgb', 'display-p3'], name('colorSpace'), 'srgb');
  const device = brand(from.device, 'gpu-device', name('device'));
  const { format } = from;
  if (!FORMATS.includes(`${format}`)) throw new TypeError(`${name('format')}: ${JSON.stringify(`${format}`)} is not a format of canvases`);
  const mode = oneOf(dictionary(from.toneMapping, name('toneMapping')).mode, ['standard', 'extended'], name('toneMapping.mode'), 'standard');
  const { usage = GPUTextureUsage.RENDER_ATTACHMENT, viewFormats = [] } = from;
  return {
    device, format: `${format}`, usage: size32(usage, name('usage')), viewFormats: [...viewFormats], colorSpace, toneMapping: { mode }, alphaMode,
  };
}

class GPUCanvasContext {
  #canvas; #configuration = null; #texture = null;
  /** The animation frame that the texture is of; null if its picture was taken. */
  #frameNumber = 0;
  constructor(key, canvas) {
    if (key !== secret) throw new TypeError('Illegal constructor');
    this.#canvas = canvas;
  }
  get canvas() { return this.#canvas; }
  configure(configuration) {
    required(arguments.length, 1, 'GPUCanvasContext.configure');
    const next = configurationOf(configuration);
    // Its errors are told here, also if no frame is drawn.
    this.#make(next, 1, 1).destroy();
    this.#drop();
    this.#configuration = next;
  }
  unconfigure() { this.#configuration = null; this.#drop(); }
  getConfiguration() {
    const known = this.#configuration;
    return known && { ...known, viewFormats: [...known.viewFormats], toneMapping: { ...known.toneMapping } };
  }
  getCurrentTexture() {
    if (!this.#configuration) throw invalidState('the context is not configured');
    if (this.#frameNumber !== frameNumber()) this.#drop();
    this.#texture ??= this.#make(this.#configuration, this.#canvas.width, this.#canvas.height);
    return this.#texture;
  }
  #make({ device, format, usage, viewFormats }, width, height) {
    // COPY_SRC: the canvas's picture is read back from the texture.
    const texture = device.createTexture({ size: [width, height], format, viewFormats, usage: usage && (usage | GPUTextureUsage.COPY_SRC) >>> 0 });
    return withUsage(texture, usage);
  }
  #drop() {
    this.#texture?.destroy();
    this.#texture = null;
    this.#frameNumber = frameNumber();
  }
  /** The last frame's texture, with its configuration. */
  #frame() {
    return this.#configuration && this.#texture && { ...this.#configuration, texture: this.#texture };
  }
  /** The picture of the last frame. */
  #read() {
    const { width, height } = this.#canvas;
    const known = this.#frame();
    if (!known || !width || !height) return blank(width, height);
    const { device, format, alphaMode, colorSpace, texture } = known;
    const bytesPerRow = Math.ceil((width * (format === 'rgba16float' ? 8 : 4)) / ROW) * ROW;
    // Its errors are not the script's.
    pushErrorScope.call(device, 'validation');
    const buffer = device.createBuffer({ label: 'canvas', size: bytesPerRow * height, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ });
    const encoder = device.createCommandEncoder({ label: 'canvas' });
    encoder.copyTextureToBuffer({ texture }, { buffer, bytesPerRow }, [width, height]);
    device.queue.submit([encoder.finish()]);
    try {
      return frame(readNow(buffer), { width, height, bytesPerRow, format, opaque: alphaMode === 'opaque', colorSpace });
    } catch {
      // A lost device, or a texture that the script destroyed.
      return blank(width, height);
    } finally {
      buffer.destroy();
      popErrorScope.call(device).catch(() => {});
    }
  }
  static read(context) { return context.#read(); }
  static frame(context) { return context.#frame(); }
  static drop(context) { context.#drop(); }
  static show(context) { context.#frameNumber = null; }
}
const { read, frame: frameOfContext, drop, show } = GPUCanvasContext;
for (const name of ['read', 'frame', 'drop', 'show']) delete GPUCanvasContext[name];
webInterface(GPUCanvasContext, { constructor: 0 });

const side = (value, what) => enforceRange(value, Number.MAX_SAFE_INTEGER, `OffscreenCanvas: ${what}`);

class OffscreenCanvas extends EventTarget {
  #width; #height; #context = null;
  constructor(width, height) {
    required(arguments.length, 2, 'OffscreenCanvas');
    super();
    this.#width = side(width, 'width');
    this.#height = side(height, 'height');
  }
  get width() { return this.#width; }
  set width(value) { this.#width = side(value, 'width'); if (this.#context) drop(this.#context); }
  get height() { return this.#height; }
  set height(value) { this.#height = side(value, 'height'); if (this.#context) drop(this.#context); }
  getContext(kind, options) {
    required(arguments.length, 1, 'OffscreenCanvas.getContext');
    if (oneOf(`${kind}`, CONTEXTS, 'OffscreenCanvas.getContext') !== 'webgpu') return null;
    this.#context ??= new GPUCanvasContext(secret, this);
    return this.#context;
  }
  async convertToBlob(options = {}) {
    // Every type falls back to PNG, as an unsupported one does in a browser.
    void `${dictionary(options, 'OffscreenCanvas.convertToBlob: options').type}`;
    if (!this.#context) throw invalidState('the canvas has no context');
    if (!this.#width || !this.#height) throw new DOMException('the canvas has no pixels', 'IndexSizeError');
    const picture = read(this.#context);
    show(this.#context);
    return new Blob([png(picture)], { type: 'image/png' });
  }
  transferToImageBitmap() {
    if (!this.#context) throw invalidState('the canvas has no context');
    if (!this.#width || !this.#height) throw invalidState('the canvas has no pixels');
    const picture = read(this.#context);
    drop(this.#context);
    return bitmap(picture);
  }
  static context(canvas) { return canvas.#context; }
}
const contextOf = OffscreenCanvas.context;
delete OffscreenCanvas.context;
handler(OffscreenCanvas.prototype, 'contextlost');
handler(OffscreenCanvas.prototype, 'contextrestored');
webInterface(OffscreenCanvas, { getContext: 1 });

/** Whether an object is a canvas without a context, which has no pixels to copy. */
export const isBare = (object) => object instanceof OffscreenCanvas && (!contextOf(object) || !object.width || !object.height);

/** The texture of a canvas's last frame, with the configuration; null for another object, and where there is none. */
export function frameOf(canvas) {
  const context = canvas instanceof OffscreenCanvas && contextOf(canvas);
  return (context && frameOfContext(context)) || null;
}

readable(OffscreenCanvas, (canvas) => {
  const context = contextOf(canvas);
  if (!canvas.width || !canvas.height) throw invalidState('the canvas has no pixels');
  return context ? read(context) : blank(canvas.width, canvas.height);
});
global({ GPUCanvasContext, OffscreenCanvas });
