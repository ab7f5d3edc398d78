// Each limit: its default, the values that an adapter grants, and those that it rejects.

import { check, equal, fn } from './support.js';
import { rejects } from '../harness.js';

/** By name in WIT: the default of a core device. */
const LIMITS = {
  'max-texture-dimension1-d': 8192, 'max-texture-dimension2-d': 8192, 'max-texture-dimension3-d': 2048, 'max-texture-array-layers': 256,
  'max-bind-groups': 4, 'max-bind-groups-plus-vertex-buffers': 24, 'max-immediate-size': 64, 'max-bindings-per-bind-group': 1000,
  'max-dynamic-uniform-buffers-per-pipeline-layout': 8, 'max-dynamic-storage-buffers-per-pipeline-layout': 4,
  'max-sampled-textures-per-shader-stage': 16, 'max-samplers-per-shader-stage': 16, 'max-storage-buffers-per-shader-stage': 8,
  'max-storage-buffers-in-vertex-stage': 8, 'max-storage-buffers-in-fragment-stage': 8, 'max-storage-textures-per-shader-stage': 4,
  'max-storage-textures-in-vertex-stage': 4, 'max-storage-textures-in-fragment-stage': 4, 'max-uniform-buffers-per-shader-stage': 12,
  'max-uniform-buffer-binding-size': 65536, 'max-storage-buffer-binding-size': 134217728, 'min-uniform-buffer-offset-alignment': 256,
  'min-storage-buffer-offset-alignment': 256, 'max-vertex-buffers': 8, 'max-buffer-size': 268435456, 'max-vertex-attributes': 16,
  'max-vertex-buffer-array-stride': 2048, 'max-inter-stage-shader-variables': 16, 'max-color-attachments': 8,
  'max-color-attachment-bytes-per-sample': 32, 'max-compute-workgroup-storage-size': 16384, 'max-compute-invocations-per-workgroup': 256,
  'max-compute-workgroup-size-x': 256, 'max-compute-workgroup-size-y': 256, 'max-compute-workgroup-size-z': 64,
  'max-compute-workgroups-per-dimension': 65535,
};
const camelCase = (wit) => wit.replace(/(\d)-d$/, '$1D').replace(/-(.)/g, (_, letter) => letter.toUpperCase());

for (const [wit, standard] of Object.entries(LIMITS)) {
  const name = camelCase(wit);
  const least = name.startsWith('min');
  const request = async (value) => (await navigator.gpu.requestAdapter()).requestDevice({ requiredLimits: { [name]: value } });
  fn(`gpu-supported-limits.${wit}`, {
    valid: async () => {
      const adapter = await navigator.gpu.requestAdapter();
      const best = adapter.limits[name];
      check(least ? best <= standard : best >= standard, `the adapter's is ${best}, worse than ${standard}`);
      equal((await adapter.requestDevice()).limits[name], standard, "the device's");
    },
    invalid: async () => {
      const { limits } = await navigator.gpu.requestAdapter();
      if (least) {
        await rejects('OperationError', () => request(3), 'a request for no power of two');
        await rejects('OperationError', () => request(2 ** 32), 'a request beyond 2^31');
      } else await rejects('OperationError', () => request(limits[name] + 1), "a request beyond the adapter's");
      await rejects('TypeError', () => request(-1), 'a negative request');
    },
    boundary: async () => {
      const { limits } = await navigator.gpu.requestAdapter();
      equal((await request(limits[name])).limits[name], limits[name], "the adapter's own");
      equal((await request(least ? 2 * standard : 1)).limits[name], standard, 'a request for less than the default');
      equal((await request(undefined)).limits[name], standard, 'a request for nothing');
    },
  }, { device: null });
}
