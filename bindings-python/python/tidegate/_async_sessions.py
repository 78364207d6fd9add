"""Sessions for event loops."""

from __future__ import annotations

from asyncio import Lock

from . import _native
from ._core import headers
from ._loop import FULL, bridge
from ._said import Says
from ._sessions import BaseSession, payload

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Generator, Mapping  # noqa: F401 - in a text
    from types import TracebackType
    from typing import Any

    from typing_extensions import Self

    from ._async_caller import AsyncCaller
    from ._core import Headers
    from ._loop import LoopBridge
    from ._native import Head, Stream


class AsyncSession(BaseSession, Says["Awaitable[None]"]):
    """An open session. Iterating gives what the vendor says; letting go of it closes the upstream."""

    __slots__ = ("_bridge", "_reading", "_ticket", "_turn")

    def __init__(self, here: LoopBridge, ticket: int, head: Head, source: Stream, json: bool) -> None:
        super().__init__(head, source, json)
        self._bridge = here
        self._ticket = ticket
        self._reading = False
        #: Who waits for room sends in the order of coming.
        self._turn: Lock | None = None

    async def send(self, event: Mapping[str, Any] | str | bytes) -> None:
        """Sends a message: a mapping as JSON, a text as it is, bytes as a binary message.

        Waits while the upstream takes no more. Raises `errors.ConnectionLost`, or what the gateway
        ended the session with, once it is over.
        """
        text, raw = payload(event)
        if self._turn is None:
            sent = self._source.send(text, raw)
            if sent == FULL:
                self._turn = Lock()
        if self._turn is not None:
            async with self._turn:
                sent = await self._bridge.send(self._source, text, raw)
        self._verdict(sent)

    send_raw = send

    async def _next(self) -> bytes | bytearray | None:
        while not self._messages:
            if self._end is not None:
                return None
            self._reading = True
            try:
                frames, self._end = await self._bridge.read(self._source, self._ticket)
            finally:
                self._reading = False
            self._messages.extend(frames)
        return self._messages.popleft()

    async def recv(self) -> Any:
        """The next message: an object for JSON, `bytes` for binary messages that are none.

        Raises `errors.ConnectionLost`, or what the gateway ended the session with, once it is over.
        """
        return self._message(await self.recv_bytes())

    async def recv_bytes(self) -> bytes:
        """The next message as it came."""
        raw = await self._next()
        if raw is None:
            raise self._over()
        return raw  # type: ignore[return-value]

    async def __aiter__(self) -> AsyncIterator[Any]:
        while (raw := await self._next()) is not None:
            yield self._message(raw)
        if not self._ended_well:
            raise self._over()

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Ends the session in its protocol's own way; what the vendor still says is dropped."""
        if self._end is None:
            self._source.close(code, reason)
        # Whoever is reading sees the end.
        while self._end is None and not self._reading:
            _, self._end = await self._bridge.read(self._source, self._ticket)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            await self.close()
        elif self._end is None:
            self._source.cancel()


class AsyncSessionManager:
    """Opens a session in an `async with` statement, or when it is awaited."""

    def __init__(
        self, caller: AsyncCaller, target: str, extra_headers: Headers, first: Any = None, json: bool = False
    ) -> None:
        self._caller = caller
        self._target = target
        self._headers = headers(extra_headers, None)
        self._first = first
        self._json = json
        self._open: AsyncSession | None = None

    async def enter(self) -> AsyncSession:
        """Opens the session; `close` it."""
        here = bridge()
        caller = self._caller
        ticket, kind, a, b = await here.session(caller.engine, self._target, self._headers, caller.key)
        if kind == _native.ERROR:
            raise a
        session = AsyncSession(here, ticket, a, b, self._json)
        if self._first is not None:
            await session.send(self._first)
        return session

    def __await__(self) -> Generator[Any, Any, AsyncSession]:
        return self.enter().__await__()

    async def __aenter__(self) -> AsyncSession:
        self._open = await self.enter()
        return self._open

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._open is not None:
            await self._open.__aexit__(kind, error, trace)
