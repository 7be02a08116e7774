"""A folder on a web server of this machine, with the faults that servers have."""

import hashlib
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

Fault = Callable[["Handler", bytes], None]


@dataclass
class FileServer:
    """What is served, and what was asked for.

    `faults` holds answers to the next requests of a path, in their order; after them it is served well. `requests` has
    path and Range header of each request.
    """

    files: dict[str, bytes]
    url: str = ""
    faults: dict[str, list[Fault]] = field(default_factory=dict)
    always: dict[str, Fault] = field(default_factory=dict)
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)

    def asked(self, path: str) -> list[str | None]:
        """The Range headers of all requests of a path."""
        return [range_ for name, range_ in self.requests if name == path]


class Handler(BaseHTTPRequestHandler):
    """HTTP/1.1 with Range."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    owner: FileServer

    def do_GET(self) -> None:
        path = self.path.lstrip("/")
        self.owner.requests.append((path, self.headers.get("Range")))
        content = self.owner.files.get(path)
        if content is None:
            self.answer(404, b"no such file")
        elif fault := self._fault(path):
            fault(self, content)
        else:
            self.serve(content)

    def _fault(self, path: str) -> Fault | None:
        if queue := self.owner.faults.get(path):
            return queue.pop(0)
        return self.owner.always.get(path)

    def serve(self, content: bytes) -> None:
        """The file, or what the client has not got yet."""
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if asked is None:
            self.answer(200, content)
        elif (start := int(asked[1])) >= len(content):
            self.answer(416, b"", {"Content-Range": f"bytes */{len(content)}"})
        else:
            where = f"bytes {start}-{len(content) - 1}/{len(content)}"
            self.answer(206, content[start:], {"Content-Range": where})

    def answer(
        self, status: int, body: bytes, headers: Mapping[str, str] | None = None, length: int | None = None
    ) -> None:
        """Send a response whose Content-Length may be a lie."""
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()
        self.close_connection = length is not None

    def log_message(self, format: str, *args: object) -> None:
        pass


def status(code: int, **headers: str) -> Fault:
    """Answer with `code`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda handler, _: handler.answer(code, b"an error page", named)


def cut_short(size: int) -> Fault:
    """Announce the whole file, send its first bytes and close the connection."""
    return lambda handler, content: handler.answer(200, content[:size], length=len(content))


def wrong_bytes(handler: Handler, content: bytes) -> None:
    handler.answer(200, content[:-1] + bytes([content[-1] ^ 1]))


def ignores_range(handler: Handler, content: bytes) -> None:
    handler.answer(200, content)


def wrong_range(handler: Handler, content: bytes) -> None:
    handler.answer(206, content[1:], {"Content-Range": f"bytes 1-{len(content) - 1}/{len(content)}"})


def hangs(handler: Handler, content: bytes) -> None:
    handler.owner.stopping.wait(60)
    handler.close_connection = True


def drops(handler: Handler, content: bytes) -> None:
    handler.close_connection = True


def never_ends(handler: Handler, content: bytes) -> None:
    """A chunked response, so of no announced length, until the client has had enough."""
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    block = b"x" * 2**16
    try:
        while not handler.owner.stopping.is_set():
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(block), block))
    except OSError:
        handler.close_connection = True


def announces(size: int) -> Fault:
    """Promise so many bytes."""
    return lambda handler, content: handler.answer(200, content, length=size)


def redirects(to: str) -> Fault:
    return lambda handler, _: handler.answer(302, b"", {"Location": to})


def folder_content(folder: Path) -> dict[str, bytes]:
    """All files below `folder`, and a SHA256SUMS.txt as PhysioNet writes it."""
    files = {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }
    return {**files, "SHA256SUMS.txt": listing(files)}


def listing(files: Mapping[str, bytes], separator: str = " ") -> bytes:
    lines = [f"{hashlib.sha256(content).hexdigest()}{separator}{path}" for path, content in files.items()]
    return "".join(f"{line}\n" for line in lines).encode()


@contextmanager
def serving(files: Mapping[str, bytes]) -> Iterator[FileServer]:
    """Serve on a free port of the loopback address."""
    owner = FileServer(dict(files))
    handler = type("BoundHandler", (Handler,), {"owner": owner})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    owner.url = f"http://127.0.0.1:{server.server_port}/"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield owner
    finally:
        owner.stopping.set()
        server.shutdown()
        thread.join()
        server.server_close()
