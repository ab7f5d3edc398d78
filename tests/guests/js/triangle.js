// The smallest rendering: a triangle on a canvas, written as triangle.png to the folder that the script is given.
//
//   airlock run --dir .::/out tests/guests/js/triangle.js

const adapter = await navigator.gpu.requestAdapter();
if (!adapter) throw new Error('there is no GPU adapter');
const device = await adapter.requestDevice();

const canvas = new OffscreenCanvas(256, 256);
const context = canvas.getContext('webgpu');
const format = navigator.gpu.getPreferredCanvasFormat();
context.configure({ device, format });

const module = device.createShaderModule({
  code: `
    struct Out {
      @builtin(position) position: vec4f,
      @location(0) color: vec3f,
    }

    @vertex
    fn vertex(@builtin(vertex_index) index: u32) -> Out {
      let corners = array(vec2f(0.0, 0.8), vec2f(-0.8, -0.7), vec2f(0.8, -0.7));
      let colors = array(vec3f(1.0, 0.2, 0.1), vec3f(0.1, 0.9, 0.3), vec3f(0.2, 0.3, 1.0));
      return Out(vec4f(corners[index], 0.0, 1.0), colors[index]);
    }

    @fragment
    fn fragment(in: Out) -> @location(0) vec4f {
      return vec4f(in.color, 1.0);
    }`,
});
const pipeline = device.createRenderPipeline({ layout: 'auto', vertex: { module }, fragment: { module, targets: [{ format }] } });

const encoder = device.createCommandEncoder();
const pass = encoder.beginRenderPass({
  colorAttachments: [{ view: context.getCurrentTexture().createView(), clearValue: [0.05, 0.06, 0.1, 1], loadOp: 'clear', storeOp: 'store' }],
});
pass.setPipeline(pipeline);
pass.draw(3);
pass.end();
device.queue.submit([encoder.finish()]);

const picture = await canvas.convertToBlob();
const folder = await navigator.storage.getDirectory();
const file = await (await folder.getFileHandle('triangle.png', { create: true })).createWritable();
await file.write(picture);
await file.close();

// Checks that the picture can be read back.
const bitmap = await createImageBitmap(picture);
if (bitmap.width !== 256 || bitmap.height !== 256) throw new Error('the picture has another size');
console.log(`triangle.png: ${bitmap.width} x ${bitmap.height}`);
