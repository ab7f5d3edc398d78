// OffscreenCanvas with a `webgpu` context. A frame is a texture, read back when the canvas's picture is requested.

import native from 'airlock:native';
import { global, required, webInterface } from '../define.js';
import { handler } from './event.js';
import { bitmap, readable } from './image.js';
import { onFrame } from './timers.js';
import { brand } from '../webgpu/interfaces.js';
import { picture } from '../webgpu/pixels.js';

const secret = Symbol('GPUCanvasContext');
const FORMATS = ['bgra8unorm', 'rgba8unorm', 'rgba16float'];
/** Rows of a copy from a texture begin at multiples of this. */
const ROW = 256;

class GPUCanvasContext {
  #canvas; #configuration = null; #texture = null; #shown = false;
  constructor(key, canvas) {
    if (key !== secret) throw new TypeError('Illegal constructor');
    this.#canvas = canvas;
    const weak = new WeakRef(this);
    onFrame(() => { const context = weak.deref(); if (context) context.#shown = true; });
  }
  get canvas() { return this.#canvas; }
  configure(configuration) {
    required(arguments.length, 1, 'GPUCanvasContext.configure');
    const device = brand(configuration?.device, 'gpu-device', 'GPUCanvasContext.configure: device');
    const format = String(configuration.format);
    if (!FORMATS.includes(format)) throw new TypeError(`GPUCanvasContext.configure: ${format} is not a format of canvases`);
    const alphaMode = String(configuration.alphaMode ?? 'opaque');
    if (!['opaque', 'premultiplied'].includes(alphaMode)) throw new TypeError(`GPUCanvasContext.configure: ${alphaMode} is not a GPUCanvasAlphaMode`);
    this.#drop();
    this.#configuration = {
      device, format, alphaMode, usage: configuration.usage ?? GPUTextureUsage.RENDER_ATTACHMENT,
      viewFormats: [...(configuration.viewFormats ?? [])], colorSpace: configuration.colorSpace ?? 'srgb',
      toneMapping: { mode: configuration.toneMapping?.mode ?? 'standard' },
    };
  }
  unconfigure() { this.#configuration = null; this.#drop(); }
  getConfiguration() { return this.#configuration && { ...this.#configuration, viewFormats: [...this.#configuration.viewFormats] }; }
  getCurrentTexture() {
    if (!this.#configuration) throw new DOMException('the context is not configured', 'InvalidStateError');
    if (this.#shown) this.#drop();
    this.#texture ??= this.#make();
    return this.#texture;
  }
  #make() {
    const { device, format, usage, viewFormats } = this.#configuration;
    return device.createTexture({
      label: 'canvas', size: [this.#canvas.width, this.#canvas.height], format, viewFormats,
      // COPY_SRC: the canvas's picture is read back from the texture.
      usage: usage | GPUTextureUsage.COPY_SRC,
    });
  }
  #drop() {
    this.#texture?.destroy();
    this.#texture = null;
    this.#shown = false;
  }
  /** The pixels of the last frame. */
  async #read() {
    const { width, height } = this.#canvas;
    if (!this.#configuration || !this.#texture) return new Uint8ClampedArray(width * height * 4);
    const { device, format, alphaMode } = this.#configuration;
    const texture = this.#texture;
    const bytesPerRow = Math.ceil((width * (format === 'rgba16float' ? 8 : 4)) / ROW) * ROW;
    const buffer = device.createBuffer({ label: 'canvas', size: bytesPerRow * height, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ });
    const encoder = device.createCommandEncoder({ label: 'canvas' });
    encoder.copyTextureToBuffer({ texture }, { buffer, bytesPerRow }, [width, height]);
    device.queue.submit([encoder.finish()]);
    await buffer.mapAsync(GPUMapMode.READ);
    const data = picture(buffer.getMappedRange(), { width, height, bytesPerRow, format, opaque: alphaMode === 'opaque' });
    buffer.destroy();
    return data;
  }
  static read(context) { return context.#read(); }
  static drop(context) { context.#drop(); }
  static show(context) { context.#shown = true; }
}
const { read, drop, show } = GPUCanvasContext;
for (const name of ['read', 'drop', 'show']) delete GPUCanvasContext[name];
webInterface(GPUCanvasContext);

class OffscreenCanvas extends EventTarget {
  #width; #height; #context = null;
  constructor(width, height) {
    required(arguments.length, 2, 'OffscreenCanvas');
    super();
    this.#width = Number(width) >>> 0;
    this.#height = Number(height) >>> 0;
  }
  get width() { return this.#width; }
  set width(value) { this.#width = Number(value) >>> 0; if (this.#context) drop(this.#context); }
  get height() { return this.#height; }
  set height(value) { this.#height = Number(value) >>> 0; if (this.#context) drop(this.#context); }
  getContext(kind) {
    if (String(kind) !== 'webgpu') return null;
    this.#context ??= new GPUCanvasContext(secret, this);
    return this.#context;
  }
  async convertToBlob(options = {}) {
    const type = String(options?.type ?? 'image/png');
    const data = this.#context ? await read(this.#context) : new Uint8ClampedArray(this.#width * this.#height * 4);
    if (this.#context) show(this.#context);
    // Every type falls back to PNG, as an unsupported one does in a browser.
    void type;
    return new Blob([native.encodePng(this.#width, this.#height, data)], { type: 'image/png' });
  }
  /** The picture as it will be read: the copy is made when it is needed. */
  transferToImageBitmap() {
    throw new DOMException('transferToImageBitmap would have to wait for the GPU; use convertToBlob and createImageBitmap', 'NotSupportedError');
  }
}
handler(OffscreenCanvas.prototype, 'contextlost');
handler(OffscreenCanvas.prototype, 'contextrestored');
webInterface(OffscreenCanvas);

readable(OffscreenCanvas, () => { throw new DOMException('a canvas cannot be read without waiting for the GPU; use convertToBlob and createImageBitmap', 'NotSupportedError'); });
global({ GPUCanvasContext, OffscreenCanvas });
void bitmap;
