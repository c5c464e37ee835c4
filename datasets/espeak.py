"""A program, not a module: speaks the lines that stdin asks for with espeak-ng.

espeak-ng carries state from one utterance to the next (the phase of its flutter, for one), so a
corpus is the same to the bit only if one fresh process speaks all of it in one order.

Runs in the folder that holds `espeak-ng-data`. Standard library only, so that it starts at once.

stdin: JSON, {"library": path, "lines": [[voice, text, rate, pitch, range], ...]}.
stdout: for each line the number of its samples, uint32, and the samples, int16 mono at 22,050 Hz,
both in the machine's byte order.
"""

from __future__ import annotations

import ctypes
import json
import struct
import sys

_SYNCHRONOUS = 2  # AUDIO_OUTPUT_SYNCHRONOUS: samples come to the callback, in this thread
_DONT_EXIT = 0x8000
_RATE, _VOLUME, _PITCH, _RANGE = 1, 2, 3, 4
_UTF8 = 1
_SAMPLE_RATE = 22050

_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


def _main() -> None:
    request = json.load(sys.stdin)
    espeak = ctypes.CDLL(request["library"])
    # The path must be short: beyond about 160 characters espeak-ng cuts it without a word.
    if espeak.espeak_Initialize(_SYNCHRONOUS, 0, b".", _DONT_EXIT) != _SAMPLE_RATE:
        sys.exit("espeak-ng does not start")

    chunks: list[bytes] = []

    def collect(samples: ctypes._Pointer[ctypes.c_short], n: int, _events: int) -> int:
        if samples and n > 0:
            chunks.append(ctypes.string_at(samples, 2 * n))
        return 0

    callback = _Callback(collect)  # a name, so that it lives as long as espeak-ng calls it
    espeak.espeak_SetSynthCallback(callback)
    for voice, text, rate, pitch, pitch_range in request["lines"]:
        if espeak.espeak_SetVoiceByName(voice.encode()):
            sys.exit(f"espeak-ng has no voice {voice}")
        # Half the volume: at full volume the loudest voices run into espeak-ng's limiter.
        for parameter, value in (
            (_RATE, rate),
            (_VOLUME, 50),
            (_PITCH, pitch),
            (_RANGE, pitch_range),
        ):
            espeak.espeak_SetParameter(parameter, value, 0)
        spelt = text.encode() + b"\0"
        chunks.clear()
        if espeak.espeak_Synth(spelt, ctypes.c_size_t(len(spelt)), 0, 1, 0, _UTF8, None, None):
            sys.exit(f"espeak-ng cannot say {text}")
        speech = b"".join(chunks)
        sys.stdout.buffer.write(struct.pack("=I", len(speech) // 2) + speech)


if __name__ == "__main__":
    _main()
