"""Writes arrays with NumPy: every element type, both orders of axes, both byte orders; stored and deflated archives.

Element i of each array is (i * 37 % 101) - 50, halved for floating-point types, made positive for unsigned ones, and whether it is odd for
booleans. Run with Python 3 and NumPy in this directory: python make_arrays.py
"""

import numpy as np


def array(dtype, shape):
    numbers = np.arange(np.prod(shape, dtype=int)) * 37 % 101 - 50
    dtype = np.dtype(dtype)
    if dtype.kind == "f":
        numbers = numbers / 2
    elif dtype.kind == "u":
        numbers = np.abs(numbers)
    elif dtype.kind == "b":
        numbers = numbers % 2 == 1
    return numbers.reshape(shape).astype(dtype)


TYPES = ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "b1", ">f2", ">f4", ">f8", ">i2", ">i4", ">i8", ">u2", ">u4"]
arrays = {name.replace(">", "big_"): array(name, (3, 5, 4)) for name in TYPES}
arrays["number"] = array("f4", ())
arrays["vector"] = array("f4", (7,))
arrays["empty"] = array("f4", (0, 3))
arrays["half_limits"] = np.array([0, -0.0, 6e-8, 6.1e-5, 65504, np.inf, -np.inf, np.nan, 1 / 3], np.float16)
np.savez("arrays.npz", **arrays)
np.savez_compressed("arrays_deflated.npz", **arrays)
np.save("column_major.npy", np.asfortranarray(array("f4", (3, 5, 4))))
np.save("column_major_big.npy", np.asfortranarray(array(">i4", (3, 5))))
np.save("matrix.npy", array("f4", (3, 5)))
np.save("complex.npy", np.zeros(2, complex))
np.save("texts.npy", np.array(["a", "bc"]))
np.save("records.npy", np.zeros(2, [("a", "f4"), ("b", "i4")]))
with open("version2.npy", "wb") as file:
    np.lib.format.write_array(file, array("i4", (2, 3)), version=(2, 0))
