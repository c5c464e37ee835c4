"""The description of files."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from converters.picture_files import read_picture, write_picture
from converters.sound_files import read_sound
from tests.conversion.calls import call, picture_file, pixels_of, sound_file, strip, succeed


def test_probe_shows_what_a_file_holds(folder: Path, tiles: list[str]) -> None:
    picture_file(folder / "p.png")
    pixels = pixels_of(folder / tiles[1])
    tile = read_picture(folder / tiles[1])
    edited = pixels.copy()
    edited[0, 0] ^= 1
    write_picture(folder / "edited.png", dataclasses.replace(tile, pixels=edited))
    (folder / "stripped.png").write_bytes((folder / tiles[1]).read_bytes())
    strip(folder / "stripped.png")
    names = [tiles[1], "edited.png", "stripped.png", "p.png", "a.wav"]
    found = {f["file"]: f for f in json.loads(succeed("--probe", *names, "--json").out)}
    made = found[tiles[1]]
    assert (made["kind"], made["is"], made["tile"], made["n_tiles"]) == ("pack", "picture", 2, 3)
    assert made["holds"] == dataclasses.asdict(read_sound(folder / "a.wav").format)
    assert made["options"]["width"] == 64
    assert (made["header"], made["as_sealed"]) == ("beside", True)
    assert found["edited.png"]["as_sealed"] is False
    assert (found["stripped.png"]["header"], found["stripped.png"]["tile"]) == ("inside", 2)
    assert found["p.png"]["header"] is None and found["a.wav"]["header"] is None

    table = succeed("--probe", *names).out
    assert "tile     2 of 3" in table
    assert "a sound of 1.000 s: 8,000 samples at 8,000 Hz, 2 channels, PCM_16 in WAV" in table
    assert "edited since they were made" in table
    assert "none: the file does not say how it was made" in table

    assert succeed("--probe", tiles[0], "p.png").out.count("  is  ") == 2
    (folder / "bad.png").write_text("no picture")
    done = call("--probe", "bad.png", "p.png")
    assert done.code == 2 and "p.png" in done.out
    assert done.err.startswith("error: bad.png: ") and done.err.count("\n") == 1


def test_probe_shows_what_a_file_claims_and_what_is_there(folder: Path) -> None:
    content = sound_file(folder / "a.wav").read_bytes()
    (folder / "a.wav").write_bytes(content[:8044])
    done = call("--probe", "a.wav")
    assert "sound of 0.250 s: 2,000 samples" in done.out
    assert "but     it is cut off: it holds 2,000 of the 4,000 samples that it promises" in done.out
    (found,) = json.loads(call("--probe", "a.wav", "--json").out)
    assert (found["format"]["n_samples"], found["samples_claimed"]) == (2000, 4000)
