"""Records from the microphone, where the optional package sounddevice is installed."""

from __future__ import annotations

import importlib
import sys
import time

from common.errors import InputError
from converters import Sound

__all__ = ["record"]


def record(seconds: float = 3.0) -> Sound:
    """A recording of so many seconds, at the rate of the default microphone.

    Raises:
        InputError: sounddevice or PortAudio is not installed, or there is no microphone.
    """
    try:
        device = importlib.import_module("sounddevice")
    except (ImportError, OSError) as error:  # OSError: it does not find PortAudio
        why = "is not installed" if isinstance(error, ImportError) else f"does not work ({error})"
        raise InputError(
            f"--microphone needs the package sounddevice, which {why}: pip install sounddevice "
            "(on Linux also apt install libportaudio2), or record a file with another program"
        ) from None
    try:
        rate = int(device.query_devices(kind="input")["default_samplerate"])
        samples = device.rec(int(seconds * rate), rate, 1, dtype="float32")
        for left in range(round(seconds), 0, -1):
            print(f"say one digit now: {left} s", file=sys.stderr)
            time.sleep(seconds / round(seconds))
        device.wait()
    except (device.PortAudioError, ValueError) as error:
        raise InputError(f"--microphone: no recording ({error}); give a file") from error
    return Sound.of(samples, rate, "FLOAT")
