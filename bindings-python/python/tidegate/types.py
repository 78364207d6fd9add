"""The shapes of replies, for annotations and editors.

Whole replies and stream chunks are classes of their own. What is inside them is a `Record` (a dict
whose members are attributes); the names below say which members the vendors document. Members that
a vendor adds later are there too, untyped.
"""

from __future__ import annotations

from ._records import Record, Reply

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    class FunctionCall(Record):
        name: str
        arguments: str

    class ToolCall(Record):
        index: int
        id: str
        type: str
        function: FunctionCall

    class ChatMessage(Record):
        role: str
        content: str | None
        refusal: str | None
        tool_calls: list[ToolCall] | None
        annotations: list[Record] | None

    class CompletionUsage(Record):
        prompt_tokens: int
        completion_tokens: int
        total_tokens: int
        prompt_tokens_details: Record | None
        completion_tokens_details: Record | None

    class Choice(Record):
        index: int
        message: ChatMessage
        finish_reason: str | None
        logprobs: Record | None

    class ChoiceDelta(Record):
        role: str | None
        content: str | None
        refusal: str | None
        tool_calls: list[ToolCall] | None

    class ChunkChoice(Record):
        index: int
        delta: ChoiceDelta
        finish_reason: str | None
        logprobs: Record | None

    class ContentBlock(Record):
        type: str
        text: str
        thinking: str
        id: str
        name: str
        input: dict[str, Any]
        citations: list[Record] | None

    class MessageUsage(Record):
        input_tokens: int
        output_tokens: int
        cache_creation_input_tokens: int | None
        cache_read_input_tokens: int | None

    class ContentDelta(Record):
        type: str
        text: str
        thinking: str
        partial_json: str
        stop_reason: str | None
        stop_sequence: str | None

    class OutputContent(Record):
        type: str
        text: str
        refusal: str
        annotations: list[Record]

    class OutputItem(Record):
        id: str
        type: str
        role: str
        content: list[OutputContent]
        summary: list[Record]
        call_id: str
        name: str
        arguments: str

    class ResponseUsage(Record):
        input_tokens: int
        output_tokens: int
        total_tokens: int
        input_tokens_details: Record
        output_tokens_details: Record

    class Embedding(Record):
        index: int
        embedding: list[float]

    class Model(Record):
        id: str
        object: str
        created: int
        owned_by: str

else:
    FunctionCall = ToolCall = ChatMessage = CompletionUsage = Choice = ChoiceDelta = ChunkChoice = Record
    ContentBlock = MessageUsage = ContentDelta = Embedding = Model = Record
    OutputContent = OutputItem = ResponseUsage = Record

__all__ = [
    "ChatCompletion",
    "ChatCompletionChunk",
    "ChatMessage",
    "Choice",
    "ChoiceDelta",
    "ChunkChoice",
    "CompletionUsage",
    "ContentBlock",
    "ContentDelta",
    "CreateEmbeddingResponse",
    "Embedding",
    "FunctionCall",
    "Message",
    "MessageStreamEvent",
    "MessageUsage",
    "Model",
    "ModelList",
    "OutputContent",
    "OutputItem",
    "Record",
    "Reply",
    "Response",
    "ResponseStreamEvent",
    "ResponseUsage",
    "ToolCall",
]


class ChatCompletion(Reply):
    """A complete chat reply (OpenAI `chat.completion`)."""

    __slots__ = ()
    id: str
    created: int
    model: str
    choices: list[Choice]
    usage: CompletionUsage


class ChatCompletionChunk(Reply):
    """A piece of a streamed chat reply (OpenAI `chat.completion.chunk`)."""

    __slots__ = ()
    id: str
    created: int
    model: str
    choices: list[ChunkChoice]
    usage: CompletionUsage | None


class Message(Reply):
    """A complete reply of the messages API (Anthropic `message`)."""

    __slots__ = ()
    id: str
    type: str
    role: str
    model: str
    content: list[ContentBlock]
    stop_reason: str | None
    stop_sequence: str | None
    usage: MessageUsage


class MessageStreamEvent(Reply):
    """An event of a streamed reply of the messages API; `type` says which members it has."""

    __slots__ = ()
    type: str
    index: int
    message: Record
    content_block: ContentBlock
    delta: ContentDelta
    usage: MessageUsage


class Response(Reply):
    """A complete reply of the Responses API (OpenAI `response`)."""

    __slots__ = ()
    id: str
    created_at: int
    model: str
    status: str
    output: list[OutputItem]
    incomplete_details: Record | None
    usage: ResponseUsage

    @property
    def output_text(self) -> str:
        """The words of the reply, without reasoning and calls."""
        contents = (part for item in self.output if item.type == "message" for part in item.content)
        return "".join(part.text for part in contents if part.type == "output_text")


class ResponseStreamEvent(Reply):
    """An event of a streamed reply of the Responses API; `type` says which members it has."""

    __slots__ = ()
    type: str
    sequence_number: int
    output_index: int
    content_index: int
    item_id: str
    delta: str
    text: str
    item: OutputItem
    response: Record


class CreateEmbeddingResponse(Reply):
    """Embeddings, in the order of the inputs."""

    __slots__ = ()
    model: str
    data: list[Embedding]
    usage: CompletionUsage


class ModelList(Reply):
    """The models the caller may use. Iterating gives the models."""

    __slots__ = ()
    data: list[Model]

    def __iter__(self) -> Iterator[Model]:
        return iter(self.data)

    def __len__(self) -> int:
        return len(self.data)
