"""The small data set on a web server of this machine."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from tests.datasets.fault_server import Server
from tests.datasets.small_data import small_server


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two attempts pooch sleeps for a second or more."""
    monkeypatch.setattr("pooch.core.time", SimpleNamespace(sleep=lambda _: None))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with small_server() as server:
        yield server
