"""Philox4x32-10 in numpy, laid out as packages/random lays it out.

Every random number of the recordings comes from here, so that the TypeScript tests can make the same weights and
inputs themselves and nothing large has to be stored. `stream_uniform` gives the same bits as `streamUniform`;
`stream_normal` agrees with `streamNormal` up to the last bit of the platform's log, sin and cos.

Source: Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011; known answers from Random123.
Run this file to check it against them.
"""

import numpy as np

M0, M1 = 0xD2511F53, 0xCD9E8D57
W0, W1 = 0x9E3779B9, 0xBB67AE85
MASK = np.uint64(0xFFFFFFFF)


def philox4x32(counter, key):
    """Ten rounds on many counters at once.

    counter: four uint32 words (c0 lowest), each an array of the same shape or a number; key: two uint32 words.
    Returns uint32 [..., 4].
    """
    c0, c1, c2, c3 = np.broadcast_arrays(*[np.asarray(word, dtype=np.uint64) for word in counter])
    k0, k1 = (int(word) for word in key)
    shift = np.uint64(32)
    for _ in range(10):
        product0 = np.uint64(M0) * c0
        product1 = np.uint64(M1) * c2
        c0, c1, c2, c3 = (
            (product1 >> shift) ^ c1 ^ np.uint64(k0),
            product1 & MASK,
            (product0 >> shift) ^ c3 ^ np.uint64(k1),
            product0 & MASK,
        )
        k0, k1 = (k0 + W0) & 0xFFFFFFFF, (k1 + W1) & 0xFFFFFFFF
    return np.stack([c0, c1, c2, c3], axis=-1).astype(np.uint32)


def words(seed, stream, n, start=0):
    """uint32 [n]: elements start … start+n-1 of a stream. Key = seed, counter = (block, stream), low words first."""
    first, last = start // 4, (start + n + 3) // 4
    block = np.arange(first, last, dtype=np.uint64)
    counter = (block & MASK, block >> np.uint64(32), stream & 0xFFFFFFFF, stream >> 32)
    flat = philox4x32(counter, (seed & 0xFFFFFFFF, seed >> 32)).reshape(-1)
    return flat[start - 4 * first :][:n]


def stream_uniform(seed, stream, n, start=0):
    """float64 [n] in [0, 1), multiples of 2^-24: exactly what `streamUniform` writes as float32."""
    return (words(seed, stream, n, start) >> np.uint32(8)).astype(np.float64) * 2.0**-24


def stream_normal(seed, stream, n, start=0):
    """float32 [n], standard normal: Box–Muller on pairs of words, in float64, rounded once."""
    if start % 4:
        raise ValueError(f"start must be a multiple of 4, got {start}")
    u = stream_uniform(seed, stream, n + n % 2, start)
    radius = np.sqrt(-2 * np.log(u[0::2] + 2.0**-24))
    angle = 2 * np.pi * u[1::2]
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1).reshape(-1)[:n].astype(np.float32)


def uniform(seed, stream, shape, lo, hi):
    """float32 array of `shape`: lo + (hi - lo)·u, in float64, rounded once."""
    u = stream_uniform(seed, stream, int(np.prod(shape, dtype=np.int64)))
    return (lo + (hi - lo) * u).astype(np.float32).reshape(shape)


def self_test():
    """The known answers of Random123 (kat_vectors, philox4x32 10)."""
    known = [
        ((0, 0, 0, 0), (0, 0), "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            "d16cfe09 94fdcceb 5001e420 24126ea1",
        ),
    ]
    for counter, key, expected in known:
        got = " ".join(f"{word:08x}" for word in philox4x32(counter, key))
        if got != expected:
            raise AssertionError(f"philox4x32({counter}, {key}): wanted {expected}, got {got}")
    whole = words(2**40 + 7, 2**33 + 3, 1000)
    if not np.array_equal(whole[601:], words(2**40 + 7, 2**33 + 3, 399, 601)):
        raise AssertionError("words: a stream read from its middle differs from the same stream read whole")


if __name__ == "__main__":
    self_test()
    print("philox: known answers hold")
