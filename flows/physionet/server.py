"""A folder on a web server: whole files or none, with retries, from where an earlier transfer stopped."""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from pathlib import Path
from typing import Self, TypeVar
from urllib.parse import quote

import httpx

from flows.physionet.listing import LISTING, ListedFile
from flows.physionet.progress import Display
from veribeat.errors import InputError

T = TypeVar("T")

_PARTIAL = 206
_RANGE_REFUSED = 416
_MAY_HEAL = frozenset({408, 425, 429, *range(500, 600)})
_REDIRECTS = 5


@dataclass(frozen=True)
class Patience:
    """How often a file is tried, and for how many seconds a server is waited for."""

    attempts: int = 6
    first_delay_s: float = 1.0
    longest_delay_s: float = 60.0
    connect_timeout_s: float = 15.0
    read_timeout_s: float = 30.0

    def delay_s(self, failures: int, asked_s: float = 0.0) -> float:
        """Seconds to wait after so many failures (from 1), at least the `asked_s` of the server, within bounds."""
        return min(self.longest_delay_s, max(asked_s, self.first_delay_s * 2.0 ** (failures - 1)))


class TransferError(Exception):
    """A file that cannot be had: what is wrong, and what to do about it."""

    def __init__(self, name: str, wrong: str, advice: str) -> None:
        super().__init__(f"{name}: {wrong}")
        self.name = name
        self.advice = advice


class _MayHeal(Exception):
    """An attempt that failed in a way that another may not."""

    def __init__(self, wrong: str, advice: str, asked_s: float = 0.0) -> None:
        super().__init__(wrong)
        self.advice = advice
        self.asked_s = asked_s


class Server:
    """An HTTP folder."""

    def __init__(self, url: str, patience: Patience, connections: int) -> None:
        """Raises InputError when `url` is not the http(s) address of a folder."""
        self._url = _folder_url(url)
        self._patience = patience
        self._client = httpx.AsyncClient(
            headers={"User-Agent": f"veribeat/{version('veribeat')}", "Accept-Encoding": "identity"},
            timeout=httpx.Timeout(patience.read_timeout_s, connect=patience.connect_timeout_s, pool=None),
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
        )

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._client.__aexit__()

    @property
    def address(self) -> str:
        """The folder's address, without a password."""
        return str(self._url.copy_with(userinfo=b""))

    async def content(self, name: str, largest_size: int, tell: Callable[[str], None]) -> bytes:
        """The bytes of a small file; raises TransferError. `tell` gets a line when the server keeps us waiting."""

        async def attempt() -> bytes:
            content = bytearray()
            async with self._response(name) as response:
                _check_size(name, _announced(response), largest_size)
                async for chunk in response.aiter_raw():
                    content += chunk
                    _check_size(name, len(content), largest_size)
            return bytes(content)

        return await self._patiently(name, attempt, tell)

    async def fetch(self, file: ListedFile, target: Path, display: Display) -> None:
        """Write `file` to `target`, which appears when its SHA-256 is right.

        An interrupted transfer stays beside it as a scratch file, and the next one goes on from there if the server
        can. Raises TransferError, and OSError where the disk is full or cannot be written.
        """
        await self._patiently(str(file.path), lambda: self._attempt(file, target, display), display.tell)

    async def _attempt(self, file: ListedFile, target: Path, display: Display) -> None:
        scratch = target.with_name(f".{target.name}.partial")
        kept = _kept(scratch, file.largest_size)
        sha256 = hashlib.sha256(kept).hexdigest()
        if not kept or sha256 != file.sha256:
            try:
                sha256 = await self._receive(file, scratch, kept, display)
            except TransferError:
                scratch.unlink(missing_ok=True)
                raise
        if sha256 != file.sha256:
            scratch.unlink()
            raise _MayHeal(f"its SHA-256 is not the one that {LISTING} lists", _LATER)
        scratch.replace(target)

    async def _receive(self, file: ListedFile, scratch: Path, kept: bytes, display: Display) -> str:
        """Append to `scratch`, which holds `kept`, what the server has more, or write it anew; its SHA-256."""
        name = str(file.path)
        async with self._response(name, start=len(kept)) as response:
            continued = response.status_code == _PARTIAL and _range_start(response) == len(kept)
            if response.status_code in (_PARTIAL, _RANGE_REFUSED) and not continued:
                scratch.unlink(missing_ok=True)
                raise _MayHeal("the server does not continue the file where it was asked to", _LATER)
            digest, size = (hashlib.sha256(kept), len(kept)) if continued else (hashlib.sha256(), 0)
            _check_size(name, size + _announced(response), file.largest_size)
            # A server may continue from 0, where a scratch file that was not kept must not stay.
            with scratch.open("ab" if continued and kept else "wb") as output:
                async for chunk in response.aiter_raw():
                    size += len(chunk)
                    _check_size(name, size, file.largest_size)
                    output.write(chunk)
                    digest.update(chunk)
                    display.received(len(chunk))
        return digest.hexdigest()

    async def _patiently(
        self, name: str, attempt: Callable[[], Awaitable[T]], tell: Callable[[str], None]
    ) -> T:
        failures = 0
        while True:
            try:
                return await attempt()
            except _MayHeal as error:
                failures += 1
                if failures >= self._patience.attempts:
                    wrong = f"{error} ({failures} attempts)"
                    raise TransferError(name, wrong, error.advice) from error
                delay = self._patience.delay_s(failures, error.asked_s)
                if failures > 1:  # a first retry is not worth a line
                    tell(f"{name}: {error}; next attempt in {delay:.0f} s.")
                await asyncio.sleep(delay)

    @asynccontextmanager
    async def _response(self, name: str, start: int = 0) -> AsyncIterator[httpx.Response]:
        """A response that has a body to read, or refuses the range; `start` asks for what follows this many bytes.

        Raises _MayHeal or TransferError for everything else, also while the body is read.
        """
        headers = {"Range": f"bytes={start}-"} if start else {}
        request = self._client.build_request("GET", self._url.join(quote(name)), headers=headers)
        try:
            response = await self._client.send(request, stream=True)
            for _ in range(_REDIRECTS):
                if response.next_request is None:
                    break
                await response.aclose()
                _check_redirect(name, request, response.next_request)
                request = response.next_request
                response = await self._client.send(request, stream=True)
            try:
                _check_status(name, response)
                yield response
            finally:
                await response.aclose()
        except httpx.TimeoutException as error:
            raise _MayHeal("the server does not answer in time", _CONNECTION) from error
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise _MayHeal(f"the transfer broke off: {_one_line(error)}", _CONNECTION) from error


_CONNECTION = "check your connection and --url"
_LATER = "wait a while or choose another --url"
_ADDRESS = "check --url"


def _folder_url(url: str) -> httpx.URL:
    try:
        parsed = httpx.URL(url.rstrip("/") + "/")
    except httpx.InvalidURL as error:
        raise InputError(f"--url {url} is not a web address: {error}.") from error
    if parsed.scheme not in ("http", "https") or not parsed.host or parsed.query or parsed.fragment:
        raise InputError(
            f"--url {url} is not the address of a folder: give one such as https://host/folder/."
        )
    return parsed


def _kept(scratch: Path, largest: int) -> bytes:
    """What an earlier transfer has left, nothing if that is more than there can be."""
    return scratch.read_bytes() if scratch.is_file() and scratch.stat().st_size <= largest else b""


def _check_redirect(name: str, request: httpx.Request, following: httpx.Request) -> None:
    if following.url.scheme not in ("https", request.url.scheme):
        wrong = f"the server sends us from {request.url.scheme} to {following.url.scheme}, which is less safe"
        raise TransferError(name, wrong, _ADDRESS)


def _check_status(name: str, response: httpx.Response) -> None:
    code = response.status_code
    # The standard's words, not the server's, which may hold anything, also what a terminal obeys.
    wrong = f"the server answers {code} {httpx.codes.get_reason_phrase(code)}".rstrip()
    if code in _MAY_HEAL:
        raise _MayHeal(wrong, _LATER, _retry_after_s(response))
    if code not in (200, _PARTIAL, _RANGE_REFUSED):
        raise TransferError(name, wrong, _ADDRESS)


def _check_size(name: str, size: int, largest: int) -> None:
    if size > largest:
        raise TransferError(name, f"the server sends more than {largest // 2**20} MiB for it", _ADDRESS)


def _announced(response: httpx.Response) -> int:
    """Bytes that the body will have, 0 when the server does not say."""
    return _number(response.headers.get("Content-Length", "")) or 0


def _range_start(response: httpx.Response) -> int | None:
    unit, _, rest = response.headers.get("Content-Range", "").partition(" ")
    return _number(rest.partition("-")[0]) if unit == "bytes" else None


def _retry_after_s(response: httpx.Response) -> float:
    """Seconds that the server asks for, as a number or a date; 0 when it asks for none."""
    text = response.headers.get("Retry-After", "")
    if (seconds := _number(text)) is not None:
        return seconds
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def _number(text: str) -> int | None:
    return int(text) if re.fullmatch("[0-9]{1,18}", text) else None


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
