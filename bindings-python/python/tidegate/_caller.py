"""One engine and one key: how the resources make calls."""

from __future__ import annotations

from . import _native
from ._core import warn_in_loop
from ._raw import RawReply
from ._records import Reply
from ._streams import EventStream

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._methods import Request
    from ._native import Engine, Head, Stream

_REPLY = _native.REPLY
_ERROR = _native.ERROR


class Caller:
    """Makes blocking calls on one engine with one key."""

    __slots__ = ("engine", "key")

    def __init__(self, engine: Engine, key: str | None) -> None:
        self.engine = engine
        self.key = key

    def reply(self, method: str, target: str, headers: Any, body: bytes) -> tuple[Head, bytes]:
        """Head and body of the answer. Errors are raised."""
        warn_in_loop()
        kind, a, b = self.engine.call(False, method, target, headers, body, self.key, None)
        if kind == _REPLY:
            return a, b
        if kind == _ERROR:
            raise a
        return a, drain(b)

    def stream(self, target: str, headers: Any, body: bytes) -> tuple[Head, Stream]:
        """Head and open stream of the answer. Errors before the first content are raised."""
        warn_in_loop()
        kind, a, b = self.engine.call(False, "POST", target, headers, body, self.key, None)
        if kind == _ERROR:
            raise a
        if kind == _REPLY:
            raise not_a_stream(b)
        return a, b

    def perform(self, request: Request) -> Any:
        """The reply of a method, or the stream it asked for."""
        warn_in_loop()
        verb, target = request.verb, request.target
        kind, a, b = self.engine.call(False, verb, target, request.headers, request.body, self.key, None)
        if kind == _ERROR:
            raise a
        method = request.method
        if method.reply is RawReply:
            return RawReply(kind, a, b)
        if not request.streams:
            return method.read(a, b if kind == _REPLY else drain(b))
        if kind == _REPLY:
            raise not_a_stream(b)
        return EventStream(a, b, method.events or Reply)


def drain(stream: Stream) -> bytes:
    """All of a stream."""
    pieces: list[bytes] = []
    while True:
        frames, end = stream.read(256, None)
        pieces += frames
        if isinstance(end, Exception):
            raise end
        if end is not None:
            return b"".join(pieces)


def not_a_stream(body: bytes) -> Exception:
    """The error for an upstream that answers a request for a stream with something else."""
    from .errors import UpstreamInvalid

    start = body[:200].decode("utf-8", "replace")
    return UpstreamInvalid(f"a stream was asked for and the answer is none: {start}")
