"""Streamed replies for event loops."""

from __future__ import annotations

from ._streams import facts
from .types import ChatCompletionChunk, MessageStreamEvent, ResponseStreamEvent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from types import TracebackType
    from typing import Any, ClassVar

    from typing_extensions import Self

    from ._facts import GatewayFacts
    from ._loop import LoopBridge
    from ._native import Head, Stream
    from .types import Message


class AsyncReplyStream:
    """Yields a streamed reply piece by piece. Closing it, or letting go of it, closes the upstream."""

    __slots__ = ("_bridge", "_end", "_frames", "_head", "_source", "_ticket")
    _item: ClassVar[type[Any]]

    def __init__(self, head: Head, source: Stream, bridge: LoopBridge, ticket: int) -> None:
        self._head = head
        self._source: Stream | None = source
        self._bridge = bridge
        self._ticket = ticket
        self._frames: Iterator[bytes] = iter(())
        self._end: Head | Exception | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        for raw in self._frames:
            return self._item(raw)
        await self._refill()
        for raw in self._frames:
            return self._item(raw)
        raise StopAsyncIteration

    async def _refill(self) -> None:
        """Takes over what has arrived, waiting for it; nothing at all once the stream is over."""
        if self._source is None:
            if isinstance(self._end, Exception):
                error, self._end = self._end, None
                raise error
            return
        frames, end = await self._bridge.read(self._source, self._ticket)
        if end is not None:
            self._end, self._source = end, None
        if frames:
            self._frames = iter(frames)
        else:
            await self._refill()

    async def aclose(self) -> None:
        """Closes the upstream. What has not been read is lost."""
        self.close()

    def close(self) -> None:
        """The same without waiting; there is nothing to wait for."""
        source, self._source = self._source, None
        self._frames = iter(())
        if source is not None:
            source.cancel()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def gateway(self) -> GatewayFacts:
        """What the gateway did. The cost is known once the stream has ended."""
        return facts(self._head, self._end)


class AsyncEventStream(AsyncReplyStream):
    """Yields a streamed reply of any other method event by event."""

    __slots__ = ("_item",)

    def __init__(self, head: Head, source: Stream, bridge: LoopBridge, ticket: int, item: type[Any]) -> None:
        super().__init__(head, source, bridge, ticket)
        self._item = item  # type: ignore[misc]


class AsyncChatStream(AsyncReplyStream):
    """Yields a chat reply chunk by chunk."""

    __slots__ = ()
    _item = ChatCompletionChunk

    if TYPE_CHECKING:

        async def __anext__(self) -> ChatCompletionChunk: ...


class AsyncMessageEvents(AsyncReplyStream):
    """Yields a reply of the messages API event by event."""

    __slots__ = ()
    _item = MessageStreamEvent

    if TYPE_CHECKING:

        async def __anext__(self) -> MessageStreamEvent: ...


class AsyncResponseEvents(AsyncReplyStream):
    """Yields a reply of the Responses API event by event."""

    __slots__ = ()
    _item = ResponseStreamEvent

    if TYPE_CHECKING:

        async def __anext__(self) -> ResponseStreamEvent: ...


class AsyncMessageStream:
    """A streamed message with helpers; use it in an `async with` statement.

    Iterating gives events; `text_stream` gives text. What has gone by is collected, so that
    `get_final_message()` gives the whole message.
    """

    def __init__(self, start: Callable[[], Awaitable[AsyncMessageEvents]]) -> None:
        from ._assemble import Assembly

        self._start = start
        self._events: AsyncMessageEvents | None = None
        self._assembly = Assembly()

    async def __aenter__(self) -> Self:
        if self._events is None:
            self._events = await self._start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aiter__(self) -> AsyncIterator[MessageStreamEvent]:
        await self.__aenter__()
        assert self._events is not None
        async for event in self._events:
            self._assembly.add(event)
            yield event

    @property
    async def text_stream(self) -> AsyncIterator[str]:
        """The text of the reply, piece by piece."""
        async for event in self:
            if event.type == "content_block_delta" and event.delta.type == "text_delta":
                yield event.delta.text

    async def until_done(self) -> None:
        """Reads to the end."""
        async for _ in self:
            pass

    async def get_final_message(self) -> Message:
        """Reads to the end and gives the whole message."""
        await self.until_done()
        return self._assembly.message(self.gateway)

    async def get_final_text(self) -> str:
        """Reads to the end and gives the text of the message."""
        message = await self.get_final_message()
        return "".join(block.text for block in message.content if block.type == "text")

    async def aclose(self) -> None:
        """Closes the upstream."""
        self.close()

    def close(self) -> None:
        """The same without waiting; there is nothing to wait for."""
        if self._events is not None:
            self._events.close()

    @property
    def gateway(self) -> GatewayFacts:
        """What the gateway did. The cost is known once the stream has ended."""
        if self._events is None:
            raise AttributeError("the stream has not been opened; use it in an `async with` statement")
        return self._events.gateway
