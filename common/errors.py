"""What a command says of bad input: one line, exit code 2, no trace."""

from __future__ import annotations

import contextlib
import difflib
import functools
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterable

from common.interrupts import ended_by_signals

__all__ = ["InputError", "command", "escaped", "suggest"]

# Of terminals, and those that turn the direction of what follows.
CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


class InputError(Exception):
    """Names the thing that is wrong, says what is wrong with it and what to do, in one line."""


def escaped(text: str) -> str:
    """Text that may hold names of files, safe to print: control characters are escaped."""
    return CONTROLS.sub(lambda match: ascii(match[0])[1:-1], text)


def suggest(word: str, known: Iterable[str]) -> str:
    """'did you mean ...? ' for near names, and the list of what there is."""
    known = list(known)
    near = difflib.get_close_matches(word, known, n=2, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    return f"{hint}there are: {', '.join(known)}"


def command(main: Callable[[], None]) -> Callable[[], None]:
    """Wraps a script's main: bad input, OSError and lack of memory end in one line, code 2.

    SIGTERM and SIGHUP end it as Ctrl-C does: what is to be cleaned up is.
    """

    @functools.wraps(main)
    def wrapper() -> None:
        threading.excepthook = _print_once
        with ended_by_signals():
            _run(main)

    return wrapper


def _run(main: Callable[[], None]) -> None:
    try:
        main()
        if sys.stdout:
            sys.stdout.flush()  # Python would do it at exit, and print a trace if it fails
    except BrokenPipeError:  # the reader, such as `head`, has had enough
        with contextlib.suppress(OSError, ValueError, AttributeError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(128 + signal.SIGPIPE)
    except InputError as error:
        print(escaped(f"error: {error}"), file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        text = f"error: {error.filename or 'file'}: {error.strerror or error}"
        print(escaped(text), file=sys.stderr)
        sys.exit(2)
    except (MemoryError, RuntimeError) as error:
        # torch has a type for a lack of memory on a GPU alone
        if not isinstance(error, MemoryError) and "allocate" not in str(error):
            raise
        print("error: not enough memory: try a smaller --batch-size", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        sys.exit(130)


def _print_once(args: threading.ExceptHookArgs) -> None:
    """TensorBoard's thread hands an OSError to the next call; a trace of it adds nothing."""
    if not issubclass(args.exc_type, OSError):
        threading.__excepthook__(args)
