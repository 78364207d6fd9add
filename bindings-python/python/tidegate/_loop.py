"""How answers reach an event loop.

Each loop has one bridge: a queue of the engine and its descriptor, watched by the loop itself. The
engine's threads fill the queue and make the descriptor readable; the loop drains it in one go, on its
own thread. No thread of the engine ever touches Python.
"""

from __future__ import annotations

from asyncio import get_running_loop
from contextlib import suppress
from contextvars import Context
from os import getpid

from ._native import READABLE, Queue

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


#: What became of a message that was sent.
SENT, FULL, NOT_TEXT, OVER = range(4)


class TimeUp(Exception):
    """A limit of the transport has passed."""


def bridge() -> LoopBridge:
    """The bridge of the running loop, made on first use."""
    loop = get_running_loop()
    found: LoopBridge | None = getattr(loop, _PLACE, None)
    # After a fork the loop's queue belongs to the parent.
    if found is None or found.pid != getpid():
        found = LoopBridge()
        found.attach(loop)
        setattr(loop, _PLACE, found)
    return found


class LoopBridge:
    """One loop's queue and the futures that wait for it."""

    __slots__ = ("__weakref__", "_drained", "_queue", "_waiting", "pid")

    def __init__(self) -> None:
        self.pid = getpid()
        self._queue = Queue()
        self._waiting: dict[int, Future[Any]] = {}
        self._drained: Any = None

    def attach(self, loop: AbstractEventLoop) -> None:
        """Has the loop watch the queue."""
        descriptor = self._queue.fd()
        if descriptor is not None:
            # In an empty context: the first caller's must not live as long as the loop. Some loops, such
            # as Windows' default one, cannot watch a descriptor and say so in one of these two ways.
            with suppress(NotImplementedError, AttributeError):
                Context().run(loop.add_reader, descriptor, self.drain)
                return
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
            if kind > READABLE:
                from ._functions import arrived

                arrived(number, kind, a, get_running_loop())
                continue
            future = waiting.pop(number, None)
            if future is not None:
                if not future.done():
                    future.set_result((kind, a, b))
            elif number == ticket:
                mine = (kind, a, b)
            # Anything else was cancelled; a stream that is dropped here closes its upstream.
        return mine

    def submit(
        self,
        engine: Engine,
        http: bool,
        method: str,
        target: str,
        headers: Any,
        body: bytes,
        key: str | None,
    ) -> tuple[int, Any]:
        """Starts a call; gives its ticket and its outcome, or a future of it."""
        return self._started(engine.submit(self._queue, http, method, target, headers, body, key))

    def _started(self, ticket: int) -> tuple[int, Any]:
        # Refusals and stored answers may be here already and need no future.
        if self._queue.ready():
            done = self.take(ticket)
            if done is not None:
                return ticket, done
        self._waiting[ticket] = future = get_running_loop().create_future()
        return ticket, future

    def give_up(self, engine: Engine, ticket: int) -> None:
        """Cancels a call; its upstream is closed."""
        self._waiting.pop(ticket, None)
        engine.cancel(ticket)

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
        ticket, outcome = self.submit(engine, http, method, target, headers, body, key)
        if type(outcome) is not tuple:
            try:
                outcome = await outcome if seconds is None else await _within(seconds, outcome)
            except BaseException:
                self.give_up(engine, ticket)
                raise
        return (ticket, *outcome)

    async def session(self, engine: Engine, target: str, headers: Any, key: str | None) -> tuple[int, int, Any, Any]:
        """Opens a session; gives `(ticket, kind, a, b)`."""
        ticket, outcome = self._started(engine.submit_session(self._queue, target, headers, key))
        if type(outcome) is not tuple:
            try:
                outcome = await outcome
            except BaseException:
                self.give_up(engine, ticket)
                raise
        return (ticket, *outcome)

    async def send(self, stream: Stream, text: bool, payload: bytes) -> int:
        """Sends a message of a session, once there is room."""
        while True:
            sent = stream.send(text, payload)
            if sent != FULL:
                return sent
            if not stream.arm_send():
                await self._noted(stream.send_ticket(), None, "two tasks wait to send in one session")

    async def read(self, stream: Stream, ticket: int, seconds: float | None = None) -> tuple[list[bytes], Any]:
        """The next pieces of a stream and, after the last one, how it ended."""
        while True:
            frames, end = stream.try_read(BATCH)
            if frames or end is not None:
                return frames, end
            if stream.arm():
                continue
            await self._noted(ticket, seconds, "two tasks read the same stream")

    async def _noted(self, ticket: int, seconds: float | None, mistake: str) -> None:
        """Waits for the note that was asked for."""
        if getattr(get_running_loop(), _PLACE, None) is not self:
            raise RuntimeError("a stream is read on the event loop that opened it")
        if ticket in self._waiting:
            raise RuntimeError(mistake)
        self._waiting[ticket] = future = get_running_loop().create_future()
        try:
            await (future if seconds is None else _within(seconds, future))
        finally:
            self._waiting.pop(ticket, None)


async def _within(seconds: float, future: Future[Any]) -> Any:
    timer = get_running_loop().call_later(seconds, _expire, future)
    try:
        return await future
    finally:
        timer.cancel()


def _expire(future: Future[Any]) -> None:
    if not future.done():
        future.set_exception(TimeUp())
