"""Writes short sounds with Python's wave and SciPy, and what SciPy reads from them.

Run with Python 3, NumPy and SciPy in this directory: python make_sounds.py
"""

import wave

import numpy as np
from scipy.io import wavfile

time = np.arange(50)
sound = np.stack([np.sin(time / 3), 0.5 * np.cos(time / 5)], axis=1) * 0.99
expected = {}


def save(name, array, scale, shift=0):
    wavfile.write(name, 8000, array)
    rate, found = wavfile.read(name)
    assert rate == 8000
    expected[name] = (found.astype(np.float64) - shift).reshape(len(found), -1) / scale


save("u8.wav", np.round(sound * 127 + 128).astype(np.uint8), 128, 128)
save("i16.wav", np.round(sound * 32767).astype(np.int16), 2**15)
save("mono16.wav", np.round(sound[:, 0] * 32767).astype(np.int16), 2**15)
save("i32.wav", np.round(sound * (2**31 - 1)).astype(np.int32), 2**31)
save("f32.wav", sound.astype(np.float32), 1)
save("f64.wav", sound, 1)
with wave.open("i24.wav", "wb") as file:
    file.setparams((2, 3, 8000, 0, "NONE", ""))
    numbers = np.round(sound * (2**23 - 1)).astype("<i4")
    file.writeframes(numbers.reshape(-1, 1).view(np.uint8)[:, :3].tobytes())
rate, found = wavfile.read("i24.wav")  # in the upper three bytes
expected["i24.wav"] = found.astype(np.float64) / 2**31
np.savez_compressed("sounds.npz", **expected)
