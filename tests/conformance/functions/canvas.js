// GPUCanvasContext, of a canvas without a window. The interface has its class, and no function that returns one: a
// JavaScript runtime over it makes the frames itself.

import { all, attachment, check, equal, fn } from './support.js';
import { throws } from '../harness.js';

const canvas = (width = 4, height = 4) => new OffscreenCanvas(width, height).getContext('webgpu');
function configured(device, change = {}) {
  const context = canvas();
  context.configure({ device, format: navigator.gpu.getPreferredCanvasFormat(), ...change });
  return context;
}

fn('gpu-canvas-context.configure', {
  valid: (device) => all(device, true, { plain: () => equal(configured(device).configure({ device, format: 'rgba16float' }), undefined), 'all formats': () => { for (const format of ['bgra8unorm', 'rgba8unorm', 'rgba16float']) configured(device, { format }); }, 'with alpha': () => configured(device, { alphaMode: 'premultiplied', usage: GPUTextureUsage.COPY_DST }) }),
  invalid: (device) => {
    throws('TypeError', () => canvas().configure());
    throws('TypeError', () => configured(device, { device: {} }));
    throws('TypeError', () => configured(device, { format: 'depth24plus' }));
    throws('TypeError', () => configured(device, { alphaMode: 'none' }));
  },
  boundary: (device) => {
    const context = configured(device);
    const texture = context.getCurrentTexture();
    context.configure({ device, format: 'rgba8unorm' });
    check(context.getCurrentTexture() !== texture, 'the texture of the configuration before');
    equal(context.getCurrentTexture().format, 'rgba8unorm');
  },
});
fn('gpu-canvas-context.unconfigure', {
  valid: (device) => {
    const context = configured(device);
    equal(context.unconfigure(), undefined);
    throws('InvalidStateError', () => context.getCurrentTexture());
  },
  invalid: () => throws('TypeError', () => GPUCanvasContext.prototype.unconfigure.call({})),
  boundary: () => {
    const context = canvas();
    context.unconfigure();
    context.unconfigure();
  },
});
fn('gpu-canvas-context.get-configuration', {
  valid: (device) => {
    const found = configured(device, { format: 'rgba8unorm', alphaMode: 'premultiplied', viewFormats: ['rgba8unorm-srgb'] }).getConfiguration();
    equal([found.device === device, found.format, found.alphaMode, [...found.viewFormats].join(), found.usage], [true, 'rgba8unorm', 'premultiplied', 'rgba8unorm-srgb', 16]);
  },
  invalid: () => throws('TypeError', () => GPUCanvasContext.prototype.getConfiguration.call({})),
  boundary: (device) => {
    equal(canvas().getConfiguration(), null, 'that of a new canvas');
    const context = configured(device);
    context.unconfigure();
    equal(context.getConfiguration(), null, 'that of one without a configuration');
  },
});
fn('gpu-canvas-context.get-current-texture', {
  valid: async (device) => {
    const context = configured(device);
    const texture = context.getCurrentTexture();
    equal([texture.width, texture.height, texture.format, texture.usage & 16], [4, 4, navigator.gpu.getPreferredCanvasFormat(), 16]);
    check(context.getCurrentTexture() === texture, 'another texture in the same frame');
    const encoder = device.createCommandEncoder();
    await all(device, true, { 'a pass on it': () => { encoder.beginRenderPass({ colorAttachments: [attachment(texture)] }).end(); device.queue.submit([encoder.finish()]); } });
  },
  invalid: () => throws('InvalidStateError', () => canvas().getCurrentTexture(), 'a canvas without a configuration'),
  boundary: (device) => {
    const context = configured(device);
    context.canvas.width = 7;
    equal(context.getCurrentTexture().width, 7, 'the width of a canvas that was changed');
  },
});
