"""Warnings and errors as lines of text."""

from __future__ import annotations

import codecs
import io
import shlex
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from common.errors import escaped
from converters import ConverterError, ConverterWarning

__all__ = ["decode_command", "print_any_name", "printable", "reason", "report_warnings"]


def print_any_name() -> None:
    """Lets standard output and error take any file name: its own bytes, where they are not of the
    encoding of the terminal."""
    codecs.register_error("names", _encode_name)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="names")


def _encode_name(error: UnicodeError) -> tuple[bytes, int]:
    assert isinstance(error, UnicodeEncodeError)
    text = error.object[error.start : error.end]
    escaped = (c if "\udc80" <= c <= "\udcff" else ascii(c)[1:-1] for c in text)
    return "".join(escaped).encode("ascii", "surrogateescape"), error.end


def printable(name: str) -> str:
    """The name in characters alone: bytes that are no text become question marks."""
    return name.encode(errors="surrogateescape").decode(errors="replace")


def decode_command(path: Path | str) -> str:
    """The command line that decodes a file, whatever its name is."""
    name = f"./{path}" if str(path).startswith("-") else str(path)
    if escaped(name) != name:  # as bash and zsh read it
        quoted = escaped(name.replace("\\", "\\\\").replace("'", "\\'"))
        return f"python convert.py $'{quoted}'"
    return shlex.join(["python", "convert.py", name])


def reason(error: Exception) -> str:
    """Why a file could not be converted, in one line."""
    match error:
        case ConverterError():
            text = str(error)
        case OSError():
            text = f"{error.filename or ''}: {error.strerror or error}".removeprefix(": ")
        case MemoryError():
            text = "not enough memory"
        case _:
            text = f"unexpected error, a bug in this program: {error!r}"
    return escaped(" ".join(text.split()))


@contextmanager
def report_warnings(report: Callable[[str], None]) -> Iterator[None]:
    """Reports every ConverterWarning once; other warnings are shown as before."""
    reported = set()
    with warnings.catch_warnings():
        warnings.simplefilter("always", ConverterWarning)
        show_other = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *where: object) -> None:
            text = escaped(" ".join(str(message).split()))
            if not issubclass(category, ConverterWarning):
                show_other(message, category, *where)  # type: ignore[arg-type]
            elif text not in reported:
                reported.add(text)
                report(text)

        warnings.showwarning = show  # type: ignore[assignment]
        yield
