"""The compiled core of a GRU (Cho et al. 2014, as in PyTorch): its last state, and the gradient of that.

PyTorch takes ten small operations for each of 250 steps, which is 3 ms however small the batch, and ten times as much
with a gradient. Here all steps are one loop, TOGETHER records at a time, because the weights do not fit into the first
cache: 0.13 ms per record. What the input adds to the gates is part of it, because it is six times the size of the
input. A record's result does not depend, in any bit, on what else is in the batch.

Gates are in PyTorch's order: reset, update, new. Arrays in the inner loops have one dimension and offsets known at
compile time. The compiler must see that they do not overlap, or it makes no vectors of them, which takes seven times
as long.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float32]

TOGETHER = 4
"""Records per pass over the weights."""

ROWS = 8
"""Rows of the weights per pass over the sums."""

UNITS = 64
"""Of the state; the kernel takes no other number."""

GATES = 3 * UNITS

_ONE, _TWO = np.float32(1), np.float32(2)
_LIMIT = np.float32(87)  # beyond it exp leaves float32
_WHOLE = np.float32(1.5 * 2**23)  # x + _WHOLE rounds x to a whole number, which its lowest bits hold
_LOG2_E, _LN2_HIGH, _LN2_LOW = np.float32(1.44269504), np.float32(0.693359375), np.float32(-2.12194440e-4)
# of Cephes' expf; exp(r) = 1 + r + r^2 p(r)
_P0, _P1, _P2 = np.float32(1.9875691500e-4), np.float32(1.3981999507e-3), np.float32(8.3334519073e-3)
_P3, _P4, _P5 = np.float32(4.1665795894e-2), np.float32(1.6666665459e-1), np.float32(5.0000001201e-1)

# FMA, and no infinities; no reordering of sums, so that a record has the same value in every place.
_FLAGS = {"contract", "nnan", "ninf", "nsz"}

# Python's error model asks at every division whether it is by zero, and there are no vectors of that.
_compiled = njit(nogil=True, cache=True, fastmath=_FLAGS, error_model="numpy")


def packed(weights: Array) -> Array:
    """A copy of weights (K, N) as the kernel reads them: blocks of 8 rows and 64 columns, (K N / 512, 512)."""
    rows, columns = weights.shape
    blocks = weights.reshape(rows // ROWS, ROWS, columns // UNITS, UNITS).transpose(0, 2, 1, 3)
    return blocks.copy(order="C").reshape(-1, ROWS * UNITS)


@_compiled
def last_states(features: Array, of_input: Array, of_state: Array, bias: Array) -> Array:
    """States (B, 64) after the last step, from 0.

    Args:
        features: (B, K, T), the input; K is a multiple of 8.
        of_input: (K, 192), the weights of the input, transposed, `packed`.
        of_state: (64, 192), the weights of the state, transposed, `packed`.
        bias: (256,), of the reset gate and of the update gate (input's and state's together), and of the new one, the
            state's before the input's.
    """
    return _run(features, of_input, of_state, bias, np.empty((1, 1, 5 * UNITS), np.float32), False)


@_compiled
def remembered_states(features: Array, of_input: Array, of_state: Array, bias: Array) -> tuple[Array, Array]:
    """The same, with what `input_gradients` needs: (B, T, 320)."""
    kept = np.empty((features.shape[0], features.shape[2], 5 * UNITS), np.float32)
    return _run(features, of_input, of_state, bias, kept, True), kept


@_compiled
def _run(features: Array, of_input: Array, of_state: Array, bias: Array, kept: Array, keep: bool) -> Array:
    count, width, steps = features.shape
    last = np.empty((count, UNITS), np.float32)
    state = np.empty((TOGETHER, UNITS), np.float32)
    read = np.empty((TOGETHER, width), np.float32)
    sums = np.empty((TOGETHER, 4, UNITS), np.float32)
    for first in range(0, count, TOGETHER):
        lanes = min(TOGETHER, count - first)
        state[:] = 0
        for step in range(steps):
            for lane in range(lanes):
                own = sums[lane].ravel()
                for j in range(4 * UNITS):
                    own[j] = bias[j]
                for k in range(width):
                    read[lane, k] = features[first + lane, k, step]
            _add_product(read, of_input, sums, lanes, 3)
            _add_product(state, of_state, sums, lanes, 2)
            for lane in range(lanes):
                own, before = sums[lane].ravel(), state[lane]
                if keep:
                    memory = kept[first + lane, step]
                    for j in range(UNITS):
                        memory[3 * UNITS + j] = own[2 * UNITS + j]
                        memory[4 * UNITS + j] = before[j]
                for j in range(UNITS):
                    reset = _sigmoid(own[j])
                    update = _sigmoid(own[UNITS + j])
                    half = _sigmoid(_TWO * (own[3 * UNITS + j] + reset * own[2 * UNITS + j]))
                    new = _TWO * half - _ONE  # tanh
                    own[j], own[UNITS + j], own[2 * UNITS + j] = reset, update, new
                    before[j] = new + update * (before[j] - new)
                if keep:
                    for j in range(GATES):
                        memory[j] = own[j]
        for lane in range(lanes):
            last[first + lane] = state[lane]
    return last


@_compiled
def input_gradients(of_last: Array, kept: Array, weights: Array) -> Array:
    """Gradients of something, (B, T, 192) by what the input adds to the gates, from those by the last states.

    Args:
        of_last: (B, 64), its gradients by the last states.
        kept: from `remembered_states`.
        weights: (192, 64), of the state, as PyTorch has them, `packed`.
    """
    count, steps, _ = kept.shape
    found = np.empty((count, steps, GATES), np.float32)
    of_state = np.zeros((TOGETHER, 1, UNITS), np.float32)
    of_gates = np.zeros((TOGETHER, GATES), np.float32)
    for first in range(0, count, TOGETHER):
        lanes = min(TOGETHER, count - first)
        for lane in range(lanes):
            of_state[lane, 0] = of_last[first + lane]
        for step in range(steps - 1, -1, -1):
            for lane in range(lanes):
                memory, gradient = kept[first + lane, step], found[first + lane, step]
                own, back = of_gates[lane], of_state[lane, 0]
                for j in range(UNITS):
                    reset, update, new = memory[j], memory[UNITS + j], memory[2 * UNITS + j]
                    of_new = back[j] * (_ONE - update) * (_ONE - new * new)
                    of_update = back[j] * (memory[4 * UNITS + j] - new) * update * (_ONE - update)
                    of_reset = of_new * memory[3 * UNITS + j] * reset * (_ONE - reset)
                    gradient[j], gradient[UNITS + j], gradient[2 * UNITS + j] = of_reset, of_update, of_new
                    own[j], own[UNITS + j], own[2 * UNITS + j] = of_reset, of_update, of_new * reset
                    back[j] = back[j] * update
            _add_product(of_gates, weights, of_state, lanes, 2)
    return found


@_compiled
def _add_product(left: Array, packed: Array, sums: Array, lanes: int, third: int) -> None:
    """sums += left (4, K) x the weights (K, N) that are `packed`, in the first `lanes` rows.

    Of the sums, (4, N / 64 or more, 64), the third part of the product goes to the part `third`.
    """
    parts = min(sums.shape[1], 3)
    for number in range(len(packed)):
        part, k = number % parts, number // parts * ROWS
        if part == 2:
            part = third
        block = packed[number]
        for lane in range(lanes):
            own, factors = sums[lane, part], left[lane]
            f0, f1, f2, f3 = factors[k], factors[k + 1], factors[k + 2], factors[k + 3]
            f4, f5, f6, f7 = factors[k + 4], factors[k + 5], factors[k + 6], factors[k + 7]
            for j in range(UNITS):
                own[j] += (
                    f0 * block[j]
                    + f1 * block[UNITS + j]
                    + f2 * block[2 * UNITS + j]
                    + f3 * block[3 * UNITS + j]
                    + f4 * block[4 * UNITS + j]
                    + f5 * block[5 * UNITS + j]
                    + f6 * block[6 * UNITS + j]
                    + f7 * block[7 * UNITS + j]
                )


@_compiled
def _sigmoid(value: np.float32) -> np.float32:
    """Logistic function; the compiler has no vectors for its own exp."""
    x = min(max(-value, -_LIMIT), _LIMIT)
    rounded = x * _LOG2_E + _WHOLE
    n = rounded - _WHOLE
    r = x - n * _LN2_HIGH - n * _LN2_LOW
    p = ((((_P0 * r + _P1) * r + _P2) * r + _P3) * r + _P4) * r + _P5
    power = np.int32((np.float32(rounded).view(np.int32) + 127) << 23).view(np.float32)  # 2^n, by its bits
    return _ONE / (_ONE + (p * r * r + r + _ONE) * power)
