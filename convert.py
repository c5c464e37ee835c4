"""Converts sounds to pictures and pictures to sounds, and converts the results back.

A file made by this program has a header that says how, and is decoded accordingly. Any other file
is encoded with the converter chosen by --with, or decoded if the converter cannot encode its type.
The names of outputs are shown before anything is written. Existing files are never overwritten
unless you add --force.
"""

from __future__ import annotations

import common.guard  # noqa: F401  # isort: skip  (first: the rest takes seconds to load)
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

from common.errors import InputError, command, escaped
from common.files import remove_temporaries, temporary_folder
from common.interrupts import stopped_at_once, uninterrupted
from conversion.arguments import Options, read_arguments
from conversion.batch import Group, Planned, convert_all
from conversion.inputs import Output, find_groups, resolve_output, split_output
from conversion.messages import decode_command, print_any_name, reason, report_warnings
from conversion.naming import clashing_paths
from conversion.plan import OutputExistsError, Settings
from conversion.planning import Tracker, make_plan
from conversion.probe import probe, table
from converters import ConverterError, Sound, kinds, presets
from converters.progress import show_progress

EXAMPLES = """\
examples:
  python convert.py song.flac                    encode: spectrogram song_SR44100.png
  python convert.py song_SR44100.png             decode: song.decoded.flac
  python convert.py photo.png --with tone -o photo.wav
  python convert.py music/ "more/**/*.mp3" --with pack --preset flac --out packed/
  python convert.py report.pdf --with pack --bytes
  python convert.py - - < song.wav > song.png
  python convert.py --probe song_SR44100.png     how this file was made
  python convert.py --with tone --help           options of another converter
"""
EXACT = {
    "sound": "sound to picture and back",
    "picture": "picture to sound and back",
    "both": "both ways",
    "neither": "no",
}


@command
def main() -> None:
    print_any_name()
    try:
        with stopped_at_once():
            _run()
    except ConverterError as error:
        raise InputError(reason(error)) from error


def _run() -> None:
    options, settings = read_arguments(sys.argv[1:], __doc__ or "", EXAMPLES)
    if options.list:
        _list(options.json)
        return
    names, out = list(options.files), options.out
    if not options.probe:
        names, out = split_output(names, out)
    with uninterrupted():  # it tries the folder with a file
        temporary = Path(tempfile.gettempdir())
    remove_temporaries(temporary)
    with temporary_folder(temporary, "convert") as spool:
        groups = find_groups(
            names,
            spool,
            all_types=options.bytes,
            separate=options.encode or options.probe,
            all_origins=options.decode or options.probe,
        )
        if options.probe:
            _probe([path for (path,) in groups], options.json)
            return
        output = resolve_output(out, groups, spool)
        if options.preview and output.to_stdout:
            raise InputError("--preview needs an output file: it has no place in standard output")
        settings = dataclasses.replace(
            settings,
            out_file=output.file,
            out_folder=output.folder,
            clashing=clashing_paths(groups),
        )
        folders = {Path(name) for name in names if Path(name).is_dir()}
        if len(groups) == 1:
            _convert_one(groups[0], settings, output, options.dry_run, folders)
        else:
            _convert_many(groups, settings, options, folders)


# One file


def _convert_one(
    group: Group, settings: Settings, output: Output, dry_run: bool, folders: Set[Path]
) -> None:
    messages = sys.stderr if output.to_stdout else sys.stdout

    def warn(text: str) -> None:
        tqdm.write(f"warning: {output.hide_spool(text)}", sys.stderr)

    with report_warnings(warn), contextlib.ExitStack() as bars:
        try:
            plan = make_plan(group, settings, _progress_bars(bars), dry_run)
            plan.check(settings.force)
            if output.to_stdout and len(plan.outputs) > 1:
                raise ConverterError(
                    f"{len(plan.outputs)} tiles do not fit into standard output: name an output "
                    "file"
                )
            line = _summary(group, plan.outputs, plan.description)
            tqdm.write(output.hide_spool(line), messages)
            if dry_run:
                return
            remove_temporaries(plan.outputs[0].parent)
            plan.write()
        except BrokenPipeError:
            raise
        except (ConverterError, OSError, MemoryError) as error:
            if isinstance(error, OutputExistsError) and group[0].parent in folders:
                print(escaped(f"skipped: {error}"))
                return
            raise InputError(output.hide_spool(_with_name(group, reason(error)))) from error
    if output.to_stdout:
        with plan.outputs[0].open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
        return
    if plan.preview:
        print(escaped(f"preview: {plan.preview}"))
    if plan.encodes:
        print(f"decode:  {decode_command(plan.outputs[0])}")


def _progress_bars(bars: contextlib.ExitStack) -> Tracker:
    """Progress bars of the samples that are read or written, and of long searches; closed with the
    stack."""

    def search_bar(name: str, total: int) -> tqdm:
        return tqdm(desc=name, total=total, leave=False, delay=0.5, disable=None)

    bars.enter_context(show_progress(search_bar))

    def track(sound: Sound) -> Sound:
        bar = tqdm(
            total=sound.format.n_samples, unit=" samples", unit_scale=True,
            leave=False, delay=0.5, disable=None,
        )  # fmt: skip
        bars.enter_context(bar)

        def blocks(n: int) -> Iterator[np.ndarray]:
            bar.reset()  # some converters read more than once
            for block in sound.blocks(n):
                yield block
                bar.update(len(block))

        return dataclasses.replace(sound, blocks=blocks)

    return track


# Many files


def _convert_many(
    groups: Sequence[Group], settings: Settings, options: Options, folders: Set[Path]
) -> None:
    """Existing outputs of files in these folders are skipped; other existing outputs are errors."""
    n_skipped = 0
    failed: dict[Group, str] = {}
    events = convert_all(groups, settings, options.jobs, options.dry_run)
    with contextlib.closing(events), tqdm(total=len(groups), unit=" files", disable=None) as bar:
        for event in events:
            for text in event.warnings:
                tqdm.write(f"warning: {text}", sys.stderr)
            if isinstance(event, Planned):
                tqdm.write(_summary(event.group, event.outputs, event.description), sys.stdout)
                continue
            bar.update()
            if event.exists and event.group[0].parent in folders:
                n_skipped += 1
                tqdm.write(escaped(f"skipped: {event.error}"), sys.stdout)
            elif event.error:
                failed[event.group] = _with_name(event.group, event.error)
    done = "would be converted" if options.dry_run else "done"
    skipped = f"{n_skipped} skipped, " if n_skipped else ""
    print(f"{len(groups) - len(failed) - n_skipped} {done}, {skipped}{len(failed)} failed")
    for text in (failed[group] for group in groups if group in failed):
        print(escaped(f"error: {text}"), file=sys.stderr)
    if failed:
        sys.exit(2)


def _summary(group: Group, outputs: Sequence[Path], description: str) -> str:
    last = f" ... {outputs[-1].name}" if len(outputs) > 1 else ""
    return escaped(f"{group[0]} -> {outputs[0]}{last}  ({description})")


def _with_name(group: Group, text: str) -> str:
    """The error, with the name of the input if it lacks it."""
    return text if escaped(group[0].name) in escaped(text) else f"{group[0]}: {text}"


# Information


def _probe(paths: Sequence[Path], as_json: bool) -> None:
    found, failed = [], []
    with report_warnings(lambda text: print(f"warning: {text}", file=sys.stderr)):
        for path in paths:
            try:
                found.append(probe(path))
            except (ConverterError, OSError, MemoryError) as error:
                failed.append(_with_name((path,), reason(error)))
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        print("\n\n".join(map(table, found)))
    for text in failed:
        print(escaped(f"error: {text}"), file=sys.stderr)
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
        title = (kind.__doc__ or "").partition("\n")[0]
        known = ", ".join(presets()[name])
        print(f"{name:12} {title} Exact: {EXACT[kind.exact]}. Presets: {known}")


if __name__ == "__main__":
    main()
