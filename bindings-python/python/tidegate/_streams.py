"""Streamed replies for blocking code."""

from __future__ import annotations

from .types import ChatCompletionChunk, MessageStreamEvent, ResponseStreamEvent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType
    from typing import Any, ClassVar

    from typing_extensions import Self

    from ._facts import GatewayFacts
    from ._native import Head, Stream
    from .types import Message

#: Most pieces taken over at once.
BATCH = 512


class ReplyStream:
    """Yields a streamed reply piece by piece. Closing it, or letting go of it, closes the upstream."""

    __slots__ = ("_end", "_frames", "_head", "_source")
    _item: ClassVar[type[Any]]

    def __init__(self, head: Head, source: Stream) -> None:
        self._head = head
        self._source: Stream | None = source
        self._frames: Iterator[bytes] = iter(())
        self._end: Head | Exception | None = None

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        for raw in self._frames:
            return self._item(raw)
        self._refill()
        for raw in self._frames:
            return self._item(raw)
        raise StopIteration

    def _refill(self) -> None:
        """Takes over what has arrived, waiting for it; nothing at all once the stream is over."""
        if self._source is None:
            if isinstance(self._end, Exception):
                error, self._end = self._end, None
                raise error
            return
        frames, end = self._source.read(BATCH, None)
        if end is not None:
            self._end, self._source = end, None
        if frames:
            self._frames = iter(frames)
        else:
            self._refill()

    def close(self) -> None:
        """Closes the upstream. What has not been read is lost."""
        source, self._source = self._source, None
        self._frames = iter(())
        if source is not None:
            source.cancel()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def gateway(self) -> GatewayFacts:
        """What the gateway did. The cost is known once the stream has ended."""
        return facts(self._head, self._end)


def facts(head: Head, end: Head | Exception | None) -> GatewayFacts:
    """The facts of a stream, with those known at its end."""
    from ._facts import GatewayFacts

    return GatewayFacts(head, None if isinstance(end, Exception) else end)


class EventStream(ReplyStream):
    """Yields a streamed reply of any other method event by event."""

    __slots__ = ("_item",)

    def __init__(self, head: Head, source: Stream, item: type[Any]) -> None:
        super().__init__(head, source)
        self._item = item  # type: ignore[misc]


class ChatStream(ReplyStream):
    """Yields a chat reply chunk by chunk."""

    __slots__ = ()
    _item = ChatCompletionChunk

    if TYPE_CHECKING:

        def __next__(self) -> ChatCompletionChunk: ...


class MessageEvents(ReplyStream):
    """Yields a reply of the messages API event by event."""

    __slots__ = ()
    _item = MessageStreamEvent

    if TYPE_CHECKING:

        def __next__(self) -> MessageStreamEvent: ...


class ResponseEvents(ReplyStream):
    """Yields a reply of the Responses API event by event."""

    __slots__ = ()
    _item = ResponseStreamEvent

    if TYPE_CHECKING:

        def __next__(self) -> ResponseStreamEvent: ...


class MessageStream:
    """A streamed message with helpers; use it in a `with` statement.

    Iterating gives events; `text_stream` gives text. What has gone by is collected, so that
    `get_final_message()` gives the whole message.
    """

    def __init__(self, start: Callable[[], MessageEvents]) -> None:
        from ._assemble import Assembly

        self._start = start
        self._events: MessageEvents | None = None
        self._assembly = Assembly()

    def __enter__(self) -> Self:
        if self._events is None:
            self._events = self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[MessageStreamEvent]:
        events = self.__enter__()._events
        assert events is not None
        for event in events:
            self._assembly.add(event)
            yield event

    @property
    def text_stream(self) -> Iterator[str]:
        """The text of the reply, piece by piece."""
        for event in self:
            if event.type == "content_block_delta" and event.delta.type == "text_delta":
                yield event.delta.text

    def until_done(self) -> None:
        """Reads to the end."""
        for _ in self:
            pass

    def get_final_message(self) -> Message:
        """Reads to the end and gives the whole message."""
        self.until_done()
        return self._assembly.message(self.gateway)

    def get_final_text(self) -> str:
        """Reads to the end and gives the text of the message."""
        return "".join(block.text for block in self.get_final_message().content if block.type == "text")

    def close(self) -> None:
        """Closes the upstream."""
        if self._events is not None:
            self._events.close()

    @property
    def gateway(self) -> GatewayFacts:
        """What the gateway did. The cost is known once the stream has ended."""
        if self._events is None:
            raise AttributeError("the stream has not been opened; use it in a `with` statement")
        return self._events.gateway
