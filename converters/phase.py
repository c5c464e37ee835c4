"""Phase reconstruction: sounds from the magnitudes of their spectra.

Magnitudes are those of `converters.stft`: (n_fft // 2 + 1, n_frames), or (k, ...) for k sounds,
each of which is reconstructed independently. Everything here is deterministic.

The algorithms alternate between two sets of spectra: C1, those of any sound, and C2, those of these
magnitudes. They differ in how they combine the projections to both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from heapq import heappop, heappush

import numpy as np

from converters.header import ConverterError
from converters.stft import count_frames, istft, stft

__all__ = [
    "fast_griffin_lim",
    "phase_gradient_heap_integration",
    "relaxed_reflections",
    "sound_from_magnitude",
]

OnRound = Callable[[], object]
GAMMA = 0.25645  # of the Gaussian exp(-pi t^2 / gamma) nearest to a Hann window, over n_fft^2


def _ignore() -> None:
    """No progress is shown."""


def sound_from_magnitude(
    magnitude: np.ndarray,
    n_fft: int,
    hop: int,
    n: int,
    n_iter: int = 160,
    on_round: OnRound = _ignore,
) -> np.ndarray:
    """The sound whose spectra have about these magnitudes.

    An initial phase by integration of its gradient; for a quarter of the rounds reflections, which
    leave the local minima in which Griffin-Lim stays; then fast Griffin-Lim, which converges (the
    order of Peer, Welker & Gerkmann, "Beyond Griffin-Lim", 2022).

    Args:
        magnitude: (n_fft // 2 + 1, count_frames(n, n_fft, hop)) or (k, ...), >= 0, finite.
        n: samples.
        n_iter: rounds, of one transform and one inverse each.
        on_round: called after each of them.

    Returns:
        (n,) or (k, n) float32. Memory: about 60 bytes for each magnitude of one sound.

    Raises:
        ConverterError: the magnitudes are not those of n samples, negative or not finite, or see
            `count_frames`.
    """
    magnitude = _check_magnitude(magnitude, n_fft, hop, n)
    reflections = n_iter // 4
    phase = phase_gradient_heap_integration(magnitude, n_fft, hop)
    phase = relaxed_reflections(magnitude, n_fft, hop, n, phase, reflections, on_round=on_round)
    return fast_griffin_lim(
        magnitude, n_fft, hop, n, n_iter - reflections, phase=phase, on_round=on_round
    )


def phase_gradient_heap_integration(
    magnitude: np.ndarray, n_fft: int, hop: int, tolerance: float = 1e-6
) -> np.ndarray:
    """The phase whose gradient follows from the magnitudes.

    Prusa, Balazs & Sondergaard, "A noniterative method for reconstruction of phase from STFT
    magnitude" (2017), algorithm 1. Under a Gaussian window the gradient of the phase is that of
    the logarithm of the magnitude, turned by 90 degrees; under a Hann window nearly so. It is
    integrated from the peaks outwards, over the loudest neighbors first.

    Args:
        magnitude: (n_fft // 2 + 1, n_frames) or (k, ...), >= 0, finite; n_frames >=
            n_fft / hop.
        tolerance: > 0, of the greatest magnitude. Bins not above it have a random phase, from a
            fixed seed.

    Returns:
        The phase in radians, of the same shape, float32.

    Raises:
        ConverterError: see `sound_from_magnitude`.
    """
    s = _check_magnitude(magnitude, n_fft, hop)
    return _map_sounds(lambda s: _integrate(s.T, n_fft, hop, tolerance).T, s)


def fast_griffin_lim(
    magnitude: np.ndarray,
    n_fft: int,
    hop: int,
    n: int,
    n_iter: int = 32,
    alpha: float = 0.99,
    phase: np.ndarray | None = None,
    on_round: OnRound = _ignore,
) -> np.ndarray:
    """Projections to C1 and C2 in turn, with momentum, from an initial phase.

    Perraudin, Balazs & Sondergaard, "A fast Griffin-Lim algorithm" (2013), algorithm 2.

    Args:
        magnitude, n: see `sound_from_magnitude`.
        alpha: momentum; 0: Griffin & Lim's own algorithm.
        phase: the initial one, of the magnitudes' shape, in radians; None: 0.

    Returns:
        (n,) or (k, n) float32.

    Raises:
        ConverterError: see `sound_from_magnitude`.
    """

    def search(s: np.ndarray, phase: np.ndarray) -> np.ndarray:
        sets, c = _Sets.create(s, n_fft, hop, n, phase)
        t_before = None
        for _ in range(n_iter):
            t = sets.p1(c)
            # c = t + alpha (t - t_before), in place: new memory costs as much as the sums
            c = np.subtract(t, t if t_before is None else t_before, out=c)
            c *= np.float32(alpha)
            c += t
            c, t_before = sets.p2(c), t
            on_round()
        return istft(c, n_fft, hop, n) * sets.peak

    s = _check_magnitude(magnitude, n_fft, hop, n)
    return _map_sounds(search, s, np.zeros_like(s) if phase is None else phase)


def relaxed_reflections(
    magnitude: np.ndarray,
    n_fft: int,
    hop: int,
    n: int,
    phase: np.ndarray,
    n_iter: int = 32,
    beta: float = 0.95,
    on_round: OnRound = _ignore,
) -> np.ndarray:
    """Averaged reflections at C2 and C1, from an initial phase.

    Luke, "Relaxed averaged alternating reflections for diffraction imaging" (2005).

    Args:
        magnitude, n: see `sound_from_magnitude`.
        phase: the initial one, of the magnitudes' shape, in radians.
        beta: relaxation, in (0, 1]; 1 never converges.

    Returns:
        The phase in radians, of the same shape, float32.

    Raises:
        ConverterError: see `sound_from_magnitude`.
    """

    def search(s: np.ndarray, phase: np.ndarray) -> np.ndarray:
        sets, c = _Sets.create(s, n_fft, hop, n, phase)
        b = np.float32(beta)
        for _ in range(n_iter):
            p = sets.p2(c.copy())
            c += sets.p1(2 * p - c)
            c *= b
            p *= 1 - 2 * b
            c += p
            on_round()
        return np.angle(c)

    return _map_sounds(search, _check_magnitude(magnitude, n_fft, hop, n), phase)


@dataclass(frozen=True)
class _Sets:
    """C1 and C2 with their projections; float32, the greatest magnitude is 1."""

    s: np.ndarray  # (n_bins, n_frames)
    peak: np.float32
    n_fft: int
    hop: int
    n: int

    @classmethod
    def create(
        cls, s: np.ndarray, n_fft: int, hop: int, n: int, phase: np.ndarray
    ) -> tuple[_Sets, np.ndarray]:
        """The sets, and the spectra in C2 of this phase."""
        peak = s.max()
        # In the memory order of a spectrum: frame by frame.
        s = np.asarray(s.T / (peak or 1), np.float32, "C").T
        c = s * np.exp(1j * phase.astype(np.float32))
        return cls(s, np.float32(peak), n_fft, hop, n), c

    def p1(self, c: np.ndarray) -> np.ndarray:
        """The nearest spectra of a sound."""
        return stft(istft(c, self.n_fft, self.hop, self.n), self.n_fft, self.hop)

    def p2(self, c: np.ndarray) -> np.ndarray:
        """The nearest spectra of these magnitudes, in place of c."""
        size = np.abs(c)
        np.maximum(size, np.float32(1e-20), out=size)
        c *= np.divide(self.s, size, out=size)
        return c


def _map_sounds(work: Callable[..., np.ndarray], *arrays: np.ndarray) -> np.ndarray:
    """Applies `work` to each sound."""
    if arrays[0].ndim == 2:
        return work(*arrays)
    return np.stack([work(*sound) for sound in zip(*arrays, strict=True)])


def _check_magnitude(
    magnitude: np.ndarray, n_fft: int, hop: int, n: int | None = None
) -> np.ndarray:
    """The magnitudes. Raises ConverterError: they are not those of n samples, or of any number."""
    n_frames = count_frames(1 if n is None else n, n_fft, hop)
    more = n is None and magnitude.shape[-1] > n_frames
    expected = (n_fft // 2 + 1, magnitude.shape[-1] if more else n_frames)
    if magnitude.ndim not in (2, 3) or magnitude.shape[-2:] != expected or not len(magnitude):
        raise ConverterError(f"the magnitudes of a sound are {expected}, not {magnitude.shape}")
    if not (np.isfinite(magnitude).all() and (magnitude >= 0).all()):
        raise ConverterError("a magnitude is negative or not finite")
    return magnitude


def _integrate(s: np.ndarray, n_fft: int, hop: int, tolerance: float) -> np.ndarray:
    """(n_frames, n_bins) magnitudes -> (n_frames, n_bins) phase, float32."""
    s = np.ascontiguousarray(s / (s.max() or 1), np.float32)
    phase = np.random.default_rng(0).uniform(-np.pi, np.pi, s.shape)
    s_log = np.log(np.maximum(s, np.float32(tolerance)))
    by_frame, by_bin = np.gradient(s_log)
    # From neighbor to neighbor. Of the turns by a bin's own frequency whole ones are left out, as
    # they would cost digits. Phases are counted from the first sample of a frame, not from its
    # middle: half a frame, so pi from bin to bin.
    scale = np.float32(GAMMA * n_fft / hop)
    turns = hop * np.arange(s.shape[1]) % n_fft / n_fft
    per_frame = by_bin / scale + (2 * np.pi * turns).astype(np.float32)
    _compile()(phase, s_log, s > tolerance, per_frame, -by_frame * scale - np.float32(np.pi))
    return np.remainder(phase, 2 * np.pi).astype(np.float32)


def _integrate_by_heap(
    phase: np.ndarray,
    s_log: np.ndarray,
    todo: np.ndarray,
    per_frame: np.ndarray,
    per_bin: np.ndarray,
) -> None:
    """Integrates the phase over the cells to do. Arrays are (n_frames, n_bins), C order.

    Args:
        phase, todo: changed in place.
        per_frame, per_bin: the gradient.
    """
    n_frames, n_bins = phase.shape
    for seed in np.argsort(-s_log.ravel()):
        if not todo[seed // n_bins, seed % n_bins]:
            continue
        todo[seed // n_bins, seed % n_bins] = False
        phase[seed // n_bins, seed % n_bins] = 0
        heap = [(-s_log[seed // n_bins, seed % n_bins], seed // n_bins, seed % n_bins)]
        while heap:  # cells with a phase, the loudest first
            _, m, k = heappop(heap)
            for i, j in ((m + 1, k), (m - 1, k), (m, k + 1), (m, k - 1)):
                if 0 <= i < n_frames and 0 <= j < n_bins and todo[i, j]:
                    todo[i, j] = False
                    # By the mean of both gradients; one of the steps is 0.
                    phase[i, j] = (
                        phase[m, k]
                        + (i - m) * (per_frame[m, k] + per_frame[i, j]) / 2
                        + (j - k) * (per_bin[m, k] + per_bin[i, j]) / 2
                    )
                    heappush(heap, (-s_log[i, j], i, j))


@cache
def _compile() -> Callable[..., None]:
    """`_integrate_by_heap` in machine code, cached for later processes where a folder allows it."""
    import numba  # here, as it takes seconds and most conversions need no phase

    try:
        return numba.njit(cache=True, nogil=True)(_integrate_by_heap)
    except RuntimeError:  # numba found no folder for its cache
        return numba.njit(nogil=True)(_integrate_by_heap)
