"""What a script's main says instead of a trace."""

from __future__ import annotations

import pytest

from common.errors import InputError, command


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
    told = capsys.readouterr().err
    assert says in told and told.count("\n") == 1


def test_an_error_of_the_code_is_not_hidden() -> None:
    def main() -> None:
        raise RuntimeError("shapes differ")

    with pytest.raises(RuntimeError, match="shapes differ"):
        command(main)()
