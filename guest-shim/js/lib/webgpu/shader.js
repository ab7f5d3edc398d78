// GPUShaderModule: the compilation messages as one frozen array.

import { attributes, getters } from './interfaces.js';

const known = new WeakMap();
attributes('gpu-compilation-info', {
  messages() {
    let messages = known.get(this);
    if (!messages) known.set(this, messages = Object.freeze(getters['gpu-compilation-info'].messages.call(this)));
    return messages;
  },
});
