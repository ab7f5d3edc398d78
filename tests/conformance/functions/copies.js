// Copies and other commands that a command encoder records outside of passes.

import { all, bufferOf, bytesOf, check, equal, fn, record, redsOf, submit, target, wordsOf } from './support.js';
import { throws } from '../harness.js';

const { COPY_DST, COPY_SRC, QUERY_RESOLVE, STORAGE } = GPUBufferUsage;
const words = (device) => bufferOf(device, new Uint32Array([1, 2, 3, 4]), 0);
/** Finishes of recordings, by their names. */
const finishes = (device, cases) => Object.fromEntries(Object.entries(cases).map(([name, use]) => [name, () => record(device, use)]));
const painted = (device, change) => {
  const texture = target(device, change);
  device.queue.writeTexture({ texture }, Uint8Array.from({ length: 64 }, (_, at) => at), { bytesPerRow: 16 }, [4, 4]);
  return texture;
};
const REDS = Array.from({ length: 16 }, (_, at) => at * 4);

fn('gpu-command-encoder.copy-buffer-to-buffer', {
  valid: async (device) => {
    const [from, to] = [words(device), words(device)];
    submit(device, (encoder) => encoder.copyBufferToBuffer(from, 4, to, 8, 8));
    equal(await wordsOf(device, to), [1, 2, 2, 3]);
    submit(device, (encoder) => encoder.copyBufferToBuffer(from, to));
    equal(await wordsOf(device, to), [1, 2, 3, 4], 'the short form');
  },
  invalid: async (device) => {
    const [from, to] = [words(device), words(device)];
    const encoder = device.createCommandEncoder();
    throws('TypeError', () => encoder.copyBufferToBuffer(from, 0, to));
    throws('TypeError', () => encoder.copyBufferToBuffer(from, -4, to, 0, 4));
    const other = (usage) => device.createBuffer({ size: 16, usage });
    await all(device, false, finishes(device, {
      'into itself': (commands) => commands.copyBufferToBuffer(from, 0, from, 8, 8),
      'from another usage': (commands) => commands.copyBufferToBuffer(other(COPY_DST), 0, to, 0, 4),
      'to another usage': (commands) => commands.copyBufferToBuffer(from, 0, other(COPY_SRC), 0, 4),
      'three bytes': (commands) => commands.copyBufferToBuffer(from, 0, to, 0, 3),
      'from an odd place': (commands) => commands.copyBufferToBuffer(from, 2, to, 0, 4),
      'to an odd place': (commands) => commands.copyBufferToBuffer(from, 0, to, 1, 4),
    }));
  },
  boundary: async (device) => {
    const [from, to] = [words(device), words(device)];
    const copy = (...args) => (encoder) => encoder.copyBufferToBuffer(...args);
    await all(device, true, finishes(device, { 'all of it': copy(from, 0, to, 0, 16), 'nothing at the end': copy(from, 16, to, 16, 0), 'to the end': copy(from, 8, to, 8) }));
    await all(device, false, finishes(device, { 'a word more': copy(from, 4, to, 0, 16), 'a word behind': copy(from, 0, to, 4, 16), 'nothing behind the end': copy(from, 20, to, 0, 0), 'the greatest number': copy(from, 2 ** 53 - 4, to, 0, 4) }));
  },
});

const bytesPerRow = 256;
fn('gpu-command-encoder.copy-buffer-to-texture', {
  valid: async (device) => {
    const buffer = bufferOf(device, Uint8Array.from({ length: 1024 }, (_, at) => at & 255), 0);
    const texture = target(device);
    submit(device, (encoder) => encoder.copyBufferToTexture({ buffer, offset: 4, bytesPerRow }, { texture, origin: { x: 1, y: 1 } }, { width: 2, height: 2 }));
    equal(await redsOf(device, texture), [0, 0, 0, 0, 0, 4, 8, 0, 0, 4, 8, 0, 0, 0, 0, 0]);
  },
  invalid: async (device) => {
    const [buffer, texture] = [bufferOf(device, new Uint8Array(1024), 0), target(device)];
    throws('TypeError', () => device.createCommandEncoder().copyBufferToTexture({}, { texture }, [1]));
    throws('TypeError', () => device.createCommandEncoder().copyBufferToTexture({ buffer }, { texture }, []));
    const depth = device.createTexture({ size: [4, 4], format: 'depth24plus', usage: 2 | 16 });
    await all(device, false, finishes(device, {
      'rows of 128 bytes': (encoder) => encoder.copyBufferToTexture({ buffer, bytesPerRow: 128 }, { texture }, [4, 4]),
      'no length of rows': (encoder) => encoder.copyBufferToTexture({ buffer }, { texture }, [4, 4]),
      'a buffer of another usage': (encoder) => encoder.copyBufferToTexture({ buffer: device.createBuffer({ size: 1024, usage: STORAGE }), bytesPerRow }, { texture }, [4, 4]),
      'a texture of another usage': (encoder) => encoder.copyBufferToTexture({ buffer, bytesPerRow }, { texture: target(device, { usage: 16 }) }, [4, 4]),
      'an offset of 2': (encoder) => encoder.copyBufferToTexture({ buffer, offset: 2, bytesPerRow }, { texture }, [1, 1]),
      'into depth that cannot be copied': (encoder) => encoder.copyBufferToTexture({ buffer, bytesPerRow }, { texture: depth }, [4, 4]),
    }));
  },
  boundary: async (device) => {
    const [buffer, texture] = [bufferOf(device, new Uint8Array(784), 0), target(device)];
    const copy = (size, origin = [0, 0], layout = { bytesPerRow }) => (encoder) => encoder.copyBufferToTexture({ buffer, ...layout }, { texture, origin }, size);
    await all(device, true, finishes(device, { 'all of both': copy([4, 4]), nothing: copy([0, 4], [4, 0]), 'the last texel': copy([1, 1], [3, 3], { offset: 780 }), 'one row without a length': copy([4, 1], [0, 0], {}) }));
    await all(device, false, finishes(device, { 'a word behind': copy([4, 4], [0, 0], { offset: 4, bytesPerRow }), 'a column more': copy([4, 4], [1, 0]), 'a row more': copy([4, 1], [0, 4], {}), 'two layers': copy([1, 1, 2], [0, 0], { bytesPerRow, rowsPerImage: 1 }), 'the greatest offset': copy([1, 1], [0, 0], { offset: 2 ** 53 - 4 }) }));
  },
});
fn('gpu-command-encoder.copy-texture-to-buffer', {
  valid: async (device) => equal(await redsOf(device, painted(device)), REDS),
  invalid: async (device) => {
    const [buffer, texture] = [bufferOf(device, new Uint8Array(1024), 0), target(device)];
    throws('TypeError', () => device.createCommandEncoder().copyTextureToBuffer({ texture, aspect: 'red' }, { buffer, bytesPerRow }, [4, 4]));
    await all(device, false, finishes(device, {
      'rows of 128 bytes': (encoder) => encoder.copyTextureToBuffer({ texture }, { buffer, bytesPerRow: 128 }, [4, 4]),
      'a texture of another usage': (encoder) => encoder.copyTextureToBuffer({ texture: target(device, { usage: 16 }) }, { buffer, bytesPerRow }, [4, 4]),
      'another aspect': (encoder) => encoder.copyTextureToBuffer({ texture, aspect: 'depth-only' }, { buffer, bytesPerRow }, [4, 4]),
      'samples': (encoder) => encoder.copyTextureToBuffer({ texture: target(device, { sampleCount: 4 }) }, { buffer, bytesPerRow }, [4, 4]),
      'a level that is not there': (encoder) => encoder.copyTextureToBuffer({ texture, mipLevel: 1 }, { buffer, bytesPerRow }, [1, 1]),
    }));
  },
  boundary: async (device) => {
    const [buffer, texture] = [bufferOf(device, new Uint8Array(784), 0), target(device)];
    const copy = (size, origin = [0, 0], layout = { bytesPerRow }) => (encoder) => encoder.copyTextureToBuffer({ texture, origin }, { buffer, ...layout }, size);
    await all(device, true, finishes(device, { 'all of both': copy([4, 4]), nothing: copy([0, 0], [4, 4]), 'the last texel': copy([1, 1], [3, 3], { offset: 780 }) }));
    await all(device, false, finishes(device, { 'a word behind': copy([4, 4], [0, 0], { offset: 4, bytesPerRow }), 'a column more': copy([4, 4], [1, 0]), 'nothing behind the end': copy([0, 0], [5, 0]), 'the greatest origin': copy([1, 1], [2 ** 32 - 1, 0]) }));
  },
});
fn('gpu-command-encoder.copy-texture-to-texture', {
  valid: async (device) => {
    const [from, to] = [painted(device), target(device)];
    submit(device, (encoder) => encoder.copyTextureToTexture({ texture: from, origin: [0, 1] }, { texture: to, origin: [2, 2] }, [2, 1]));
    equal(await redsOf(device, to), [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 16, 20, 0, 0, 0, 0]);
  },
  invalid: async (device) => {
    const from = painted(device);
    throws('TypeError', () => device.createCommandEncoder().copyTextureToTexture({ texture: from }, {}, [1]));
    await all(device, false, finishes(device, {
      'into itself': (encoder) => encoder.copyTextureToTexture({ texture: from }, { texture: from, origin: [2, 2] }, [1, 1]),
      'another format': (encoder) => encoder.copyTextureToTexture({ texture: from }, { texture: target(device, { format: 'bgra8unorm' }) }, [1, 1]),
      'another usage': (encoder) => encoder.copyTextureToTexture({ texture: from }, { texture: target(device, { usage: 16 }) }, [1, 1]),
      'another number of samples': (encoder) => encoder.copyTextureToTexture({ texture: from }, { texture: target(device, { sampleCount: 4 }) }, [4, 4]),
      'a part of samples': (encoder) => encoder.copyTextureToTexture({ texture: target(device, { sampleCount: 4 }) }, { texture: target(device, { sampleCount: 4 }) }, [2, 2]),
    }));
  },
  boundary: async (device) => {
    const layers = target(device, { size: [4, 4, 3] });
    const [from, to] = [target(device), target(device, { format: 'rgba8unorm-srgb' })];
    const copy = (source, destination, size) => (encoder) => encoder.copyTextureToTexture(source, destination, size);
    await all(device, true, finishes(device, { 'formats that differ by srgb': copy({ texture: from }, { texture: to }, [4, 4]), nothing: copy({ texture: from, origin: [4, 4] }, { texture: to }, [0, 0]), 'another layer of itself': copy({ texture: layers }, { texture: layers, origin: [0, 0, 1] }, [4, 4]) }));
    await all(device, false, finishes(device, { 'a column more': copy({ texture: from, origin: [1] }, { texture: to }, [4, 4]), 'the same layer of itself': copy({ texture: layers }, { texture: layers, origin: [0, 0, 1] }, [4, 4, 2]), 'a layer more': copy({ texture: layers }, { texture: to }, [1, 1, 4]) }));
  },
});
fn('gpu-command-encoder.clear-buffer', {
  valid: async (device) => {
    const buffer = words(device);
    submit(device, (encoder) => encoder.clearBuffer(buffer, 4, 8));
    equal(await wordsOf(device, buffer), [1, 0, 0, 4]);
    submit(device, (encoder) => encoder.clearBuffer(buffer));
    equal(await wordsOf(device, buffer), [0, 0, 0, 0]);
  },
  invalid: async (device) => {
    throws('TypeError', () => device.createCommandEncoder().clearBuffer({}));
    await all(device, false, finishes(device, {
      'another usage': (encoder) => encoder.clearBuffer(device.createBuffer({ size: 4, usage: COPY_SRC })),
      'an odd place': (encoder) => encoder.clearBuffer(words(device), 2, 4),
      'an odd size': (encoder) => encoder.clearBuffer(words(device), 0, 6),
    }));
  },
  boundary: async (device) => {
    const clear = (...args) => (encoder) => encoder.clearBuffer(words(device), ...args);
    await all(device, true, finishes(device, { 'all of it': clear(0, 16), 'nothing at the end': clear(16, 0), 'from the end': clear(16) }));
    await all(device, false, finishes(device, { 'a word more': clear(4, 16), 'behind the end': clear(20), 'the greatest numbers': clear(2 ** 53 - 4, 4), 'a size that is too large': clear(0, 2 ** 53 - 4) }));
  },
});
fn('gpu-command-encoder.resolve-query-set', {
  valid: async (device) => {
    const set = device.createQuerySet({ type: 'occlusion', count: 4 });
    const buffer = device.createBuffer({ size: 512, usage: QUERY_RESOLVE | COPY_SRC | COPY_DST });
    device.queue.writeBuffer(buffer, 256, new Uint32Array(4).fill(7));
    submit(device, (encoder) => encoder.resolveQuerySet(set, 1, 2, buffer, 256));
    equal([...(await bytesOf(device, buffer))].slice(256, 272), new Array(16).fill(0), 'queries that were never made');
  },
  invalid: async (device) => {
    const set = device.createQuerySet({ type: 'occlusion', count: 4 });
    const buffer = device.createBuffer({ size: 512, usage: QUERY_RESOLVE });
    throws('TypeError', () => device.createCommandEncoder().resolveQuerySet(set, 0, 1, buffer));
    await all(device, false, finishes(device, {
      'another usage': (encoder) => encoder.resolveQuerySet(set, 0, 1, device.createBuffer({ size: 512, usage: COPY_DST }), 0),
      'an offset of 128': (encoder) => encoder.resolveQuerySet(set, 0, 1, buffer, 128),
    }));
  },
  boundary: async (device) => {
    const set = device.createQuerySet({ type: 'occlusion', count: 33 });
    const buffer = device.createBuffer({ size: 512, usage: QUERY_RESOLVE });
    const resolve = (...args) => (encoder) => encoder.resolveQuerySet(set, args[0], args[1], buffer, args[2]);
    await all(device, true, finishes(device, { 'to the end of the buffer': resolve(0, 32, 256), 'the last query': resolve(32, 1, 0), none: resolve(0, 0, 0) }));
    await all(device, false, finishes(device, { 'a query more than fits': resolve(0, 33, 256), 'behind the last query': resolve(33, 1, 0), 'a query more': resolve(1, 33, 0), 'a sum beyond 2^32': resolve(2 ** 32 - 1, 2, 0) }));
  },
});
fn('gpu-command-encoder.finish', {
  valid: (device) => all(device, true, { empty: () => check(device.createCommandEncoder().finish() instanceof GPUCommandBuffer, 'another class'), 'with a label': () => device.createCommandEncoder().finish({ label: 'mine' }) }),
  invalid: async (device) => {
    throws('TypeError', () => device.createCommandEncoder().finish(5));
    const open = device.createCommandEncoder();
    open.beginComputePass();
    const unbalanced = device.createCommandEncoder();
    unbalanced.pushDebugGroup('open');
    await all(device, false, { 'an open pass': () => open.finish(), 'an open group': () => unbalanced.finish() });
  },
  boundary: async (device) => {
    const encoder = device.createCommandEncoder();
    encoder.finish();
    await all(device, false, { 'a second time': () => encoder.finish(), 'a command after it': () => encoder.clearBuffer(words(device)) });
  },
});
fn('gpu-device.create-command-encoder', {
  valid: (device) => all(device, true, { 'without a descriptor': () => check(device.createCommandEncoder() instanceof GPUCommandEncoder, 'another class'), 'with one': () => device.createCommandEncoder({ label: 'mine' }) }),
  invalid: (device) => {
    throws('TypeError', () => device.createCommandEncoder(5));
    throws('TypeError', () => device.createCommandEncoder({ label: Symbol('label') }));
  },
  boundary: (device) => all(device, true, { 'many at a time': () => { for (let count = 0; count < 500; count += 1) device.createCommandEncoder(); } }),
});
