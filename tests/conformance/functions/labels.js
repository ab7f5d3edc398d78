// The label of each kind of object: `label` and `set-label`.

import { className, equal, fn, makers, wrongReceiver } from './support.js';
import { throws } from '../harness.js';

const objects = { ...makers, 'gpu-device': undefined, 'gpu-queue': undefined };
/** A device and its queue get their labels with the request. */
async function withDevice(wit, device, label) {
  if (makers[wit]) return makers[wit](device, label);
  const adapter = await navigator.gpu.requestAdapter();
  const own = await adapter.requestDevice(wit === 'gpu-device' ? { label } : { defaultQueue: { label } });
  return wit === 'gpu-device' ? own : own.queue;
}

for (const wit of Object.keys(objects)) {
  fn(`${wit}.label`, {
    valid: async (device) => equal((await withDevice(wit, device, 'a label')).label, 'a label'),
    invalid: wrongReceiver(className(wit), 'label'),
    boundary: async (device) => {
      equal((await withDevice(wit, device, undefined)).label, '', 'a label that was not given');
      for (const label of ['', 'a\u0000b', '\u{1f680} \u00e9', 'x'.repeat(1000)]) equal((await withDevice(wit, device, label)).label, label);
    },
  });
  fn(`${wit}.set-label`, {
    valid: async (device) => {
      const object = await withDevice(wit, device, 'before');
      object.label = 'after';
      equal(object.label, 'after');
    },
    invalid: async (device) => {
      const object = await withDevice(wit, device, 'before');
      throws('TypeError', () => { object.label = Symbol('label'); }, 'a symbol');
      throws('TypeError', () => Object.getOwnPropertyDescriptor(Object.getPrototypeOf(object), 'label').set.call({}, 'text'), 'another object');
      equal(object.label, 'before');
    },
    boundary: async (device) => {
      const object = await withDevice(wit, device, 'before');
      for (const [given, found] of [['', ''], ['a\ud800', 'a\ufffd'], ['a\u0000b', 'a\u0000b'], [5, '5'], [null, 'null'], ['x'.repeat(1000), 'x'.repeat(1000)]]) {
        object.label = given;
        equal(object.label, found);
      }
    },
  });
}
