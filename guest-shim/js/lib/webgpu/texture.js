// GPUTexture, and the features that formats need.

import { attributes, getters } from './interfaces.js';

/** A format's feature, by the start of its name. */
const FEATURES = [
  ['bc', 'texture-compression-bc'], ['etc2-', 'texture-compression-etc2'], ['eac-', 'texture-compression-etc2'],
  ['astc-', 'texture-compression-astc'], ['depth32float-stencil8', 'depth32float-stencil8'],
];

/** Throws a TypeError for a format that the device does not have. */
export function formats(device, values) {
  for (const format of values) {
    if (typeof format !== 'string') continue;
    const feature = FEATURES.find(([start]) => format.startsWith(start))?.[1];
    if (feature && !device.features.has(feature)) throw new TypeError(`the format ${format} needs the feature ${feature}`);
  }
}

// An absent value is undefined on the web; the binding's getter may return null.
const { textureBindingViewDimension } = getters['gpu-texture'];
attributes('gpu-texture', { textureBindingViewDimension() { return textureBindingViewDimension.call(this) ?? undefined; } });
