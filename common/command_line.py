"""Command lines from dataclasses: a field is a flag, the string under it its help."""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import io
import itertools
import re
from collections.abc import Sequence
from typing import TypeVar

import tyro
import tyro._strings

from common.errors import InputError

__all__ = ["flags", "names_last", "parse", "value_of"]

T = TypeVar("T")


def flags(*parts: type) -> set[str]:
    """The flags that the fields of these dataclasses give."""
    return {"--" + f.name.replace("_", "-") for part in parts for f in dataclasses.fields(part)}


def value_of(flag: str, arguments: Sequence[str]) -> str | None:
    """The value of one flag, before everything is parsed.

    Raises:
        InputError: the flag has no value, or is given twice.
    """
    if sum(argument.partition("=")[0] == flag for argument in arguments) > 1:
        raise InputError(f"{flag} is given twice")
    for i, argument in enumerate(arguments):
        name, equals, value = argument.partition("=")
        if name == flag:
            if not equals:
                value = arguments[i + 1] if i + 1 < len(arguments) else ""
            if not value or value.startswith("--"):
                raise InputError(f"{flag} needs a value")
            return value
    return None


def names_last(arguments: Sequence[str], *switches: str) -> list[str]:
    """The flags, then the names: the parser wants those in one piece.

    Args:
        switches: flags that have no value.
    """
    given, names, words = list[str](), list[str](), iter(arguments)
    for word in words:
        if not word.startswith("-"):
            names.append(word)
            continue
        given.append(word)
        if "=" not in word and word not in ("-h", "--help", *switches):
            given += itertools.islice(words, 1)
    return given + names


def _join_lines(helptext: str) -> str:
    """Joins the lines of a paragraph; indented lines and items of lists stay lines."""
    helptext = re.sub(r"(?<!\n)\n(?![\n\s*-])", " ", inspect.cleandoc(helptext))
    return helptext.rstrip()


# tyro's own joins only lines that are not indented, and those under a field are.
tyro._strings.remove_single_line_breaks = _join_lines


def parse(command: type[T], default: T | None, arguments: Sequence[str], prog: str) -> T:
    """tyro's parser; what it says of bad input becomes one line.

    Raises:
        InputError: a flag or value that does not fit.
    """
    errors = io.StringIO()
    try:
        with contextlib.redirect_stderr(errors):
            if default is None:
                return tyro.cli(command, args=arguments, prog=prog)
            return tyro.cli(command, args=arguments, default=default, prog=prog)
    except SystemExit as stop:
        if not stop.code:
            raise
        # A box: its title, the message, then a rule and the help. A plain terminal has a rule
        # under the title, too.
        rows = [text.strip("│ ") for text in errors.getvalue().splitlines()[1:]]
        blocks = itertools.groupby(rows, lambda row: bool(row.strip("─╰╯-")))
        line = " ".join(next((list(block) for text, block in blocks if text), ["bad arguments"]))
        line = line.removeprefix("Error parsing ").rstrip(".")
        raise InputError(f"{line}; see {prog} --help") from None
