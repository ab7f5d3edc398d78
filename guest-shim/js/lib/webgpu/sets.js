// Features as sets, which the web has; the interface only tests for one feature.

import native from 'airlock:native';
import { attributes, calls, classes, methods } from './interfaces.js';
import { required } from '../define.js';

/** WGSL's language extensions, whose names WIT does not list. */
const LANGUAGE_FEATURES = [
  'readonly_and_readwrite_storage_textures', 'packed_4x8_integer_dot_product', 'unrestricted_pointer_parameters',
  'pointer_composite_access', 'uniform_buffer_standard_layout', 'subgroup_id', 'subgroup_uniformity',
  'texture_and_sampler_let', 'texture_formats_tier1', 'linear_indexing', 'immediate_address_space',
];

for (const [wit, names] of [['gpu-supported-features', native.features], ['wgsl-language-features', LANGUAGE_FEATURES]]) {
  const has = calls[wit].has;
  const known = new WeakMap();
  const set = (object) => {
    let values = known.get(object);
    if (!values) known.set(object, values = new Set(names.filter((name) => has.call(object, name))));
    return values;
  };
  methods(wit, {
    has(value) {
      required(arguments.length, 1, `${classes[wit].name}.has`);
      return set(this).has(String(value));
    },
    keys() { return set(this).keys(); },
    values() { return set(this).values(); },
    entries() { return set(this).entries(); },
    forEach(callback, thisArgument) { if (typeof callback !== 'function') throw new TypeError(`${classes[wit].name}.forEach: the callback is not a function`); for (const value of set(this)) callback.call(thisArgument, value, value, this); },
  });
  Object.defineProperty(classes[wit].prototype.forEach, 'length', { value: 1, configurable: true });
  attributes(wit, { size() { return set(this).size; } });
  Object.defineProperty(classes[wit].prototype, Symbol.iterator, { value: classes[wit].prototype.values, writable: true, configurable: true });
}
