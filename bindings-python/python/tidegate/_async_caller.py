"""One engine and one key, for event loops."""

from __future__ import annotations

from . import _native
from ._caller import not_a_stream
from ._loop import bridge

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._loop import LoopBridge
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
