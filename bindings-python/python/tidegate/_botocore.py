"""AWS's packages in process: an answer in the place of botocore's own sending.

botocore asks the handlers of its event `before-send` first and takes the first answer it gets; only
without one does it open a connection.
"""

from __future__ import annotations

from importlib import import_module

from . import _native

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from ._native import Engine, Stream

_BATCH = 512


def handler(engine: Engine, key: str | None, seconds: float | None) -> Callable[..., Any]:
    """A handler of `before-send`."""
    # The package brings no types.
    modules = [import_module("botocore." + name) for name in ("awsrequest", "compat", "exceptions")]
    AWSResponse, HTTPHeaders = modules[0].AWSResponse, modules[1].HTTPHeaders  # noqa: N806
    exceptions = modules[2]

    def before_send(request: Any, **_: Any) -> Any:
        try:
            kind, head, body = engine.call(
                True, request.method, request.url, _headers(request.headers), _octets(request.body), key, seconds
            )
        except TimeoutError as error:
            raise exceptions.ReadTimeoutError(endpoint_url=request.url, error=error) from None
        if kind == _native.ERROR:
            raise exceptions.EndpointConnectionError(endpoint_url=request.url, error=head) from head

        def failed(error: Exception) -> Exception:
            late = isinstance(error, TimeoutError)
            named = exceptions.ReadTimeoutError if late else exceptions.ConnectionClosedError
            told: Exception = named(endpoint_url=request.url, error=error)
            return told

        raw = Body(body, seconds, failed)
        return AWSResponse(request.url, head.status, HTTPHeaders.from_pairs(head.items()), raw)

    return before_send


def _headers(headers: Any) -> list[tuple[str, str]]:
    return [(_text(name), _text(value)) for name, value in headers.items()]


def _text(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _octets(body: Any) -> bytes:
    if body is None:
        return b""
    if hasattr(body, "read"):
        body = body.read()
    return body.encode() if isinstance(body, str) else bytes(body)


class Body:
    """The body of an answer with as much of urllib3's words as botocore uses."""

    def __init__(self, body: bytes | Stream, seconds: float | None, failed: Callable[[Exception], Exception]) -> None:
        self._held = body if isinstance(body, bytes) else b""
        self._source: Stream | None = None if isinstance(body, bytes) else body
        self._seconds = seconds
        self._failed = failed
        self._error: Exception | None = None

    def _more(self) -> bytes:
        """The next pieces; nothing once the body is over."""
        while self._source is not None:
            frames, end = self._source.read(_BATCH, self._seconds)
            if end is not None:
                self._source = None
                self._error = end if isinstance(end, Exception) else None
            elif not frames:
                self.close()
                raise self._failed(TimeoutError("nothing arrived within the read timeout"))
            if frames:
                return b"".join(frames)
        error, self._error = self._error, None
        if error is not None:
            raise self._failed(error) from error
        return b""

    def stream(self, amt: int = 65536, **_: object) -> Iterator[bytes]:
        """The body piece by piece."""
        while piece := self.read1(amt):
            yield piece

    def read1(self, amt: int | None = None) -> bytes:
        """What is there, or the next piece to come."""
        held = self._held or self._more()
        if amt is None:
            amt = len(held)
        self._held = held[amt:]
        return held[:amt]

    def read(self, amt: int | None = None, **_: object) -> bytes:
        """So many bytes, or all of the rest."""
        pieces, missing = [], amt
        while missing is None or missing > 0:
            piece = self.read1(missing)
            if not piece:
                break
            pieces.append(piece)
            missing = None if missing is None else missing - len(piece)
        return b"".join(pieces)

    def readable(self) -> bool:
        """It can be read."""
        return True

    def close(self) -> None:
        """Closes the upstream of a body that has not been read whole."""
        source, self._source = self._source, None
        if source is not None:
            source.cancel()

    release_conn = close
