// Commands that render passes and render bundles share: pipelines, vertex and index buffers, and draws.

import { all, bufferOf, encoders, equal, fn, redsOf, renderPipeline, target } from './support.js';
import { throws } from '../harness.js';

const { INDEX, INDIRECT, STORAGE, VERTEX } = GPUBufferUsage;
/** The reds of one row of four texels, when each instance paints a column. */
const columns = (...painted) => Array.from({ length: 16 }, (_, at) => (painted.includes(at % 4) ? 255 : 0));
const indices = (device, usage = INDEX) => bufferOf(device, new Uint16Array([9, 9, 0, 1, 2, 3, 2 ** 16 - 1, 2 ** 16 - 1]), usage);
const strip = (device, format = undefined) => renderPipeline(device, { entry: 'column', primitive: { topology: 'triangle-strip', stripIndexFormat: format } });
const numbers = (device, list, usage = INDIRECT) => bufferOf(device, new Uint32Array(list), usage);

for (const wit of ['gpu-render-pass-encoder', 'gpu-render-bundle-encoder']) {
  const recorder = encoders[wit];
  const calls = (device, cases) => Object.fromEntries(Object.entries(cases).map(([name, use]) => [name, () => recorder(device, use)]));
  /** Draws, and gives the reds of the picture. */
  async function drawn(device, use) {
    const texture = target(device);
    device.queue.submit([recorder(device, use, texture)]);
    return redsOf(device, texture);
  }
  const readied = (device, use, format = undefined) => (encoder) => {
    encoder.setPipeline(strip(device, format));
    use(encoder);
  };

  fn(`${wit}.set-pipeline`, {
    valid: async (device) => equal(await drawn(device, (encoder) => {
      encoder.setPipeline(renderPipeline(device, { fragment: 'green' }));
      equal(encoder.setPipeline(renderPipeline(device)), undefined);
      encoder.draw(3);
    }), columns(0, 1, 2, 3)),
    invalid: async (device) => {
      recorder(device, (encoder) => {
        throws('TypeError', () => encoder.setPipeline());
        throws('TypeError', () => encoder.setPipeline({}));
      });
      device.pushErrorScope('validation');
      const broken = renderPipeline(device, { multisample: { count: 3 } });
      await device.popErrorScope();
      await all(device, false, calls(device, {
        'another number of samples': (encoder) => encoder.setPipeline(renderPipeline(device, { multisample: { count: 4 } })),
        'with depth': (encoder) => encoder.setPipeline(renderPipeline(device, { depthStencil: { format: 'depth24plus', depthWriteEnabled: true, depthCompare: 'less' } })),
        'an invalid pipeline': (encoder) => encoder.setPipeline(broken),
      }));
    },
    boundary: async (device) => {
      const other = await (await navigator.gpu.requestAdapter()).requestDevice();
      await all(device, false, calls(device, { 'of another device': (encoder) => encoder.setPipeline(renderPipeline(other)) }));
      await all(device, true, calls(device, { 'many times': (encoder) => { const pipeline = renderPipeline(device); for (let count = 0; count < 1000; count += 1) encoder.setPipeline(pipeline); } }));
    },
  });
  fn(`${wit}.set-index-buffer`, {
    valid: async (device) => {
      equal(await drawn(device, readied(device, (encoder) => { encoder.setIndexBuffer(indices(device), 'uint16', 4, 8); encoder.drawIndexed(4); }, 'uint16')), columns(0));
      equal(await drawn(device, readied(device, (encoder) => { encoder.setIndexBuffer(numbers(device, [0, 1, 2, 3], INDEX), 'uint32'); encoder.drawIndexed(4); }, 'uint32')), columns(0));
    },
    invalid: async (device) => {
      recorder(device, (encoder) => {
        throws('TypeError', () => encoder.setIndexBuffer(indices(device), 'uint8'));
        throws('TypeError', () => encoder.setIndexBuffer(null, 'uint16'));
      });
      await all(device, false, calls(device, {
        'another usage': (encoder) => encoder.setIndexBuffer(indices(device, VERTEX), 'uint16'),
        'an odd place': (encoder) => encoder.setIndexBuffer(indices(device), 'uint16', 1),
        'half an index': (encoder) => encoder.setIndexBuffer(indices(device), 'uint32', 2),
        'another format than the strip has': readied(device, (encoder) => { encoder.setIndexBuffer(indices(device), 'uint16'); encoder.drawIndexed(3); }, 'uint32'),
      }));
    },
    boundary: async (device) => {
      const set = (...args) => (encoder) => encoder.setIndexBuffer(indices(device), 'uint16', ...args);
      await all(device, true, calls(device, { 'all of it': set(0, 16), 'its last index': set(14, 2), 'from its end': set(16), nothing: set(0, 0) }));
      await all(device, false, calls(device, { 'a byte more': set(0, 17), 'behind its end': set(18), 'beyond from the middle': set(8, 10), 'the greatest numbers': set(2 ** 53 - 2, 2) }));
    },
  });
  const corners = (device, usage = VERTEX) => bufferOf(device, new Float32Array([9, 9, -1, -1, 3, -1, -1, 3]), usage);
  fn(`${wit}.set-vertex-buffer`, {
    valid: async (device) => equal(await drawn(device, (encoder) => {
      encoder.setPipeline(renderPipeline(device, { entry: 'placed' }));
      encoder.setVertexBuffer(0, corners(device), 8, 24);
      encoder.draw(3);
    }), columns(0, 1, 2, 3)),
    invalid: async (device) => {
      recorder(device, (encoder) => {
        throws('TypeError', () => encoder.setVertexBuffer(0, {}));
        throws('TypeError', () => encoder.setVertexBuffer(-1, null));
      });
      const draw = (use) => (encoder) => { encoder.setPipeline(renderPipeline(device, { entry: 'placed' })); use(encoder); encoder.draw(3); };
      await all(device, false, calls(device, {
        'another usage': (encoder) => encoder.setVertexBuffer(0, corners(device, INDEX)),
        'an odd place': (encoder) => encoder.setVertexBuffer(0, corners(device), 2),
        'a draw without one': draw(() => {}),
        'a draw after it was taken away': draw((encoder) => { encoder.setVertexBuffer(0, corners(device)); encoder.setVertexBuffer(0, null); }),
        'a draw of more vertices than it has': draw((encoder) => encoder.setVertexBuffer(0, corners(device), 16)),
      }));
    },
    boundary: async (device) => {
      const { maxVertexBuffers } = device.limits;
      const set = (slot, ...args) => (encoder) => encoder.setVertexBuffer(slot, corners(device), ...args);
      await all(device, true, calls(device, { 'the last slot': set(maxVertexBuffers - 1), 'none for it': (encoder) => encoder.setVertexBuffer(maxVertexBuffers - 1, null), 'all of it': set(0, 0, 32), 'from its end': set(0, 32), nothing: set(0, 8, 0) }));
      await all(device, false, calls(device, { 'a slot more': set(maxVertexBuffers), 'none for that': (encoder) => encoder.setVertexBuffer(maxVertexBuffers, null), 'a byte more': set(0, 0, 33), 'behind its end': set(0, 36), 'the greatest numbers': set(0, 2 ** 53 - 4, 4) }));
    },
  });
  fn(`${wit}.draw`, {
    valid: async (device) => {
      equal(await drawn(device, readied(device, (encoder) => encoder.draw(4))), columns(0));
      equal(await drawn(device, readied(device, (encoder) => encoder.draw(4, 2, 0, 1))), columns(1, 2));
      equal(await drawn(device, (encoder) => { encoder.setPipeline(renderPipeline(device)); encoder.draw(3, 1, 2 ** 32 - 4); }), columns(0, 1, 2, 3), 'from a first vertex');
    },
    invalid: async (device) => {
      recorder(device, (encoder) => {
        throws('TypeError', () => encoder.draw());
        throws('TypeError', () => encoder.draw(-1));
        throws('TypeError', () => encoder.draw(2 ** 32));
      });
      await all(device, false, calls(device, { 'without a pipeline': (encoder) => encoder.draw(3) }));
    },
    boundary: async (device) => {
      equal(await drawn(device, readied(device, (encoder) => { encoder.draw(0); encoder.draw(4, 0); encoder.draw(0, 0, 2 ** 32 - 1, 2 ** 32 - 1); })), columns(), 'draws of nothing');
      const last = (...args) => (encoder) => {
        encoder.setPipeline(renderPipeline(device, { entry: 'placed' }));
        encoder.setVertexBuffer(0, corners(device));
        encoder.draw(...args);
      };
      await all(device, true, calls(device, { 'to the last vertex': last(3, 1, 1), 'nothing from the end': last(0, 1, 4) }));
      await all(device, false, calls(device, { 'a vertex more': last(3, 1, 2), 'a sum beyond 2^32': last(3, 1, 2 ** 32 - 1) }));
    },
  });
  fn(`${wit}.draw-indexed`, {
    valid: async (device) => {
      const draw = (...args) => readied(device, (encoder) => { encoder.setIndexBuffer(indices(device), 'uint16'); encoder.drawIndexed(...args); }, 'uint16');
      equal(await drawn(device, draw(4, 1, 2)), columns(0));
      equal(await drawn(device, draw(4, 2, 2, 0, 2)), columns(2, 3));
      equal(await drawn(device, draw(4, 1, 2, 4)), columns(0), 'a base vertex');
    },
    invalid: async (device) => {
      recorder(device, (encoder) => {
        throws('TypeError', () => encoder.drawIndexed());
        throws('TypeError', () => encoder.drawIndexed(1, 1, 0, 2 ** 31));
      });
      await all(device, false, calls(device, { 'without an index buffer': readied(device, (encoder) => encoder.drawIndexed(3), 'uint16'), 'without a pipeline': (encoder) => { encoder.setIndexBuffer(indices(device), 'uint16'); encoder.drawIndexed(3); } }));
    },
    boundary: async (device) => {
      const draw = (...args) => readied(device, (encoder) => { encoder.setIndexBuffer(indices(device), 'uint16'); encoder.drawIndexed(...args); }, 'uint16');
      await all(device, true, calls(device, { 'all indices': draw(8), 'the last one': draw(1, 1, 7), nothing: draw(0, 1, 8), 'the least base vertex': draw(1, 1, 0, -(2 ** 31)) }));
      await all(device, false, calls(device, { 'an index more': draw(9), 'one behind': draw(1, 1, 8), 'a sum beyond 2^32': draw(2, 1, 2 ** 32 - 1) }));
    },
  });
  fn(`${wit}.draw-indirect`, {
    valid: async (device) => equal(await drawn(device, readied(device, (encoder) => encoder.drawIndirect(numbers(device, [7, 4, 2, 0, 0]), 4))), columns(0, 1)),
    invalid: async (device) => {
      recorder(device, (encoder) => throws('TypeError', () => encoder.drawIndirect(numbers(device, [0, 0, 0, 0]))));
      await all(device, false, calls(device, { 'another usage': readied(device, (encoder) => encoder.drawIndirect(numbers(device, [4, 1, 0, 0], STORAGE), 0)), 'an odd place': readied(device, (encoder) => encoder.drawIndirect(numbers(device, [4, 1, 0, 0, 0]), 2)), 'without a pipeline': (encoder) => encoder.drawIndirect(numbers(device, [4, 1, 0, 0]), 0) }));
    },
    boundary: async (device) => {
      const draw = (offset) => readied(device, (encoder) => encoder.drawIndirect(numbers(device, [4, 1, 0, 0, 4, 1, 0, 0]), offset));
      await all(device, true, calls(device, { 'the last place': draw(16) }));
      await all(device, false, calls(device, { 'a word behind': draw(20), 'behind the end': draw(32), 'the greatest place': draw(2 ** 53 - 4) }));
    },
  });
  fn(`${wit}.draw-indexed-indirect`, {
    valid: async (device) => equal(await drawn(device, readied(device, (encoder) => { encoder.setIndexBuffer(indices(device), 'uint16'); encoder.drawIndexedIndirect(numbers(device, [7, 4, 2, 2, 0, 0]), 4); }, 'uint16')), columns(0, 1)),
    invalid: async (device) => {
      recorder(device, (encoder) => throws('TypeError', () => encoder.drawIndexedIndirect({}, 0)));
      await all(device, false, calls(device, { 'another usage': readied(device, (encoder) => { encoder.setIndexBuffer(indices(device), 'uint16'); encoder.drawIndexedIndirect(numbers(device, [4, 1, 0, 0, 0], STORAGE), 0); }, 'uint16'), 'without an index buffer': readied(device, (encoder) => encoder.drawIndexedIndirect(numbers(device, [4, 1, 0, 0, 0]), 0), 'uint16') }));
    },
    boundary: async (device) => {
      const draw = (offset) => readied(device, (encoder) => { encoder.setIndexBuffer(indices(device), 'uint16'); encoder.drawIndexedIndirect(numbers(device, [0, 4, 1, 2, 0, 0]), offset); }, 'uint16');
      await all(device, true, calls(device, { 'the last place': draw(4) }));
      await all(device, false, calls(device, { 'a word behind': draw(8), 'an odd place': draw(2) }));
      equal(await drawn(device, readied(device, (encoder) => { encoder.setIndexBuffer(indices(device), 'uint16'); encoder.drawIndexedIndirect(numbers(device, [0, 1, 0, 0, 0]), 0); encoder.drawIndexedIndirect(numbers(device, [4, 0, 2, 0, 0]), 0); }, 'uint16')), columns(), 'draws of nothing');
    },
  });
}
