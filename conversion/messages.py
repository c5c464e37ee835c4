"""What a person is told: warnings and errors, a line each."""

from __future__ import annotations

import shlex
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from converters import ConverterError, ConverterWarning

__all__ = ["line_for", "reason", "warnings_told"]


def line_for(path: Path | str) -> str:
    """What to type to decode a file, whatever its name is."""
    name = f"./{path}" if str(path).startswith("-") else str(path)
    return shlex.join(["python", "convert.py", name])


def reason(error: Exception) -> str:
    """Why a file could not be converted, in a line."""
    match error:
        case ConverterError():
            text = str(error)
        case OSError():
            text = f"{error.filename or 'file'}: {error.strerror or error}"
        case MemoryError():
            text = "not enough memory"
        case _:
            text = f"this is a bug of this program: {error!r}"
    return " ".join(text.split())


@contextmanager
def warnings_told(tell: Callable[[str], None]) -> Iterator[None]:
    """Tells what converters warn of, each once; other warnings go where they went."""
    told = set()
    with warnings.catch_warnings():
        warnings.simplefilter("always", ConverterWarning)
        others = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *where: object) -> None:
            text = " ".join(str(message).split())
            if not issubclass(category, ConverterWarning):
                others(message, category, *where)  # type: ignore[arg-type]
            elif text not in told:
                told.add(text)
                tell(text)

        warnings.showwarning = show  # type: ignore[assignment]
        yield
