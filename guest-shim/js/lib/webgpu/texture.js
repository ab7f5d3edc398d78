// GPUTexture, and the textures of canvases.

import { attributes, getters } from './interfaces.js';

/** The usages that scripts asked for, of textures that have more. */
const asked = new WeakMap();

/** Lets a texture tell the usage that a script asked for. */
export function withUsage(texture, bits) {
  asked.set(texture, bits);
  return texture;
}

// An absent value is undefined on the web; the binding's getter may return null.
const { textureBindingViewDimension, usage } = getters['gpu-texture'];
attributes('gpu-texture', {
  textureBindingViewDimension() { return textureBindingViewDimension.call(this) ?? undefined; },
  usage() { return asked.get(this) ?? usage.call(this); },
});
