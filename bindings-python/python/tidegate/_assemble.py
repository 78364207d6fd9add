"""Collects the events of a streamed message into the whole message."""

from __future__ import annotations

from ._records import Record, decode, encode
from .types import Message

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from typing_extensions import Self

    from ._facts import GatewayFacts
    from .types import MessageStreamEvent

#: Kinds of delta that append to a text: kind -> (member of the delta, member of the block).
_APPENDING = {
    "text_delta": ("text", "text"),
    "thinking_delta": ("thinking", "thinking"),
    "signature_delta": ("signature", "signature"),
}


class AssembledMessage(Message):
    """A message collected from a stream."""

    __slots__ = ("_facts",)
    _facts: GatewayFacts

    @property
    def gateway(self) -> GatewayFacts:
        """What the gateway did with the stream."""
        return self._facts

    def __reduce__(self) -> tuple[Any, ...]:
        return Message, (self._raw,)

    def __copy__(self) -> Self:
        copied = type(self)(self._raw)
        copied._facts = self._facts
        return copied


class Assembly:
    """A message in the making."""

    def __init__(self) -> None:
        self._message: Record | None = None
        self._json: dict[int, list[str]] = {}

    def add(self, event: MessageStreamEvent) -> None:
        """Takes an event in. Kinds that are not known change nothing."""
        kind = event.type
        if kind == "message_start":
            self._message = Record(event.message)
            self._message.content = list(event.message.content or ())
            return
        message = self._message
        if message is None:
            return
        if kind == "content_block_start":
            message.content[event.index :] = [Record(event.content_block)]
        elif kind == "content_block_delta":
            self._delta(message.content[event.index], event)
        elif kind == "content_block_stop":
            pieces = self._json.pop(event.index, None)
            if pieces is not None:
                message.content[event.index].input = decode("".join(pieces) or "{}")
        elif kind == "message_delta":
            message.update(event.delta)
            message.usage = Record({**message.usage, **(event.get("usage") or {})})

    def _delta(self, block: Record, event: MessageStreamEvent) -> None:
        delta = event.delta
        if delta.type in _APPENDING:
            source, member = _APPENDING[delta.type]
            block[member] = (block.get(member) or "") + delta[source]
        elif delta.type == "input_json_delta":
            self._json.setdefault(event.index, []).append(delta.partial_json)
        elif delta.type == "citations_delta":
            block.citations = [*(block.get("citations") or ()), delta.citation]

    def message(self, facts: GatewayFacts) -> Message:
        """The message as collected so far."""
        if self._message is None:
            from .errors import StreamInterrupted

            raise StreamInterrupted("the stream ended before the message began")
        message = AssembledMessage(encode(self._message))
        message._facts = facts
        return message
