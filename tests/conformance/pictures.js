// Pictures: ImageData, ImageBitmap, canvases, and GPUQueue.copyExternalImageToTexture. `wasi:webgpu` has no pictures: a
// JavaScript runtime over it converts them. Expected values are computed from the specification's rules.

import { check, contents, equal, rejects, test, throws, validates } from './harness.js';

const { COPY_SRC, COPY_DST, RENDER_ATTACHMENT } = GPUTextureUsage;
const USAGE = COPY_SRC | COPY_DST | RENDER_ATTACHMENT;
const texture = (device, change = {}) => device.createTexture({ size: [2, 2], format: 'rgba8unorm', usage: USAGE, ...change });
/** Four pixels: half transparent, transparent red, opaque, almost transparent. */
const image = (settings) => new ImageData(new Uint8ClampedArray([200, 100, 50, 128, 255, 0, 0, 0, 10, 20, 30, 255, 1, 2, 3, 4]), 2, 2, settings);
/** 4 by 4 opaque pixels, of which the one at (x, y) is 15 (4y + x) and the two numbers after it. */
const steps = () => new ImageData(new Uint8ClampedArray(Array.from({ length: 64 }, (_, at) => (at % 4 === 3 ? 255 : (at >> 2) * 15 + (at % 4)))), 4, 4);

/** Bytes of a pixel, where they are not 4. */
const SIZES = { r8unorm: 1, rgba16float: 8, rgba32float: 16 };
/** Rows of a copy from a texture begin at multiples of this. */
const ROW = 256;

async function texels(device, texture) {
  const { width, height, format } = texture;
  const buffer = device.createBuffer({ size: ROW * height, usage: GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST });
  const encoder = device.createCommandEncoder();
  encoder.copyTextureToBuffer({ texture }, { buffer, bytesPerRow: ROW }, [width, height]);
  device.queue.submit([encoder.finish()]);
  const bytes = new Uint8Array(await contents(device, buffer));
  const row = width * (SIZES[format] ?? 4);
  return Uint8Array.from(Array.from({ length: height }, (_, y) => [...bytes.subarray(ROW * y, ROW * y + row)]).flat());
}

async function copied(device, source, { from = {}, to = {}, size = [2, 2], ...change } = {}) {
  const destination = texture(device, { size, ...change });
  device.queue.copyExternalImageToTexture({ source, ...from }, { texture: destination, ...to }, size);
  return texels(device, destination);
}
const floats = (bytes) => [...new Float32Array(bytes.slice().buffer)].map((value) => Number(value.toFixed(3)));

test('GPUQueue.copyExternalImageToTexture: premultiplication', async (device) => {
  equal(await copied(device, image()), [200, 100, 50, 128, 255, 0, 0, 0, 10, 20, 30, 255, 1, 2, 3, 4]);
  equal(await copied(device, image(), { to: { premultipliedAlpha: true } }), [100, 50, 25, 128, 0, 0, 0, 0, 10, 20, 30, 255, 0, 0, 0, 4]);
  equal(await copied(device, await createImageBitmap(image(), { premultiplyAlpha: 'none' })), [200, 100, 50, 128, 255, 0, 0, 0, 10, 20, 30, 255, 1, 2, 3, 4]);
  equal(await copied(device, await createImageBitmap(image(), { premultiplyAlpha: 'premultiply' })), [199, 100, 50, 128, 0, 0, 0, 0, 10, 20, 30, 255, 0, 0, 0, 4]);
  equal(await copied(device, await createImageBitmap(image(), { premultiplyAlpha: 'premultiply' }), { to: { premultipliedAlpha: true } }), [100, 50, 25, 128, 0, 0, 0, 0, 10, 20, 30, 255, 0, 0, 0, 4]);
});
test('GPUQueue.copyExternalImageToTexture: formats', async (device) => {
  equal((await copied(device, image(), { format: 'bgra8unorm' })).slice(0, 4), [50, 100, 200, 128]);
  equal((await copied(device, image(), { format: 'rgba8unorm-srgb' })).slice(0, 4), [200, 100, 50, 128]);
  equal((await copied(device, image(), { format: 'r8unorm' })), [200, 255, 10, 1]);
  equal(floats((await copied(device, image(), { format: 'rgba32float', to: { premultipliedAlpha: true } })).slice(0, 16)), [0.394, 0.197, 0.098, 0.502]);
  equal([...new Uint32Array((await copied(device, image(), { format: 'rgb10a2unorm' })).slice(0, 4).buffer)], [(802 | (401 << 10) | (201 << 20) | (2 << 30)) >>> 0]);
});
test('GPUQueue.copyExternalImageToTexture: colour spaces', async (device) => {
  equal(image({ colorSpace: 'display-p3' }).colorSpace, 'display-p3');
  equal((await copied(device, image(), { to: { colorSpace: 'display-p3' } })).slice(0, 12), [187, 105, 62, 128, 234, 51, 35, 0, 12, 20, 29, 255]);
  equal((await copied(device, image({ colorSpace: 'display-p3' }))).slice(0, 12), [215, 93, 31, 128, 255, 0, 0, 0, 7, 20, 31, 255]);
  equal((await copied(device, image({ colorSpace: 'display-p3' }), { to: { colorSpace: 'display-p3' } })).slice(0, 4), [200, 100, 50, 128]);
  equal(floats((await copied(device, image({ colorSpace: 'display-p3' }), { format: 'rgba32float' })).slice(16, 32)), [1.093, -0.227, -0.15, 0], 'a colour outside of sRGB');
});
test('GPUQueue.copyExternalImageToTexture: rectangles and flipping', async (device) => {
  equal(await copied(device, image(), { from: { flipY: true } }), [10, 20, 30, 255, 1, 2, 3, 4, 200, 100, 50, 128, 255, 0, 0, 0]);
  equal((await copied(device, image(), { from: { origin: { x: 1, y: 1 } }, size: [1, 1] })), [1, 2, 3, 4]);
  const destination = texture(device);
  device.queue.copyExternalImageToTexture({ source: image(), origin: [0, 1] }, { texture: destination, origin: [1, 1] }, { width: 1 });
  equal((await texels(device, destination)).slice(8), [0, 0, 0, 0, 10, 20, 30, 255]);
  device.queue.copyExternalImageToTexture({ source: image(), origin: [2, 2] }, { texture: destination }, [0, 0]);
});
test('GPUQueue.copyExternalImageToTexture: exceptions', async (device) => {
  const { queue } = device;
  const destination = texture(device);
  const copy = (source, to, size = [1, 1]) => () => queue.copyExternalImageToTexture(source, { texture: destination, ...to }, size);
  const source = image();
  for (const size of [[3, 1], [1, 3], [1, 1, 2]]) throws('OperationError', copy({ source }, {}, size), `size ${size}`);
  throws('OperationError', copy({ source, origin: [2, 2] }));
  throws('TypeError', copy({ source, origin: [0, 0, 0] }));
  throws('TypeError', copy({ source, origin: [-1, 0] }));
  throws('TypeError', copy({ source: {} }));
  throws('TypeError', copy({}));
  throws('TypeError', copy({ source }, { texture: {} }));
  throws('TypeError', copy({ source }, { colorSpace: 'rec2020' }));
  throws('TypeError', copy({ source }, {}, []));
  throws('TypeError', () => queue.copyExternalImageToTexture({ source }, { texture: destination }));
  throws('OperationError', copy({ source: new OffscreenCanvas(2, 2) }), 'a canvas without a context');
  const bitmap = await createImageBitmap(source);
  bitmap.close();
  throws('InvalidStateError', copy({ source: bitmap }));
});
test('GPUQueue.copyExternalImageToTexture: validation', async (device) => {
  const copy = (change, to = {}, size = [2, 2]) => () => device.queue.copyExternalImageToTexture({ source: image() }, { texture: texture(device, change), ...to }, size);
  for (const change of [{ usage: COPY_SRC | COPY_DST }, { usage: RENDER_ATTACHMENT }, { format: 'rgba8snorm', usage: COPY_DST }, { format: 'r32uint' }, { dimension: '3d', usage: USAGE }, { sampleCount: 4, usage: RENDER_ATTACHMENT | GPUTextureUsage.TEXTURE_BINDING }]) {
    await validates(device, false, copy(change), JSON.stringify(change));
  }
  await validates(device, false, copy({}, { origin: [1, 0] }), 'a copy beyond the texture');
  await validates(device, false, copy({}, { mipLevel: 1 }), 'a level that is not there');
  await validates(device, true, copy({ format: 'r16float' }));
  await validates(device, true, copy({}, {}, [1, 1, 0]), 'no layers');
});

/** A canvas whose pixels are (32 + 64x, 32 + 64y, 128, 128), premultiplied. */
function painted(device, configuration = {}) {
  const canvas = new OffscreenCanvas(2, 2);
  const context = canvas.getContext('webgpu');
  const format = configuration.format ?? 'rgba8unorm';
  context.configure({ device, format, alphaMode: 'premultiplied', ...configuration });
  const module = device.createShaderModule({ code: `
    @vertex fn all(@builtin(vertex_index) i: u32) -> @builtin(position) vec4f { return vec4f(vec2f(f32(i & 1u), f32((i >> 1u) & 1u)) * 4.0 - 1.0, 0.5, 1.0); }
    @fragment fn ramp(@builtin(position) at: vec4f) -> @location(0) vec4f { return vec4f((at.xy * 64.0) / 255.0, 128.0 / 255.0, 128.0 / 255.0); }` });
  const pipeline = device.createRenderPipeline({ layout: 'auto', vertex: { module }, fragment: { module, targets: [{ format }] } });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginRenderPass({ colorAttachments: [{ view: context.getCurrentTexture().createView(), loadOp: 'clear', storeOp: 'store' }] });
  pass.setPipeline(pipeline);
  pass.draw(3);
  pass.end();
  device.queue.submit([encoder.finish()]);
  return canvas;
}
const PREMULTIPLIED = [32, 32, 128, 128, 96, 32, 128, 128, 32, 96, 128, 128, 96, 96, 128, 128];
const PLAIN = [64, 64, 255, 128, 191, 64, 255, 128, 64, 191, 255, 128, 191, 191, 255, 128];
const OPAQUE = PREMULTIPLIED.map((value, at) => (at % 4 === 3 ? 255 : value));
const near = (found, expected, what) => check(found.length === expected.length && expected.every((value, at) => Math.abs(found[at] - value) <= 1), `${what}: ${found}, expected ${expected}`);

for (const format of ['bgra8unorm', 'rgba8unorm', 'rgba16float']) {
  test(`OffscreenCanvas.transferToImageBitmap: ${format}`, async (device) => {
    const bitmap = (change) => painted(device, { format, ...change }).transferToImageBitmap();
    near(await copied(device, bitmap()), PLAIN, 'not premultiplied');
    near(await copied(device, bitmap(), { to: { premultipliedAlpha: true } }), PREMULTIPLIED, 'premultiplied');
    near(await copied(device, bitmap({ alphaMode: 'opaque' })), OPAQUE, 'without alpha');
  });
  test(`GPUQueue.copyExternalImageToTexture: from a canvas of ${format}`, async (device) => {
    for (const to of ['rgba8unorm', 'rgba8unorm-srgb']) {
      near(await copied(device, painted(device, { format }), { format: to }), PLAIN, `${to}, not premultiplied`);
      near(await copied(device, painted(device, { format }), { format: to, to: { premultipliedAlpha: true } }), PREMULTIPLIED, `${to}, premultiplied`);
    }
    const same = { format, to: { premultipliedAlpha: true } };
    const bytes = await copied(device, painted(device, { format }), same);
    if (format === 'bgra8unorm') near(bytes.slice(0, 4), [128, 32, 32, 128], 'the same format');
    equal(await copied(device, painted(device, { format }), { ...same, from: { flipY: true } }), [...bytes.slice(bytes.length / 2), ...bytes.slice(0, bytes.length / 2)], 'flipped');
    near(await copied(device, painted(device, { format, alphaMode: 'opaque' }), { to: { premultipliedAlpha: true } }), OPAQUE, 'without alpha');
    near(await copied(device, painted(device, { format }), { from: { origin: [1, 1] }, to: { premultipliedAlpha: true }, size: [1, 1] }), PREMULTIPLIED.slice(12), 'a part');
  });
}
test('GPUQueue.copyExternalImageToTexture: from a canvas of another device', async (device) => {
  const other = await (await navigator.gpu.requestAdapter()).requestDevice();
  near(await copied(other, painted(device), { to: { premultipliedAlpha: true } }), PREMULTIPLIED, 'the copy');
});
test('createImageBitmap: from a canvas', async (device) => {
  near(await copied(device, await createImageBitmap(painted(device))), PLAIN, 'the picture');
  near(await copied(device, await createImageBitmap(painted(device), 1, 0, 1, 1), { size: [1, 1] }), PLAIN.slice(4, 8), 'a part');
});
test('OffscreenCanvas.transferToImageBitmap: the next frame has another texture', (device) => {
  const canvas = painted(device);
  const context = canvas.getContext('webgpu');
  const before = context.getCurrentTexture();
  equal([before.usage, before.label], [RENDER_ATTACHMENT, '']);
  equal([canvas.transferToImageBitmap().width, context.getCurrentTexture() === before], [2, false]);
  throws('InvalidStateError', () => new OffscreenCanvas(2, 2).transferToImageBitmap());
});
test('OffscreenCanvas: sizes, contexts and blobs', async () => {
  for (const size of [[], [1], [1, -1], [NaN, 1]]) throws('TypeError', () => new OffscreenCanvas(...size), `the size ${size}`);
  throws('TypeError', () => new OffscreenCanvas(1, 1).getContext('no-context'));
  await rejects('InvalidStateError', () => new OffscreenCanvas(1, 1).convertToBlob());
  const empty = new OffscreenCanvas(0, 1);
  empty.getContext('webgpu');
  await rejects('IndexSizeError', () => empty.convertToBlob());
}, { device: null });
test('OffscreenCanvas.convertToBlob: a PNG file of the same pixels', async (device) => {
  const blob = await painted(device).convertToBlob();
  equal(blob.type, 'image/png');
  near(await copied(device, await createImageBitmap(blob, { premultiplyAlpha: 'none' })), PLAIN, 'the picture');
});

test('createImageBitmap: rectangles', async (device) => {
  const pixels = async (...rest) => { const bitmap = await createImageBitmap(steps(), ...rest); return [...await copied(device, bitmap, { size: [bitmap.width, bitmap.height] })].filter((_, at) => at % 4 === 0); };
  equal(await pixels(1, 1, 2, 2), [75, 90, 135, 150]);
  equal(await pixels(3, 3, -2, -2), [75, 90, 135, 150]);
  equal(await pixels(-1, -1, 2, 2), [0, 0, 0, 0]);
  equal(await pixels(2, 2, 2, 2, { imageOrientation: 'flipY' }), [210, 225, 150, 165]);
  equal(await pixels({ resizeWidth: 2, resizeHeight: 2, resizeQuality: 'pixelated' }), [0, 30, 120, 150]);
  near(await pixels({ resizeWidth: 2, resizeHeight: 2 }), [38, 68, 158, 188], 'half the size');
  near(await pixels({ resizeWidth: 2, resizeHeight: 2, resizeQuality: 'high' }), [38, 68, 158, 188], 'half the size, well');
  near((await pixels({ resizeWidth: 8, resizeHeight: 8 })).slice(0, 8), [0, 4, 11, 19, 26, 34, 41, 45], 'twice the size');
  equal((await createImageBitmap(steps(), 0, 0, 4, 2, { resizeWidth: 3 })).height, 2, 'a height that follows');
  equal((await createImageBitmap(await createImageBitmap(steps()), 0, 0, 3, 1)).width, 3);
});
test('createImageBitmap: exceptions', async () => {
  await rejects('RangeError', () => createImageBitmap(steps(), 0, 0, 0, 1));
  await rejects('InvalidStateError', () => createImageBitmap(steps(), { resizeWidth: 0 }));
  await rejects('InvalidStateError', () => createImageBitmap(new Blob(['no picture'])));
  for (const rest of [[0, 0], [{ resizeQuality: 'best' }], [{ premultiplyAlpha: 'no' }], [{ imageOrientation: 'left' }], [{ resizeWidth: -1 }]]) await rejects('TypeError', () => createImageBitmap(steps(), ...rest), JSON.stringify(rest));
  await rejects('TypeError', () => createImageBitmap({}));
  await rejects('TypeError', () => createImageBitmap());
}, { device: null });
test('ImageData: sizes', () => {
  throws('TypeError', () => new ImageData(1));
  for (const rest of [[0, 1], [new Uint8ClampedArray(16), 3], [new Uint8ClampedArray(16), 2, 3]]) throws('IndexSizeError', () => new ImageData(...rest));
  for (const length of [0, 15]) throws('InvalidStateError', () => new ImageData(new Uint8ClampedArray(length), 2));
  throws('TypeError', () => new ImageData(1, 1, { colorSpace: 'rec2020' }));
  const data = new Uint8ClampedArray(16);
  const made = new ImageData(data, 2);
  equal([made.height, made.data === data, made.colorSpace], [2, true, 'srgb']);
}, { device: null });
test('structuredClone: pictures', async () => {
  const bitmap = await createImageBitmap(image());
  const moved = structuredClone(bitmap, { transfer: [bitmap] });
  equal([moved.width, bitmap.width, structuredClone(moved).height, structuredClone(image()).data[0]], [2, 0, 2, 200]);
}, { device: null });
