// The namespaces of flags. Bits follow the order of the flags in wit/webgpu.wit.

import { global } from '../define.js';

function namespace(name, flags, more = {}) {
  const values = Object.fromEntries(flags.map((flag, bit) => [flag, 2 ** bit]));
  const object = {};
  for (const [key, value] of Object.entries({ ...values, ...more })) Object.defineProperty(object, key, { value, enumerable: true });
  Object.defineProperty(object, Symbol.toStringTag, { value: name, configurable: true });
  global({ [name]: object });
}

namespace('GPUBufferUsage', ['MAP_READ', 'MAP_WRITE', 'COPY_SRC', 'COPY_DST', 'INDEX', 'VERTEX', 'UNIFORM', 'STORAGE', 'INDIRECT', 'QUERY_RESOLVE']);
namespace('GPUTextureUsage', ['COPY_SRC', 'COPY_DST', 'TEXTURE_BINDING', 'STORAGE_BINDING', 'RENDER_ATTACHMENT', 'TRANSIENT_ATTACHMENT']);
namespace('GPUMapMode', ['READ', 'WRITE']);
namespace('GPUShaderStage', ['VERTEX', 'FRAGMENT', 'COMPUTE']);
namespace('GPUColorWrite', ['RED', 'GREEN', 'BLUE', 'ALPHA'], { ALL: 15 });
