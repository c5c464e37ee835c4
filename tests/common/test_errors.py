"""What a script's main says instead of a trace."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from common.errors import InputError, command
from common.files import ROOT


@pytest.mark.parametrize(
    ("error", "says", "code"),
    [
        (InputError("x is wrong"), "error: x is wrong", 2),
        (FileNotFoundError(2, "No such file or directory", "f"), "error: f: No such file", 2),
        (MemoryError(), "error: not enough memory", 2),
        (
            RuntimeError("DefaultCPUAllocator: can't allocate memory: 9 bytes"),
            "not enough memory",
            2,
        ),
        (KeyboardInterrupt(), "stopped", 130),
    ],
)
def test_bad_input_is_one_line(
    error: BaseException, says: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    def main() -> None:
        raise error

    with pytest.raises(SystemExit) as stop:
        command(main)()
    assert stop.value.code == code
    error_text = capsys.readouterr().err
    assert says in error_text and error_text.count("\n") == 1


def test_an_error_of_the_code_is_not_hidden() -> None:
    def main() -> None:
        raise RuntimeError("shapes differ")

    with pytest.raises(RuntimeError, match="shapes differ"):
        command(main)()


@pytest.mark.parametrize("n_lines", [1, 100_000])
def test_a_reader_that_has_had_enough_is_no_error(n_lines: int) -> None:
    """As `head` does; whether the pipe breaks at a print or at the flush at the end."""
    code = (
        "import sys; from common.errors import command;"
        f"command(lambda: [print('line') for _ in range({n_lines})] and None)()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout and process.stderr
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 128 + signal.SIGPIPE
