"""Pictures as other programs draw them, by their published definitions: to test their decoder.

Written apart from `converters`, with other libraries where there are some.
"""

from __future__ import annotations

import numpy as np
import torch
import torchaudio
from scipy.signal import ShortTimeFFT, hilbert, resample
from scipy.signal.windows import hann

from converters import Picture

__all__ = ["FOREIGN_PICTURES", "autotel", "krajj7", "riffusion"]


def riffusion(samples: np.ndarray, rate: int) -> Picture:
    """512 mel bands (HTK, to 10 kHz), frames of 100 ms every 10 ms, power 0.25, inverted.

    Args:
        samples: (n,) float.
    """
    f_max = min(10_000, rate // 2)
    magnitude = torch.stft(
        torch.from_numpy(samples), int(0.4 * rate), int(0.01 * rate), int(0.1 * rate),
        torch.hann_window(int(0.1 * rate), dtype=torch.float64), return_complex=True,
    ).abs()  # fmt: skip
    bank = torchaudio.functional.melscale_fbanks(
        len(magnitude), 0.0, f_max, 512, rate, norm=None, mel_scale="htk"
    )
    mel = (bank.T.double() @ magnitude).numpy()
    pixels = (255 - 255 * (mel / mel.max()) ** 0.25).astype(np.uint8)[::-1]
    texts = {"exif 11000": str(rate), "exif 11005": "0", "exif 11010": "10", "exif 11020": "100"}
    texts |= {"exif 11050": "0", "exif 11060": str(f_max), "exif 11070": "0.25"}
    return Picture(np.stack([pixels] * 3, -1), texts=texts)


def krajj7(samples: np.ndarray, rate: int) -> Picture:
    """Envelopes of Hann filters of 100 cents, 20 cents apart, from 55 Hz; 100 columns a second."""
    spectrum = np.fft.rfft(samples)
    hertz = np.fft.rfftfreq(len(samples), 1 / rate)
    width = int(len(samples) / rate * 100)
    cents = 1200 * np.log2(np.maximum(hertz, 1e-3) / 55)
    rows = []
    for center in np.arange(0, 1200 * np.log2(rate / 2 / 55), 20):
        offset = (cents - center) / 100
        gain = np.where(np.abs(offset) < 0.5, 0.5 + 0.5 * np.cos(2 * np.pi * offset), 0)
        envelope = np.abs(hilbert(np.fft.irfft(spectrum * gain, len(samples))))
        rows.append(np.abs(resample(envelope, width)))
    level = np.log10(1 + 9 * np.array(rows) / np.max(rows))
    numbers = (100, 55, rate / 2, 80, 100)
    text = "Spectrogram:" + "".join(f";{each:.4f}" for each in numbers) + ";0;1;1;"
    return Picture((255 * level).astype(np.uint8)[::-1], texts={"Spectrogram": text})


def autotel(samples: np.ndarray, rate: int) -> Picture:
    """Hue is phase, brightness dB from -80, raised by 6 dB per octave above 1 kHz; 4096 / 128."""
    transform = ShortTimeFFT(hann(4096), 128, rate, mfft=4096, phase_shift=None)
    start = transform.lower_border_end[1]
    stop = transform.upper_border_begin(len(samples))[1]
    spectra = transform.stft(samples)[:, start - transform.p_min : stop - transform.p_min]
    hertz = np.linspace(0, rate / 2, 2049)
    boost = 6 * np.log2(np.maximum(hertz / 1000, 1))[:, None]
    level = 20 * np.log10(np.maximum(np.abs(spectra) / np.abs(spectra).max(), 1e-9)) + boost
    value = (1 + level / 80).clip(0, 1)
    sextant = (np.angle(spectra) + np.pi) / (2 * np.pi) * 6 % 6
    shades = [np.abs(sextant - 3) - 1, 2 - np.abs(sextant - 2), 2 - np.abs(sextant - 4)]
    rgb = np.stack([each.clip(0, 1) for each in shades], -1)
    rgb = np.where(value[..., None] < 0.01, 1, rgb) * value[..., None]
    return Picture((255 * rgb).astype(np.uint8)[::-1], name=f"clip_SR{rate}_LIN.png")


FOREIGN_PICTURES = {"riffusion": riffusion, "krajj7": krajj7, "autotel": autotel}
