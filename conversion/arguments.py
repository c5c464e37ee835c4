"""The command line of convert.py: what is asked for, and with which converter."""

from __future__ import annotations

import dataclasses
import itertools
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from tyro.conf import FlagCreatePairsOff, OmitArgPrefixes, Positional, arg

from common.command_line import flags, parse, value_of
from common.errors import InputError, suggest
from conversion.plan import KeepsBytes, Request
from converters import Converter, kinds, presets

__all__ = ["Options", "read_arguments"]

DEFAULT = "spectrogram"


@dataclass(frozen=True)
class Options:
    """What to convert, and where to."""

    files: Annotated[Positional[tuple[str, ...]], arg(metavar="IN [IN ...] [OUT]")] = ()
    """Files, folders and patterns such as "**/*.wav"; - is standard input. The last of two is the
    output if there is no such file yet, if it is a folder, or - for standard output."""
    out: Annotated[str | None, arg(aliases=["-o"], metavar="PATH")] = None
    """The output: a file, or a folder; by default beside the input, under a name made from it."""
    format: Annotated[str, arg(metavar="SUFFIX")] = ""
    """Of outputs under a made name: png, jpg, webp; wav, flac, ogg, mp3, aiff. By default png, or
    what holds the samples unchanged."""
    encode: FlagCreatePairsOff[bool] = False
    """Take files as any others, even if they say how they were made."""
    decode: FlagCreatePairsOff[bool] = False
    """Decode files even if they do not say how they were made."""
    bytes: FlagCreatePairsOff[bool] = False
    """Keep whole files, whatever is in them, byte by byte (pack)."""
    preview: FlagCreatePairsOff[bool] = False
    """Draw input and output into NAME.preview.png beside the output."""
    force: FlagCreatePairsOff[bool] = False
    """Write over outputs that exist; never over an input."""
    dry_run: FlagCreatePairsOff[bool] = False
    """Show what would be written, and write nothing."""
    jobs: Annotated[int, arg(metavar="N")] = os.cpu_count() or 1
    """Files at a time."""
    probe: FlagCreatePairsOff[bool] = False
    """Tell what the files hold."""
    list: FlagCreatePairsOff[bool] = False
    """Tell what kinds there are, and their presets."""
    json: FlagCreatePairsOff[bool] = False
    """With --probe or --list: for programs."""


def read_arguments(arguments: Sequence[str], about: str, examples: str) -> tuple[Options, Request]:
    """What is asked for.

    Args:
        about: stands above the help.
        examples: stand below it.

    Raises:
        InputError: the arguments do not fit, or not together.
        ConverterError: an option of the converter is out of range.
    """
    name = value_of("--with", arguments) or DEFAULT
    if name not in kinds():
        raise InputError(f"unknown kind '{name}': {suggest(name, kinds())}")
    known = presets()[name]
    preset = value_of("--preset", arguments) or next(iter(known))
    if preset not in known:
        raise InputError(f"unknown preset '{preset}' of {name}: {suggest(preset, known)}")
    flags_part = itertools.takewhile(lambda argument: argument != "--", arguments)
    typed = {argument.partition("=")[0].replace("_", "-") for argument in flags_part}
    asked = {"-h", "--help"} & typed
    if asked:
        print(f"{about}\nkinds: {', '.join(kinds())}; presets of {name}: {', '.join(known)}\n")
    else:
        _refuse_foreign_flags(name, typed)
    chosen = dataclasses.make_dataclass(
        "Chosen",
        [
            ("file", OmitArgPrefixes[Options]),
            ("converter", OmitArgPrefixes[kinds()[name]]),  # type: ignore[misc]
            ("kind", Annotated[str, arg(name="with", help="The kind of converter.")], name),
            ("preset", Annotated[str, arg(help="Of its options.")], preset),
        ],
    )
    try:
        ordered = _files_first(arguments, _switches(Options, kinds()[name]))
        parsed: Any = parse(chosen, chosen(Options(), known[preset]), ordered, "convert.py")
    finally:
        if asked:
            print(examples)
    converter, options = parsed.converter, _checked(parsed.file, parsed.converter)
    given = {
        field.name
        for field in dataclasses.fields(converter)
        if "--preset" in typed or typed & _flags_of(field.name)
    }
    return options, Request(
        converter=converter,
        named="--with" in typed,
        given={option: getattr(converter, option) for option in given},
        direction="encode" if options.encode else "decode" if options.decode else None,
        as_bytes=options.bytes,
        suffix=f".{options.format.lstrip('.').lower()}" if options.format else "",
        preview=options.preview,
        force=options.force,
    )


def _files_first(arguments: Sequence[str], switches: set[str]) -> list[str]:
    """The same, so that files may also stand between and behind flags."""
    files: list[str] = []
    others: list[str] = []
    left = iter(arguments)
    for argument in left:
        if argument == "--":
            files += left
        elif argument == "-" or not argument.startswith("-"):
            files.append(argument)
        else:
            others.append(argument)
            if "=" not in argument and argument.replace("_", "-") not in switches:
                others += [value for value in [next(left, None)] if value is not None]
    return [*others, "--", *files] if files else others


def _switches(*parts: type) -> set[str]:
    """The flags that take no value."""
    fields = [field for part in parts for field in dataclasses.fields(part)]
    names = [field.name for field in fields if isinstance(field.default, bool)]
    return {"-h", "--help"}.union(*map(_flags_of, names))


def _flags_of(option: str) -> set[str]:
    dashed = option.replace("_", "-")
    return {f"--{dashed}", f"--no-{dashed}"}


def _refuse_foreign_flags(name: str, typed: set[str]) -> None:
    mine = flags(Options, kinds()[name]) - {"--files"} | {"--with", "--preset"}
    for flag in sorted(typed):
        if not flag.startswith("--") or {flag, flag.replace("--no-", "--")} & mine:
            continue
        owners = [f"--with {other}" for other, kind in kinds().items() if flag in flags(kind)]
        hint = f"it belongs to {', '.join(owners)}" if owners else suggest(flag, sorted(mine))
        raise InputError(f"{name} has no flag {flag}: {hint}")


def _checked(options: Options, converter: Converter) -> Options:
    if options.encode and options.decode:
        raise InputError("--encode and --decode: give one of them")
    if options.bytes and not isinstance(converter, KeepsBytes):
        keep = [name for name, kind in kinds().items() if hasattr(kind, "encode_bytes")]
        raise InputError(f"{converter.kind} has no --bytes: add --with {' or '.join(keep)}")
    if options.json and not (options.probe or options.list):
        raise InputError("--json goes with --probe or --list")
    if options.jobs < 1:
        raise InputError(f"--jobs must be at least 1, not {options.jobs}")
    return options
