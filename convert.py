"""Makes pictures of sounds and sounds of pictures, and from these again what they were made of.

A file that says how it was made is decoded, with the options that it was made with. Any other file
is encoded, or decoded if its type leaves no other way, with the kind of converter that --with
names. Names of outputs are shown before anything is written, and no file is written over.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence, Set
from pathlib import Path

import numpy as np
from tqdm import tqdm

from common.errors import InputError, command
from conversion.arguments import Options, read_arguments
from conversion.batch import Group, Planned, convert_all
from conversion.inputs import Output, groups_of, inputs_and_out, output_of
from conversion.messages import line_for, reason, warnings_told
from conversion.naming import clashing
from conversion.plan import OutputExists, Request, Watch, plan
from conversion.probe import probe, table
from converters import ConverterError, Sound, kinds, presets

EXAMPLES = """\
examples:
  python convert.py song.flac                     a spectrogram of it, song_SR44100.png
  python convert.py song_SR44100.png              song.decoded.flac
  python convert.py photo.png --with tone -o photo.wav
  python convert.py music/ "more/**/*.mp3" --with pack --preset flac --out packed/
  python convert.py report.pdf --with pack --bytes
  python convert.py - - < song.wav > song.png
  python convert.py --probe song_SR44100.png
  python convert.py --with tone --help            the options of that kind
"""
EXACT = {
    "sound": "sound to picture and back",
    "picture": "picture to sound and back",
    "both": "both ways",
    "neither": "no",
}


def main() -> None:
    options, request = read_arguments(sys.argv[1:], __doc__ or "", EXAMPLES)
    if options.list:
        _list(options.json)
        return
    names, out = list(options.files), options.out
    if not options.probe:
        names, out = inputs_and_out(names, out)
    with tempfile.TemporaryDirectory(prefix="convert-") as folder:
        spool = Path(folder)
        apart = options.encode or options.probe
        every_output = options.decode or options.probe
        groups = groups_of(names, spool, options.bytes, apart, every_output)
        if options.probe:
            _probe([path for (path,) in groups], options.json)
            return
        output = output_of(out, groups, spool)
        if options.preview and output.to_stdout:
            raise InputError("--preview is drawn beside the output, and a stream has no place")
        request = dataclasses.replace(
            request, file=output.file, folder=output.folder, clashing=clashing(groups)
        )
        folders = {Path(name) for name in names if Path(name).is_dir()}
        if len(groups) == 1:
            _convert_one(groups[0], request, output, options.dry_run, folders)
        else:
            _convert_many(groups, request, options, folders)


# One file


def _convert_one(
    group: Group, request: Request, output: Output, dry_run: bool, folders: Set[Path]
) -> None:
    talk = sys.stderr if output.to_stdout else sys.stdout

    def warn(text: str) -> None:
        tqdm.write(f"warning: {output.readable(text)}", sys.stderr)

    with warnings_told(warn), contextlib.ExitStack() as bars:
        try:
            work = plan(group, request, _watching(bars), dry_run)
            work.check(request.force)
            if output.to_stdout and len(work.outputs) > 1:
                raise ConverterError(f"{len(work.outputs)} tiles are no one stream: name an OUT")
            tqdm.write(output.readable(_line(group, work.outputs, work.what)), talk)
            if dry_run:
                return
            work.write()
        except (ConverterError, OSError, MemoryError) as error:
            if isinstance(error, OutputExists) and group[0].parent in folders:
                print(f"skipped: {error}")
                return
            raise InputError(output.readable(_about(group, reason(error)))) from error
    if output.to_stdout:
        with work.outputs[0].open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
        return
    if work.preview:
        print(f"preview: {work.preview}")
    if work.encodes:
        print(f"back:    {line_for(work.outputs[0])}")


def _watching(bars: contextlib.ExitStack) -> Watch:
    """A progress bar of the samples that are read or written."""

    def watch(sound: Sound) -> Sound:
        bar = tqdm(
            total=sound.format.n_samples, unit=" samples", unit_scale=True,
            leave=False, delay=0.5, disable=None,
        )  # fmt: skip
        bars.enter_context(bar)

        def blocks(n: int) -> Iterator[np.ndarray]:
            bar.reset()  # some kinds read more than once
            for block in sound.blocks(n):
                yield block
                bar.update(len(block))

        return dataclasses.replace(sound, blocks=blocks)

    return watch


# Many files


def _convert_many(
    groups: Sequence[Group], request: Request, options: Options, folders: Set[Path]
) -> None:
    """A file of these folders whose output exists is skipped, any other fails then."""
    n_skipped = 0
    failed: dict[Group, str] = {}
    events = convert_all(groups, request, options.jobs, options.dry_run)
    with contextlib.closing(events), tqdm(total=len(groups), unit=" files", disable=None) as bar:
        for event in events:
            for text in event.warnings:
                tqdm.write(f"warning: {text}", sys.stderr)
            if isinstance(event, Planned):
                tqdm.write(_line(event.group, event.outputs, event.what), sys.stdout)
                continue
            bar.update()
            if event.exists and event.group[0].parent in folders:
                n_skipped += 1
                tqdm.write(f"skipped: {event.error}", sys.stdout)
            elif event.error:
                failed[event.group] = _about(event.group, event.error)
    done = "would be converted" if options.dry_run else "done"
    skipped = f"{n_skipped} skipped, " if n_skipped else ""
    print(f"{len(groups) - len(failed) - n_skipped} {done}, {skipped}{len(failed)} failed")
    for text in (failed[group] for group in groups if group in failed):
        print(f"error: {text}", file=sys.stderr)
    if failed:
        sys.exit(2)


def _line(group: Group, outputs: Sequence[Path], what: str) -> str:
    last = f" ... {outputs[-1].name}" if len(outputs) > 1 else ""
    return f"{group[0]} -> {outputs[0]}{last}  ({what})"


def _about(group: Group, text: str) -> str:
    """The text, which says of which file it is."""
    return text if group[0].name in text else f"{group[0]}: {text}"


# What there is


def _probe(paths: Sequence[Path], as_json: bool) -> None:
    found, failed = [], []
    with warnings_told(lambda text: print(f"warning: {text}", file=sys.stderr)):
        for path in paths:
            try:
                found.append(probe(path))
            except (ConverterError, OSError, MemoryError) as error:
                failed.append(_about((path,), reason(error)))
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        print("\n\n".join(map(table, found)))
    for text in failed:
        print(f"error: {text}", file=sys.stderr)
    if failed:
        sys.exit(2)


def _list(as_json: bool) -> None:
    if as_json:
        print(json.dumps({
            name: {
                "exact": kind.exact,
                "presets": {k: dataclasses.asdict(v) for k, v in presets()[name].items()},  # type: ignore[call-overload]
            }
            for name, kind in kinds().items()
        }, indent=2))  # fmt: skip
        return
    for name, kind in kinds().items():
        says = (kind.__doc__ or "").partition("\n")[0]
        print(f"{name:12} {says} Exact: {EXACT[kind.exact]}. Presets: {', '.join(presets()[name])}")


def told_in_a_line() -> None:
    try:
        main()
    except ConverterError as error:
        raise InputError(reason(error)) from error


if __name__ == "__main__":
    command(told_in_a_line)()
