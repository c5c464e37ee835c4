"""One file over HTTP: resumed where it broke off, retried where that may help."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

import requests
import urllib3
from tqdm import tqdm

from common.errors import InputError

__all__ = ["Patience", "Unavailable", "download"]

CHUNK = 2**16  # bytes; what a killed process loses at most


class Unavailable(InputError):
    """No address gave the file: there is no network, or the servers fail or refuse."""


@dataclass(frozen=True)
class Patience:
    """How long to wait for a server, and how much to take from it."""

    connect_s: float = 5.0  # short, so that a machine without a network knows soon
    read_s: float = 30.0  # longest silence of a server
    attempts: int = 3  # at each address
    pause_s: float = 0.5  # before the second attempt; doubles each time
    max_bytes: int = 64 * 2**20  # of one file as it is sent; the largest is about 20 MB


class _Again(Exception):
    """A failure that another attempt may cure."""


def download(url: str, path: Path, patience: Patience) -> None:
    """Puts what `url` gives at `path`, which appears only when whole.

    An unfinished file stays beside it for the next call. Raises Unavailable when the server does
    not give the file, InputError when it gives too much, OSError when it cannot be written.
    """
    if path.exists():
        return
    part, pause = path.with_name(path.name + ".part"), patience.pause_s
    for left in reversed(range(patience.attempts)):
        try:
            _attempt(url, part, patience)
            break
        except _Again as failure:
            if not left:
                raise Unavailable(f"{url}: {failure}") from failure
        time.sleep(pause)
        pause *= 2
    os.replace(part, path)


def _attempt(url: str, part: Path, patience: Patience) -> None:
    started = time.monotonic()
    try:
        _transfer(url, part, patience)
    except (requests.ReadTimeout, urllib3.exceptions.ReadTimeoutError) as error:
        raise _Again(f"the server fell silent for {patience.read_s:g} s") from error
    except requests.exceptions.SSLError as error:
        raise Unavailable(f"{url}: no secure connection") from error
    except requests.ConnectionError as error:
        # An address that swallowed the whole time to connect is not worth a second wait.
        if time.monotonic() - started >= patience.connect_s:
            raise Unavailable(f"{url}: no connection in {patience.connect_s:g} s") from error
        raise _Again("no connection") from error
    except urllib3.exceptions.HTTPError as error:
        raise _Again("the connection broke off") from error
    except requests.RequestException as error:
        raise Unavailable(f"{url}: {type(error).__name__}") from error


def _transfer(url: str, part: Path, patience: Patience) -> None:
    # What marks this version of the file (an ETag or a date): the rest of another one is no use.
    mark = part.with_name(part.name + ".version")
    offset = part.stat().st_size if part.exists() and mark.exists() else 0
    headers = {"Accept-Encoding": "identity"}
    if offset and (version := mark.read_text("latin-1")):
        headers |= {"Range": f"bytes={offset}-", "If-Range": version}
    timeout = (patience.connect_s, patience.read_s)
    with requests.get(url, headers=headers, stream=True, timeout=timeout) as response:
        status = response.status_code
        content_range = response.headers.get("Content-Range", "")
        if status == 416 or (status == 206 and not content_range.startswith(f"bytes {offset}-")):
            part.unlink(missing_ok=True)
            raise _Again("it did not go on where the last part ended")
        if status >= 500 or status in (408, 429):
            raise _Again(f"{status} {response.reason}")
        if status not in (200, 206):
            raise Unavailable(f"{url}: {status} {response.reason}")
        if status == 200:
            offset = 0
            part.write_bytes(b"")  # first, so that a mark never stands beside another version
            mark.write_text(_version(response), "latin-1")
        _append(response, part, offset, patience.max_bytes)


def _append(response: requests.Response, part: Path, offset: int, max_bytes: int) -> None:
    length = response.headers.get("Content-Length", "")
    total = offset + int(length) if length.isdecimal() else None
    # Bytes as they are sent: a server that calls a gz file an encoding must not have it unpacked.
    chunks = response.raw.stream(CHUNK, decode_content=False)
    bar = tqdm(desc=part.stem, total=total, initial=offset, unit="B", unit_scale=True, disable=None)
    with bar, part.open("ab") as file:
        for chunk in chunks:
            if (offset := offset + len(chunk)) > max_bytes:
                part.unlink()
                raise InputError(f"{response.url}: more than {max_bytes:,} bytes")
            file.write(chunk)
            file.flush()
            bar.update(len(chunk))
        os.fsync(file.fileno())


def _version(response: requests.Response) -> str:
    """What If-Range accepts: a strong ETag, else a date; '' where there is neither."""
    etag = response.headers.get("ETag", "")
    return etag if etag.startswith('"') else response.headers.get("Last-Modified", "")
