// Machine learning with the published jax-js: a network of two layers learns XOR on the GPU, with gradients from
// `valueAndGrad`. npm.sh puts the package into node_modules.
//
//   guest-shim/js/npm.sh tests/guests/js
//   airlock run --dir tests/guests/js::/out tests/guests/js/learn.js

import { defaultDevice, init, jit, numpy as np, tree, valueAndGrad } from '@jax-js/jax';

if (!(await init('webgpu')).includes('webgpu')) throw new Error('there is no GPU adapter');
defaultDevice('webgpu');

const inputs = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]);
const wanted = np.array([[0], [1], [1], [0]]);
// Pseudorandom numbers, the same in every run.
const weights = (rows, columns) => np.array(Array.from({ length: rows }, (_, row) => Array.from({ length: columns }, (_, column) => Math.sin(12.9898 * (row + 1) + 78.233 * (column + 1)))));

// A use consumes an array; `ref` keeps it for another one.
function predict({ first, bias, second }, x) {
  return np.matmul(np.tanh(np.matmul(x, first).add(bias)), second);
}
function loss(parameters, x, y) {
  return np.square(predict(parameters, x).sub(y)).mean();
}
const step = jit((parameters, x, y) => {
  const [value, gradients] = valueAndGrad(loss)(tree.ref(parameters), x, y);
  return [value, tree.map((parameter, gradient) => parameter.sub(gradient.mul(0.1)), parameters, gradients)];
});

let parameters = { first: weights(2, 8), bias: weights(1, 8), second: weights(8, 1) };
let value;
for (let round = 0; round < 300; round += 1) {
  value?.dispose?.();
  [value, parameters] = step(parameters, inputs.ref, wanted.ref);
}
const error = await value.jsAsync();
const found = (await predict(parameters, inputs).jsAsync()).flat();
if (!(error < 0.01)) throw new Error(`the mean square error is ${error} at the end`);
console.log(`jax-js: XOR is ${found.map((one) => Math.round(one)).join(' ')}, the error ${error < 0.001 ? 'below 0.001' : 'below 0.01'}`);
