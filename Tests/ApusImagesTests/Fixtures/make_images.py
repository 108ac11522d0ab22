"""Writes small images with Pillow and what Pillow reads from them, and resized ones by NumPy and PyTorch.

Run with Python 3, NumPy, Pillow and PyTorch (the last for `resized.npz` alone) in this directory: python make_images.py
"""

import struct
import zlib

import numpy as np
from PIL import Image

random = np.random.default_rng(7)
expected = {}


def pattern(height, width, channels):
    """Smooth, so that JPEG keeps it, with some noise."""
    y, x, c = np.mgrid[0:height, 0:width, 0:channels]
    values = 128 + 80 * np.sin(x / 3 + c) + 40 * np.cos(y / 4 - c) + random.normal(0, 3, (height, width, channels))
    return np.clip(values, 0, 255).astype(np.uint8)


def save(name, image, channels, **options):
    image.save(name, **options)
    with Image.open(name) as read:
        mode = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[channels]
        array = np.asarray(read.convert(mode))
    expected[name] = array.reshape(*array.shape[:2], channels)


def interlaced(name, array):
    """PNG in Adam7 order, which Pillow does not write."""
    height, width, channels = array.shape
    data = b""
    for y0, x0, dy, dx in [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]:
        part = array[y0::dy, x0::dx]
        if part.size:
            data += b"".join(b"\0" + row.tobytes() for row in part)

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, {1: 0, 3: 2}[channels], 0, 0, 1)
    with open(name, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b""))
    with Image.open(name) as read:
        found = np.asarray(read).reshape(array.shape)
    assert (found == array).all()
    expected[name] = array


grey, colour, opacity = pattern(11, 13, 1), pattern(11, 13, 3), pattern(11, 13, 4)
save("grey.png", Image.fromarray(grey[..., 0]), 1)
save("colour.png", Image.fromarray(colour), 3)
save("opacity.png", Image.fromarray(opacity), 4)
save("grey_opacity.png", Image.fromarray(opacity[..., :2], "LA"), 2)
save("palette.png", Image.fromarray(colour).quantize(16), 3)
save("bits.png", Image.fromarray(grey[..., 0] > 128), 1)
deep = (random.integers(0, 65536, (5, 6))).astype(np.uint16)
Image.fromarray(deep).save("deep.png")
expected["deep.png"] = ((deep.astype(np.int64) * 255 + 32767) // 65535).astype(np.uint8)[..., None]
interlaced("interlaced.png", pattern(11, 13, 3))
save("grey.jpg", Image.fromarray(pattern(19, 21, 1)[..., 0]), 1, quality=85)
save("colour.jpg", Image.fromarray(pattern(19, 21, 3)), 3, quality=85)
save("progressive.jpg", Image.fromarray(pattern(19, 21, 3)), 3, quality=85, progressive=True)
Image.fromarray(pattern(8, 8, 4), "CMYK").save("cmyk.jpg")
save("grey.pgm", Image.fromarray(grey[..., 0]), 1)
save("colour.ppm", Image.fromarray(colour), 3)
save("bits.pbm", Image.fromarray(grey[..., 0] > 128), 1)
with open("text.ppm", "w") as file:
    file.write("P3 # colours as text\n13 11\n# the largest value\n255\n" + " ".join(map(str, colour.flatten())) + "\n")
expected["text.ppm"] = colour
with open("text.pgm", "w") as file:
    file.write("P2\n3 2\n15\n0 7 15\n1 2 3\n")
expected["text.pgm"] = np.round(np.array([[0, 7, 15], [1, 2, 3]]) * 255 / 15).astype(np.uint8)[..., None]
with open("text.pbm", "w") as file:
    file.write("P1\n3 2\n010 1\n1 1\n")
expected["text.pbm"] = np.array([[255, 0, 255], [0, 0, 0]], np.uint8)[..., None]
with open("deep.pgm", "wb") as file:
    file.write(b"P5\n6 5\n65535\n" + deep.astype(">u2").tobytes())
expected["deep.pgm"] = expected["deep.png"]
np.savez_compressed("expected.npz", **expected)

try:
    import torch
except ImportError:
    raise SystemExit("PyTorch is absent: resized.npz stays as it is")

source = pattern(12, 15, 3)
resized = {"source": source}
channels_first = torch.tensor(source, dtype=torch.float64).permute(2, 0, 1)[None]


def area(count, new):
    """The share of each old pixel in each new one, by exact integration."""
    edges = np.linspace(0, count, new + 1)
    begin, end = edges[:-1, None], edges[1:, None]
    cells = np.arange(count)[None]
    return np.clip(np.minimum(end, cells + 1) - np.maximum(begin, cells), 0, None) / (end - begin)


def linear(count, new):
    line = torch.eye(count, dtype=torch.float64)[None]
    return torch.nn.functional.interpolate(line, size=new, mode="linear", align_corners=False)[0].T.numpy()


for height, width in [(24, 30), (17, 40), (6, 5), (5, 7), (1, 1), (25, 4), (12, 8)]:
    rows = (area if height < 12 else linear)(12, height)
    columns = (area if width < 15 else linear)(15, width)
    values = np.einsum("ij,kl,jlc->ikc", rows, columns, source.astype(np.float64))
    if height > 12 and width > 15:
        other = torch.nn.functional.interpolate(channels_first, size=(height, width), mode="bilinear", align_corners=False)
        assert np.allclose(values, other[0].permute(1, 2, 0).numpy(), atol=1e-9)
    if 12 % height == 0 and 15 % width == 0:
        other = torch.nn.functional.interpolate(channels_first, size=(height, width), mode="area")
        assert np.allclose(values, other[0].permute(1, 2, 0).numpy(), atol=1e-9)
    resized[f"{height}x{width}"] = values
np.savez_compressed("resized.npz", **resized)
