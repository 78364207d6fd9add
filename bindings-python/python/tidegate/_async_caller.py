"""One engine and one key, for event loops."""

from __future__ import annotations

from . import _native
from ._async_streams import AsyncEventStream
from ._caller import not_a_stream
from ._loop import bridge
from ._raw import AsyncRawReply, RawReply
from ._records import Reply

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._loop import LoopBridge
    from ._methods import Request
    from ._native import Engine, Head, Stream

_REPLY = _native.REPLY
_ERROR = _native.ERROR


class AsyncCaller:
    """Makes calls from event loops on one engine with one key."""

    __slots__ = ("engine", "key")

    def __init__(self, engine: Engine, key: str | None) -> None:
        self.engine = engine
        self.key = key

    async def reply(self, method: str, target: str, headers: Any, body: bytes) -> tuple[Head, bytes]:
        """Head and body of the answer. Errors are raised."""
        here = bridge()
        ticket, outcome = here.submit(self.engine, False, method, target, headers, body, self.key)
        if type(outcome) is not tuple:
            try:
                outcome = await outcome
            except BaseException:
                here.give_up(self.engine, ticket)
                raise
        kind, a, b = outcome
        if kind == _REPLY:
            return a, b
        if kind == _ERROR:
            raise a
        return a, await drain(here, b, ticket)

    async def stream(self, target: str, headers: Any, body: bytes) -> tuple[Head, Stream, LoopBridge, int]:
        """Head and open stream of the answer. Errors before the first content are raised."""
        here = bridge()
        ticket, kind, a, b = await here.call(self.engine, False, "POST", target, headers, body, self.key)
        if kind == _ERROR:
            raise a
        if kind == _REPLY:
            raise not_a_stream(b)
        return a, b, here, ticket

    async def perform(self, request: Request) -> Any:
        """The reply of a method, or the stream it asked for."""
        here = bridge()
        verb, target = request.verb, request.target
        ticket, kind, a, b = await here.call(self.engine, False, verb, target, request.headers, request.body, self.key)
        if kind == _ERROR:
            raise a
        method = request.method
        if method.reply is RawReply:
            return AsyncRawReply(here, ticket, kind, a, b)
        if not request.streams:
            return method.read(a, b if kind == _REPLY else await drain(here, b, ticket))
        if kind == _REPLY:
            raise not_a_stream(b)
        return AsyncEventStream(a, b, here, ticket, method.events or Reply)


async def drain(here: LoopBridge, stream: Stream, ticket: int) -> bytes:
    """All of a stream."""
    pieces: list[bytes] = []
    while True:
        frames, end = await here.read(stream, ticket)
        pieces += frames
        if isinstance(end, Exception):
            raise end
        if end is not None:
            return b"".join(pieces)
