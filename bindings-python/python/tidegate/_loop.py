"""How answers reach an event loop.

Each loop has one bridge: a queue of the engine and its descriptor, watched by the loop itself. The
engine's threads fill the queue and make the descriptor readable; the loop drains it in one go, on its
own thread. No thread of the engine ever touches Python.
"""

from __future__ import annotations

import os
from asyncio import get_running_loop
from contextvars import Context

from ._native import Queue

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Future
    from typing import Any

    from ._native import Engine, Stream

#: Where a loop keeps its bridge. On the loop itself, so that both go together.
_PLACE = "_tidegate_bridge"
#: Most answers taken over in one turn of the loop.
_BATCH = 1024
#: Most pieces of a stream taken over at once.
BATCH = 512


class TimeUp(Exception):
    """A limit of the transport has passed."""


def bridge() -> LoopBridge:
    """The bridge of the running loop, made on first use."""
    loop = get_running_loop()
    found: LoopBridge | None = getattr(loop, _PLACE, None)
    # After a fork the loop's queue belongs to the parent.
    if found is None or found.pid != os.getpid():
        found = LoopBridge()
        found.attach(loop)
        setattr(loop, _PLACE, found)
    return found


class LoopBridge:
    """One loop's queue and the futures that wait for it."""

    __slots__ = ("__weakref__", "_drained", "_queue", "_waiting", "pid")

    def __init__(self) -> None:
        self.pid = os.getpid()
        self._queue = Queue()
        self._waiting: dict[int, Future[Any]] = {}
        self._drained: Any = None

    def attach(self, loop: AbstractEventLoop) -> None:
        """Has the loop watch the queue."""
        try:
            # In an empty context: the first caller's must not live as long as the loop.
            Context().run(loop.add_reader, self._queue.fd(), self.drain)
        except (NotImplementedError, AttributeError):
            from ._notify import start

            self._drained = start(self, self._queue, loop)

    def drain(self) -> None:
        """Hands out what has arrived."""
        self.take(None)
        if self._drained is not None:
            self._drained()

    def take(self, ticket: int | None) -> tuple[int, Any, Any] | None:
        """Hands out what has arrived; gives the answer for `ticket` when it is among it."""
        mine = None
        waiting = self._waiting
        for number, kind, a, b in self._queue.drain(_BATCH):
            future = waiting.pop(number, None)
            if future is not None:
                if not future.done():
                    future.set_result((kind, a, b))
            elif number == ticket:
                mine = (kind, a, b)
            # Anything else was cancelled; a stream that is dropped here closes its upstream.
        return mine

    async def call(
        self,
        engine: Engine,
        http: bool,
        method: str,
        target: str,
        headers: Any,
        body: bytes,
        key: str | None,
        seconds: float | None = None,
    ) -> tuple[int, int, Any, Any]:
        """Makes a call; gives `(ticket, kind, a, b)`. Cancelling it closes the upstream."""
        ticket = engine.submit(self._queue, http, method, target, headers, body, key)
        # Refusals and stored answers are here already and need no future.
        done = self.take(ticket)
        if done is None:
            try:
                done = await self._wait(ticket, seconds)
            except BaseException:
                self._waiting.pop(ticket, None)
                engine.cancel(ticket)
                raise
        return (ticket, *done)

    async def _wait(self, ticket: int, seconds: float | None) -> tuple[int, Any, Any]:
        loop = get_running_loop()
        future: Future[Any] = loop.create_future()
        self._waiting[ticket] = future
        if seconds is None:
            return await future  # type: ignore[no-any-return]
        timer = loop.call_later(seconds, _expire, future)
        try:
            return await future  # type: ignore[no-any-return]
        finally:
            timer.cancel()

    async def read(self, stream: Stream, ticket: int, seconds: float | None = None) -> tuple[list[bytes], Any]:
        """The next pieces of a stream and, after the last one, how it ended."""
        while True:
            frames, end = stream.try_read(BATCH)
            if frames or end is not None:
                return frames, end
            if stream.arm():
                continue
            if getattr(get_running_loop(), _PLACE, None) is not self:
                raise RuntimeError("a stream is read on the event loop that opened it")
            if ticket in self._waiting:
                raise RuntimeError("two tasks read the same stream")
            try:
                await self._wait(ticket, seconds)
            finally:
                self._waiting.pop(ticket, None)


def _expire(future: Future[Any]) -> None:
    if not future.done():
        future.set_exception(TimeUp())
