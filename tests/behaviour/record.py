"""What commands make of fixed inputs: to show that a change of structure changes nothing else.

    python -m tests.behaviour.record                  # compare with golden.json
    python -m tests.behaviour.record --full           # full-size networks too (minutes)
    python -m tests.behaviour.record --full --write   # write golden.json again

Only commands are used, on synthetic sounds and pictures and the offline data. Weights are compared
without their names, so that a module may be renamed.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from PIL import Image
from safetensors.torch import load_file

from common.command_line import parse
from common.errors import command

GOLDEN = Path(__file__).parent / "golden.json"
MODELS = ("cgan", "cvae", "vaegan", "wgan")
# Kind and preset of a converter, and the flags that choose it today.
CONVERTERS = {
    "spectrogram/colour": ("--with", "spectrogram", "--preset", "colour"),
    "spectrogram/16+8": ("--with", "spectrogram", "--preset", "16+8"),
    "spectrogram/16+16": ("--with", "spectrogram", "--preset", "16+16"),
    "spectrogram/exact": ("--with", "spectrogram", "--preset", "exact"),
    "spectrogram/magnitude": ("--with", "spectrogram", "--preset", "magnitude"),
    "spectrogram/original": ("--with", "spectrogram", "--preset", "original"),
    "mel64/default": ("--with", "mel64"),
    "pack/rgb": ("--with", "pack", "--preset", "rgb"),
    "pack/planes": ("--with", "pack", "--preset", "planes"),
    "pack/flac": ("--with", "pack", "--preset", "flac"),
    "pack/original": ("--with", "pack", "--preset", "original"),
    "tone/default": ("--with", "tone", "--preset", "default"),
    "tone/robust": ("--with", "tone", "--preset", "robust"),
    "tone/original": ("--with", "tone", "--preset", "original"),
    "grid/default": ("--with", "grid", "--preset", "default"),
    "grid/slow": ("--with", "grid", "--preset", "slow"),
}
PRESETS = {"reference": "reference", "original": "original"}  # name: what the flag says today
SMALL = ("--batch-size", "8", "--width", "8")
Outcome = dict[str, Any]


def platform() -> str:
    """Where results are equal to the bit."""
    return f"torch {torch.__version__}, numpy {np.__version__}, {_capability()}, 1 thread"


def _capability() -> str:
    return torch.backends.cpu.get_cpu_capability()


def call(main: Callable[[], None], *arguments: str) -> int:
    """A command in this process, quietly; its exit code."""
    before, sys.argv = sys.argv, ["command", *arguments]
    silent = io.StringIO()
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(silent),
            contextlib.redirect_stderr(silent),
        ):
            warnings.simplefilter("ignore")
            main()
    except SystemExit as stop:
        return int(stop.code or 0)
    finally:
        sys.argv = before
    return 0


def weights(folder: Path, data_dir: Path, model: str, preset: str, small: bool) -> Outcome:
    """Weights and their average after 30 steps."""
    import train

    arguments = ["--model", model, "--preset", PRESETS[preset], "--data", "offline"]
    arguments += ["--data-dir", str(data_dir), "--out", str(folder), "--device", "cpu"]
    arguments += ["--steps", "30", "--validate-every", "0"]
    arguments += ["--marks", "0.084" if small else "0.467"]  # a warm start of 10 steps
    arguments += SMALL if small else []
    arguments += ["--encoder-width", "8"] if small and preset == "reference" else []
    assert call(command(train.main), *arguments) == 0
    tensors = load_file(folder / "checkpoint.safetensors")
    mine = [t for k, t in tensors.items() if k.startswith(("model.", "ema."))]
    digests = sorted(hashlib.sha256(t.contiguous().numpy().tobytes()).hexdigest() for t in mine)
    floats = [t for t in mine if t.is_floating_point()]
    return {
        "sha256": hashlib.sha256("".join(digests).encode()).hexdigest(),
        "numbers": [float(sum(t.double().abs().sum() for t in floats)), len(mine)],
    }


def scorecard(run: Path, data_dir: Path, out: Path) -> Outcome:
    """All values of a scorecard but those of time and memory, without their names."""
    import evaluate

    found = ["--checkpoint", str(run), "--data-dir", str(data_dir), "--out", str(out)]
    assert call(evaluate.main, *found, "--device", "cpu") == 0
    card = json.loads((out / "scorecard.json").read_text())
    values = list(_numbers(card.get("metrics", card.get("figures"))))
    values += _numbers([card["by_digit"], card["by_speaker"], card["confusion"]])
    values += [card["cost"][name] for name in ("training_flops", "flops_per_sample", "parameters")]
    text = json.dumps(sorted(values))
    return {"sha256": hashlib.sha256(text.encode()).hexdigest(), "numbers": sorted(values)}


def _numbers(tree: Any) -> Iterator[float]:
    if isinstance(tree, dict | list):
        for value in tree.values() if isinstance(tree, dict) else tree:
            yield from _numbers(value)
    elif tree is not None:
        yield tree


def inputs(folder: Path) -> list[Path]:
    """Two sounds and three pictures, always the same."""
    rng = np.random.default_rng(0)
    at = np.arange(4800) / 8000
    word = np.sin(2 * np.pi * (300 * at + 900 * at**2)) * np.sin(np.pi * at / 0.6) ** 2
    word = 0.5 * word + 0.02 * rng.standard_normal(len(at))
    soundfile.write(folder / "word.wav", word, 8000, "PCM_16")
    at = np.arange(9600)[:, None] / 48000
    chord = 0.3 * np.sin(2 * np.pi * at * [440.0, 660.0]) + 0.1 * np.sin(2 * np.pi * at * 1760)
    soundfile.write(folder / "chord.wav", chord, 48000, "PCM_16")
    ramp = np.add.outer(np.arange(18), np.arange(24))
    grey = (ramp * 6 + rng.integers(0, 8, ramp.shape)).astype(np.uint8)
    Image.fromarray(grey).save(folder / "grey.png")
    Image.fromarray(np.dstack([grey, 255 - grey, grey.T.ravel().reshape(grey.shape)])).save(
        folder / "colour.png"
    )
    Image.fromarray((ramp * 1500).astype(np.uint16)).save(folder / "deep.png")
    return [folder / f"{name}.png" for name in ("grey", "colour", "deep")] + [
        folder / f"{name}.wav" for name in ("word", "chord")
    ]


def conversion(flags: tuple[str, ...], source: Path, folder: Path) -> Outcome:
    """A file encoded, and decoded again."""
    import convert

    folder.mkdir(parents=True)
    made = folder / ("made.png" if source.suffix == ".wav" else "made.wav")
    back = folder / f"back{source.suffix}"
    outcome: Outcome = {}
    for path, arguments in ((made, (str(source), "--encode", *flags)), (back, (str(made),))):
        code = call(convert.main, *arguments, "--out", str(path))
        if code:
            return outcome | {"code": code}
        content = read_content(path)
        if "mel64" not in flags or path == made:  # a WAV of floats holds the time of its writing
            outcome[f"{path.stem}_sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
        outcome[f"{path.stem}_content_sha256"] = hashlib.sha256(content.tobytes()).hexdigest()
        outcome[f"{path.stem}_numbers"] = [*content.shape, float(content.mean(dtype=np.float64))]
    return outcome


def read_content(path: Path) -> np.ndarray:
    """Pixels or samples alone."""
    if path.suffix == ".wav":
        return soundfile.read(path, dtype="float64", always_2d=True)[0]
    return np.asarray(Image.open(path))


def conversions(folder: Path) -> dict[str, Outcome]:
    """Every preset of every converter on every input."""
    sources = inputs(folder)
    return {
        f"{name} {source.name}": conversion(flags, source, folder / f"{i}-{source.name}")
        for i, (name, flags) in enumerate(CONVERTERS.items())
        for source in sources
    }


def models(folder: Path, data_dir: Path, small: bool) -> dict[str, Outcome]:
    """Every model and preset after 30 steps, and one scorecard."""
    size = "small" if small else "full"
    found = {
        f"{model}/{preset} {size}": weights(
            folder / size / model / preset, data_dir, model, preset, small
        )
        for model in MODELS
        for preset in PRESETS
    }
    if small:
        run = folder / size / "cgan" / "reference"
        found["scorecard of cgan/reference small"] = scorecard(run, data_dir, folder / "card")
    return found


def differences(found: dict[str, Outcome], golden: dict[str, Outcome], exact: bool) -> list[str]:
    """The names whose outcome differs. Not exact: on another platform, where bits may differ."""
    return [
        name for name, outcome in found.items()
        if name not in golden or not _agree(outcome, golden[name], exact)
    ]  # fmt: skip


def _agree(found: Outcome, expected: Outcome, exact: bool) -> bool:
    if exact or found.keys() != expected.keys():
        return found == expected
    pairs = [(found[key], expected[key]) for key in found if key.endswith("numbers")]
    return all(len(a) == len(b) and np.allclose(a, b, 2e-2, 1e-3) for a, b in pairs)


@dataclass(frozen=True)
class Options:
    """Compares what commands make of fixed inputs with what they made before."""

    full: bool = False
    """Full-size networks too, which takes minutes."""
    write: bool = False
    """Record what they make now, in place of what they made."""


def main() -> None:
    options = parse(Options, None, sys.argv[1:], "python -m tests.behaviour.record")
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder, data_dir = Path(name), Path(name, "data")
        found = conversions(folder) | models(folder, data_dir, small=True)
        if options.full:
            found |= models(folder, data_dir, small=False)
    if options.write:
        text = json.dumps({"platform": platform(), "outcomes": found}, indent=1)
        GOLDEN.write_text(text + "\n")
        print(f"{GOLDEN}: {len(found)} outcomes")
        return
    golden = json.loads(GOLDEN.read_text())
    exact = golden["platform"] == platform()
    different = differences(found, golden["outcomes"], exact)
    how = "to the bit" if exact else f"nearly (recorded with {golden['platform']})"
    print(f"{len(found) - len(different)} of {len(found)} outcomes are equal, {how}")
    for each in different:
        print(f"different: {each}\n  {found[each]}\n  {golden['outcomes'].get(each)}")
    sys.exit(bool(different))


if __name__ == "__main__":
    os.environ["OMP_NUM_THREADS"] = "1"
    command(main)()
