"""Writes two images and what NumPy and SciPy make of them, for every change of an image.

Run with Python 3, NumPy and SciPy in this directory: python make_augmentation.py
"""

import numpy as np
from scipy import ndimage

random = np.random.default_rng(3)
x = random.uniform(size=(2, 7, 6, 3)).astype(np.float32)
out = {"x": x}
wide = x.astype(np.float64)

out["flipHorizontally"] = x[:, :, ::-1]
out["flipVertically"] = x[:, ::-1]

PAD = {"zeros": "constant", "nearest": "edge", "reflected": "reflect"}
for edge, mode in PAD.items():
    padded = np.pad(x, [(0, 0), (9, 9), (9, 9), (0, 0)], mode=mode)
    for top, left, height, width in [(-2, 1, 7, 6), (3, -4, 5, 9), (-9, -9, 25, 24), (2, 1, 3, 2)]:
        out[f"window {edge} {top} {left} {height} {width}"] = padded[:, 9 + top : 9 + top + height, 9 + left : 9 + left + width]

MODE = {"zeros": "grid-constant", "nearest": "nearest", "reflected": "mirror"}


def resampled(matrix, offset, edge):
    """The place of each pixel is matrix (y, x) + offset, counted from the middle."""
    middle = np.array([(7 - 1) / 2, (6 - 1) / 2])
    shift = middle + offset - matrix @ middle
    planes = [
        [ndimage.affine_transform(image[..., c], matrix, shift, order=1, mode=MODE[edge]) for c in range(3)] for image in wide
    ]
    return np.array(planes).transpose(0, 2, 3, 1)


def rotation(degrees):
    angle = np.deg2rad(degrees)
    return np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])


# Against the clock, as SciPy and NumPy turn.
square = wide[0, :6, :6, 0]
assert np.allclose(ndimage.rotate(square, 90, order=1), np.rot90(square))
for edge in MODE:
    for degrees in [20.0, -130.0]:
        out[f"rotation {edge} {degrees}"] = resampled(rotation(degrees), np.zeros(2), edge)
    for factor in [1.3, 0.6]:
        out[f"zoom {edge} {factor}"] = resampled(np.eye(2) / factor, np.zeros(2), edge)
    for down, right in [(0.25, -1.5), (2.0, 3.0)]:
        out[f"shift {edge} {down} {right}"] = resampled(np.eye(2), -np.array([down, right]), edge)
    out[f"resampling {edge}"] = resampled(np.array([[0.9, 0.3], [-0.2, 1.2]]), np.array([0.4, -0.7]), edge)
assert np.allclose(
    ndimage.rotate(wide[0], 20, axes=(1, 0), reshape=False, order=1, mode="grid-constant"), out["rotation zeros 20.0"][0]
)

out["brightness 0.3"] = wide + 0.3
means = wide.mean(axis=(1, 2), keepdims=True)
out["contrast 1.7"] = means + 1.7 * (wide - means)
cut = x.copy()
cut[:, 0:2, 3:6] = 0
out["cutout -1 3 3 4"] = cut
mean, deviation = np.array([0.5, 0.4, 0.3]), np.array([0.2, 0.25, 0.5])
out["normalization"] = (wide - mean) / deviation
out["normalization one"] = (wide - 0.5) / 0.2
out["moments"] = np.array([wide.mean(axis=(0, 1, 2)), wide.std(axis=(0, 1, 2))])
np.savez_compressed("augmentation.npz", **out)
