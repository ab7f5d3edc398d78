#!/usr/bin/env python3
"""Trains the network of the `mlp` guest and writes data/weights.bin and data/test.bin.

    pip download --no-deps scikit-learn     # brings the digits; nothing of scikit-learn is run
    unzip scikit_learn-*.whl sklearn/datasets/data/digits.csv.gz
    ./train.py sklearn/datasets/data/digits.csv.gz

Plain numpy: a multi-layer perceptron (64-64-32-10, ReLU), softmax and cross-entropy, Adam, images shifted by up to a
pixel while training. Every random choice is seeded, so the same numpy gives the same files. The layout of both files
is described where the guest reads them (src/model.rs).
"""

import struct
import sys
from pathlib import Path

import numpy as np

SIZES = [64, 64, 32, 10]
TEST_IMAGES = 500
EPOCHS = 240
BATCH = 64
RATE = 2e-3
WEIGHT_DECAY = 2e-4


def load(path):
    """The 1797 images (64 numbers from 0 to 16) and their labels, shuffled."""
    table = np.loadtxt(path, delimiter=",", dtype=np.int64)
    table = table[np.random.default_rng(2024).permutation(len(table))]
    return table[:, :64], table[:, 64]


def shift(images, rng):
    """Each image moved by -1, 0 or 1 pixels in either direction; what enters is blank."""
    grid = np.pad(images.reshape(-1, 8, 8), ((0, 0), (1, 1), (1, 1)))
    dx, dy = rng.integers(0, 3, (2, len(images)))
    moved = [g[y : y + 8, x : x + 8] for g, x, y in zip(grid, dx, dy)]
    return np.stack(moved).reshape(-1, 64)


def forward(layers, x):
    """The activations of every layer, the input's first; the last are logits."""
    activations = [x]
    for i, (weights, bias) in enumerate(layers):
        x = x @ weights + bias
        if i < len(layers) - 1:
            x = np.maximum(x, 0)
        activations.append(x)
    return activations


def gradients(layers, x, labels):
    activations = forward(layers, x)
    logits = activations[-1]
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    delta = (shares - np.eye(10)[labels]) / len(x)
    result = []
    for i in reversed(range(len(layers))):
        weights, _ = layers[i]
        result.insert(0, (activations[i].T @ delta + WEIGHT_DECAY * weights, delta.sum(axis=0)))
        delta = (delta @ weights.T) * (activations[i] > 0)
    return result


def train(images, labels):
    rng = np.random.default_rng(7)
    layers = [
        [rng.normal(0, np.sqrt(2 / inputs), (inputs, outputs)), np.zeros(outputs)]
        for inputs, outputs in zip(SIZES, SIZES[1:])
    ]
    means = [[np.zeros_like(p) for p in layer] for layer in layers]
    squares = [[np.zeros_like(p) for p in layer] for layer in layers]
    step = 0
    for epoch in range(EPOCHS):
        rate = RATE * 0.5 * (1 + np.cos(np.pi * epoch / EPOCHS))
        order = rng.permutation(len(images))
        moved = shift(images, rng)
        for start in range(0, len(order), BATCH):
            chosen = order[start : start + BATCH]
            step += 1
            for i, layer in enumerate(gradients(layers, moved[chosen] / 16, labels[chosen])):
                for j, gradient in enumerate(layer):
                    means[i][j] = 0.9 * means[i][j] + 0.1 * gradient
                    squares[i][j] = 0.999 * squares[i][j] + 0.001 * gradient**2
                    mean, square = means[i][j] / (1 - 0.9**step), squares[i][j] / (1 - 0.999**step)
                    layers[i][j] -= rate * mean / (np.sqrt(square) + 1e-8)
    return [[p.astype("<f4") for p in layer] for layer in layers]


def accuracy(layers, images, labels):
    """How many predictions are right, in double precision."""
    logits = forward([[p.astype(float) for p in layer] for layer in layers], images / 16)[-1]
    return int((logits.argmax(axis=1) == labels).sum())


def main():
    images, labels = load(sys.argv[1])
    test_images, test_labels = images[:TEST_IMAGES], labels[:TEST_IMAGES]
    layers = train(images[TEST_IMAGES:], labels[TEST_IMAGES:])
    right = accuracy(layers, test_images, test_labels)
    print(f"{right} of {TEST_IMAGES} test images are read right")

    folder = Path(__file__).parent / "data"
    folder.mkdir(exist_ok=True)
    header = struct.pack("<4sI", b"MLP1", len(SIZES)) + struct.pack(f"<{len(SIZES)}I", *SIZES)
    parameters = b"".join(p.tobytes() for layer in layers for p in layer)
    (folder / "weights.bin").write_bytes(header + parameters)
    header = struct.pack("<4sII", b"DIG1", TEST_IMAGES, right)
    contents = test_labels.astype("u1").tobytes() + test_images.astype("u1").tobytes()
    (folder / "test.bin").write_bytes(header + contents)


if __name__ == "__main__":
    main()
