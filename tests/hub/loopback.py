"""Web servers on loopback, well-behaved and misbehaving, and a second process that pulls from them."""

import multiprocessing
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[[BaseHTTPRequestHandler], None]


class Server(ThreadingHTTPServer):
    """A server with one answer per path: bytes, or a function that writes to the handler."""

    daemon_threads = True

    def __init__(self, answers: Mapping[str, bytes | Answer]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers = answers
        self.requests: list[str] = []
        self.headers: list[Mapping[str, str]] = []
        self.over = threading.Event()  # ends answers that stall

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay silent about clients that hang up, as the tests make them do."""


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.requests.append(self.path)
        self.server.headers.append({name.lower(): value for name, value in self.headers.items()})
        answer = self.server.answers.get(self.path.lstrip("/"))
        if answer is None:
            self.send_error(404)
        elif isinstance(answer, bytes):
            send(answer)(self)
        else:
            answer(self)

    def log_message(self, *args: Any) -> None:
        pass


def send(content: bytes, length: int | None = None, **headers: str) -> Answer:
    """Answer with content and declare its length, or another one; then close the connection."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content) if length is None else length))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(content)

    return answer


def send_undeclared(content: bytes) -> Answer:
    """Answer with content without a declared length, which ends with the connection."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(content)

    return answer


def send_chunked(pieces: Iterator[bytes], last: bytes = b"0\r\n\r\n") -> Answer:
    """Answer in chunks, possibly without end."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.protocol_version = "HTTP/1.1"
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for piece in pieces:
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        handler.wfile.write(last)
        handler.close_connection = True

    return answer


def stall(content: bytes, sent: int | None, meanwhile: Callable[[], Any] = lambda: None) -> Answer:
    """Send only the first bytes, or nothing at all, and keep the connection open."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        if sent is not None:
            send(content[:sent], len(content))(handler)
        meanwhile()
        handler.server.over.wait(30)

    return answer


def redirect(target: str, **headers: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", target)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()

    return answer


def fail(status: int) -> Answer:
    return lambda handler: handler.send_error(status)


def in_turn(*answers: Answer) -> Answer:
    """Give each answer once, and repeat the last one."""
    left = list(answers)
    return lambda handler: (left.pop(0) if len(left) > 1 else left[0])(handler)


@contextmanager
def serving(answers: Mapping[str, bytes | Answer]) -> Iterator[Server]:
    """Run a server inside the block."""
    server = Server(answers)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def in_another_process(function: Callable[..., object], *arguments: object) -> Iterator[None]:
    """Run a function in a second process alongside the block, and check that it succeeds.

    The process is forked, because a fresh one spends seconds on importing torch.
    """
    process = multiprocessing.get_context("fork").Process(target=function, args=arguments)
    process.start()
    try:
        yield
        process.join(60)
        assert process.exitcode == 0
    finally:
        process.kill()
        process.join()
