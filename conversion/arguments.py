"""The command line of convert.py."""

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
from conversion.plan import Settings
from conversion.planning import BytesConverter
from converters import Converter, kinds, presets
from converters.header import Value

__all__ = ["Options", "read_arguments"]

DEFAULT = "spectrogram"
Switch = Annotated[FlagCreatePairsOff[bool], arg(help_behavior_hint="")]
"""A flag without a value, off by default."""


@dataclass(frozen=True)
class InputOptions:
    """How inputs are read."""

    files: Annotated[
        Positional[tuple[str, ...]],
        arg(
            metavar="IN [IN ...] [OUT]",
            help='Files, folders, patterns such as "**/*.wav", or - for standard input. The second '
            "of two names is the output if it does not exist yet, is a folder, or is - for "
            "standard output.",
            help_behavior_hint="",
        ),
    ] = ()
    encode: Switch = False
    """Ignore embedded headers: encode files even if they were made by this program."""
    decode: Switch = False
    """Decode files even if they have no header."""
    bytes: Switch = False
    """Encode files of any type byte by byte (with pack)."""
    strict: Switch = False
    """Refuse files that are cut off, or do not hold what they say; else that is a warning."""
    jobs: Annotated[int, arg(metavar="N", help_behavior_hint="(default: number of CPUs)")] = (
        os.cpu_count() or 1
    )
    """Number of files that are converted in parallel."""


@dataclass(frozen=True)
class OutputOptions:
    """Where outputs go."""

    out: Annotated[str | None, arg(aliases=["-o"], metavar="PATH", help_behavior_hint="")] = None
    """Output file or folder (default: beside the input, under a name derived from it)."""
    format: Annotated[
        str,
        arg(
            metavar="SUFFIX",
            help="Format of outputs with a derived name: png, jpg or webp; wav, flac, ogg, mp3 or "
            "aiff (default: a lossless one).",
            help_behavior_hint="",
        ),
    ] = ""
    preview: Switch = False
    """Also draw input and output side by side, into NAME.preview.png beside the output."""
    force: Switch = False
    """Overwrite existing outputs, but never an input."""
    dry_run: Switch = False
    """Show what would be written, and write nothing."""


@dataclass(frozen=True)
class InformationOptions:
    """These convert nothing."""

    probe: Switch = False
    """Show what the files contain and how they were made."""
    list: Switch = False
    """List the kinds of converters and their presets."""
    json: Switch = False
    """Print JSON, with --probe or --list."""


@dataclass(frozen=True)
class Options(InformationOptions, OutputOptions, InputOptions):
    """All options but those of the converter."""


def read_arguments(arguments: Sequence[str], about: str, examples: str) -> tuple[Options, Settings]:
    """Parses the command line.

    Args:
        about: printed above the help.
        examples: printed below the help.

    Raises:
        InputError: an argument is unknown or invalid, or contradicts another.
        ConverterError: an option of the converter is out of range.
    """
    name = value_of("--with", arguments) or DEFAULT
    if name not in kinds():
        raise InputError(f"unknown converter '{name}': {suggest(name, kinds())}")
    known = presets()[name]
    preset = value_of("--preset", arguments) or next(iter(known))
    if preset not in known:
        raise InputError(f"unknown preset '{preset}' of {name}: {suggest(preset, known)}")
    flags_part = itertools.takewhile(lambda argument: argument != "--", arguments)
    typed = {argument.partition("=")[0].replace("_", "-") for argument in flags_part}
    wants_help = bool({"-h", "--help"} & typed)
    if wants_help:
        print(f"{about}\n")
    else:
        _refuse_unknown_flags(name, typed)
    with_help, preset_help = f"One of {', '.join(kinds())}.", f"One of {', '.join(known)}."
    # The names of the fields are the titles of the sections of the help.
    sections = {
        "input": InputOptions,
        "output": OutputOptions,
        "information": InformationOptions,
        name: kinds()[name],
    }
    chosen = dataclasses.make_dataclass(
        "Chosen",
        [
            ("kind", Annotated[str, arg(name="with", metavar="KIND", help=with_help)]),
            ("preset", Annotated[str, arg(metavar="NAME", help=preset_help)]),
            *(
                (title, Annotated[OmitArgPrefixes[section], arg(help=_title(section))])  # type: ignore[misc, valid-type]
                for title, section in sections.items()
            ),
        ],
    )
    defaults = (InputOptions(), OutputOptions(), InformationOptions(), known[preset])
    try:
        ordered = _files_last(arguments, _switches(Options, kinds()[name]))
        parsed: Any = parse(chosen, chosen(name, preset, *defaults), ordered, "convert.py")
    finally:
        if wants_help:
            print(examples)
    options = Options(**vars(parsed.input), **vars(parsed.output), **vars(parsed.information))
    converter: Converter = getattr(parsed, name)
    _check(options, converter)
    values = {f.name: getattr(converter, f.name) for f in dataclasses.fields(converter)}  # type: ignore[arg-type]
    given = {name for name in values if typed & _flags_of(name)}
    return options, Settings(
        converter=converter,
        kind_given="--with" in typed,
        given_options={option: values[option] for option in given},
        preset_options=_preset_options(name, preset) if "--preset" in typed else {},
        direction="encode" if options.encode else "decode" if options.decode else None,
        as_bytes=options.bytes,
        strict=options.strict,
        suffix=f".{options.format.lstrip('.').lower()}" if options.format else "",
        preview=options.preview,
        force=options.force,
    )


def _preset_options(kind: str, preset: str) -> dict[str, Value]:
    """What a preset says: of the options in which presets differ, those it does not leave open."""
    known = {name: dataclasses.asdict(each) for name, each in presets()[kind].items()}  # type: ignore[call-overload]
    return {
        name: value
        for name, value in known[preset].items()
        if any(other[name] != value for other in known.values())
        and (isinstance(value, bool) or value not in (0, "", "auto"))
    }


def _title(documented: type) -> str:
    """The first line of its docstring; more of it is for programmers."""
    return (documented.__doc__ or "").partition("\n")[0]


def _files_last(arguments: Sequence[str], switches: set[str]) -> list[str]:
    """The arguments in an order that the parser accepts: flags, --, files.

    Args:
        switches: the flags that take no value.
    """
    files: list[str] = []
    others: list[str] = []
    remaining = iter(arguments)
    for argument in remaining:
        if argument == "--":
            files += remaining
        elif argument == "-" or not argument.startswith("-"):
            files.append(argument)
        else:
            others.append(argument)
            if "=" not in argument and argument.replace("_", "-") not in switches:
                others += [value for value in [next(remaining, None)] if value is not None]
    return [*others, "--", *files] if files else others


def _switches(*parts: type) -> set[str]:
    """The flags that take no value."""
    fields = [field for part in parts for field in dataclasses.fields(part)]
    names = [field.name for field in fields if isinstance(field.default, bool)]
    return {"-h", "--help"}.union(*map(_flags_of, names))


def _flags_of(option: str) -> set[str]:
    dashed = option.replace("_", "-")
    return {f"--{dashed}", f"--no-{dashed}"}


def _refuse_unknown_flags(name: str, typed: set[str]) -> None:
    known = flags(Options, kinds()[name]) - {"--files"} | {"--with", "--preset"}
    negated = {flag for flag in _switches(kinds()[name]) if flag.startswith("--no-")}
    for flag in sorted(typed):
        if not flag.startswith("--") or flag in known | negated:
            continue
        owners = [f"--with {other}" for other, kind in kinds().items() if flag in flags(kind)]
        hint = f"it belongs to {' and '.join(owners)}" if owners else suggest(flag, sorted(known))
        raise InputError(f"{name} has no option {flag}: {hint}")


def _check(options: Options, converter: Converter) -> None:
    """Raises InputError: options contradict each other."""
    if options.encode and options.decode:
        raise InputError("--encode and --decode exclude each other")
    if options.bytes and not isinstance(converter, BytesConverter):
        able = [name for name, kind in kinds().items() if hasattr(kind, "encode_bytes")]
        raise InputError(f"{converter.kind} has no --bytes: add --with {' or '.join(able)}")
    if "" in (*options.files, options.out):
        raise InputError("the name of a file is empty")
    if options.json and not (options.probe or options.list):
        raise InputError("--json needs --probe or --list")
    if options.jobs < 1:
        raise InputError(f"--jobs must be at least 1, not {options.jobs}")
