// The published three.js with its WebGPU renderer: a lit scene, written as three.png to the folder that the script is given.
// npm.sh puts the package into node_modules.
//
//   guest-shim/js/npm.sh tests/guests/js
//   airlock run --dir tests/guests/js::/out tests/guests/js/three.js

import * as THREE from 'three/webgpu';

const [width, height] = [480, 320];
const canvas = new OffscreenCanvas(width, height);
// three.js reads the canvas's style, which a page would have.
canvas.style = {};
const renderer = new THREE.WebGPURenderer({ canvas, antialias: true });
await renderer.init();
renderer.setSize(width, height, false);

const scene = new THREE.Scene();
scene.background = new THREE.Color(0x202838);
const camera = new THREE.PerspectiveCamera(45, width / height, 0.1, 100);
camera.position.set(4, 3, 6);
camera.lookAt(0, 0, 0);
const sun = new THREE.DirectionalLight(0xffffff, 3);
sun.position.set(4, 6, 3);
scene.add(sun, new THREE.AmbientLight(0x8090b0, 0.7));
const knot = new THREE.Mesh(new THREE.TorusKnotGeometry(1, 0.35, 128, 24), new THREE.MeshStandardMaterial({ color: 0xd06030, roughness: 0.35, metalness: 0.2 }));
const floor = new THREE.Mesh(new THREE.PlaneGeometry(12, 12), new THREE.MeshStandardMaterial({ color: 0x608060 }));
floor.rotation.x = -Math.PI / 2;
floor.position.y = -1.6;
scene.add(knot, floor);
renderer.render(scene, camera);

const picture = await canvas.convertToBlob();
const folder = await navigator.storage.getDirectory();
const file = await (await folder.getFileHandle('three.png', { create: true })).createWritable();
await file.write(picture);
await file.close();
console.log(`three.js ${THREE.REVISION}: three.png, ${width} x ${height}`);
// The renderer requests frames until it is disposed of; without this, the script would not end.
renderer.dispose();
