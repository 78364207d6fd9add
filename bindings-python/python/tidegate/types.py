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

    from typing_extensions import Self

    from ._facts import GatewayFacts
    from ._native import Head

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

else:
    FunctionCall = ToolCall = ChatMessage = CompletionUsage = Choice = ChoiceDelta = ChunkChoice = Record
    ContentBlock = MessageUsage = ContentDelta = Embedding = Record
    OutputContent = OutputItem = ResponseUsage = Record

__all__ = [
    "Batch",
    "BatchList",
    "ChatCompletion",
    "ChatCompletionChunk",
    "ChatMessage",
    "Choice",
    "ChoiceDelta",
    "ChunkChoice",
    "Completion",
    "CompletionUsage",
    "ContentBlock",
    "ContentDelta",
    "CreateEmbeddingResponse",
    "Deleted",
    "Embedding",
    "FileList",
    "FileObject",
    "FunctionCall",
    "ImagesResponse",
    "Message",
    "MessageStreamEvent",
    "MessageUsage",
    "Model",
    "ModelList",
    "ModerationCreateResponse",
    "OutputContent",
    "OutputItem",
    "Record",
    "Reply",
    "ReplyEvent",
    "RerankResponse",
    "Response",
    "ResponseStreamEvent",
    "ResponseUsage",
    "TextReply",
    "TokenCount",
    "ToolCall",
    "Transcription",
    "Translation",
    "Video",
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


class Model(Reply):
    """One model."""

    __slots__ = ()
    id: str
    created: int
    owned_by: str


class ModelList(Reply):
    """The models the caller may use. Iterating gives the models."""

    __slots__ = ()
    data: list[Model]

    def __iter__(self) -> Iterator[Model]:
        return iter(self.data)

    def __len__(self) -> int:
        return len(self.data)


class Completion(Reply):
    """A text completion (OpenAI `text_completion`), or a piece of a streamed one."""

    __slots__ = ()
    id: str
    created: int
    model: str
    choices: list[Record]
    usage: CompletionUsage | None


class ImagesResponse(Reply):
    """Pictures: `b64_json` or `url` of each is in `data`."""

    __slots__ = ()
    created: int
    data: list[Record]
    usage: Record | None


class ReplyEvent(Reply):
    """An event of a stream; `type` says which members it has."""

    __slots__ = ()
    type: str


class Transcription(Reply):
    """What was said in a recording."""

    __slots__ = ()
    text: str
    usage: Record | None


class Translation(Reply):
    """What was said in a recording, in English."""

    __slots__ = ()
    text: str


class ModerationCreateResponse(Reply):
    """What a text or picture was flagged for."""

    __slots__ = ()
    id: str
    model: str
    results: list[Record]


class Explanation(Reply):
    """What would become of a request, and why."""

    __slots__ = ()
    #: `does` (`ask`, `cached`, `local` or `refuse`), `target`, `by_chance`, `reserves`, `error`.
    outcome: Record
    #: The request, as it was understood.
    request: Record
    #: Id of the caller's key, or of the nearest level it is called for; None for root.
    identity: str | None
    #: The levels that the call must fit into, outermost first: `level`, `id`, `active`,
    #: `budget_used`, `limit_used`. None for root.
    chain: list[Record] | None
    #: Whether limits and budgets let it in, and which does not.
    admission: Record
    #: The rules that were considered, in order.
    rules: list[Record]
    #: The route; None where the name leads to none.
    route: Record | None
    #: Whether an answer is stored.
    cache: Record
    #: Targets in the order they would be asked, then those that would not be; each with why.
    targets: list[Record]
    #: What follows when all of those have failed.
    fallbacks: list[Record]
    #: What follows certain failures, by cause.
    fallbacks_on: Record


class RerankResponse(Reply):
    """Places of the best documents and how well they suit, best first."""

    __slots__ = ()
    id: str
    results: list[Record]
    meta: Record | None


class FileObject(Reply):
    """A file that a vendor keeps."""

    __slots__ = ()
    id: str
    bytes: int
    created_at: int
    filename: str
    purpose: str
    status: str


class Batch(Reply):
    """A batch of calls and how far it is."""

    __slots__ = ()
    id: str
    status: str
    input_file_id: str
    output_file_id: str | None
    error_file_id: str | None
    request_counts: Record


class Video(Reply):
    """A film and how far it is."""

    __slots__ = ()
    id: str
    model: str
    status: str
    progress: int


class Deleted(Reply):
    """What was deleted."""

    __slots__ = ()
    id: str
    deleted: bool


class TokenCount(Reply):
    """How many tokens a request has."""

    __slots__ = ()
    input_tokens: int


class _List(Reply):
    """A page of things a vendor keeps. Iterating gives them."""

    __slots__ = ()
    has_more: bool

    def __iter__(self) -> Iterator[Any]:
        return iter(self["data"])

    def __len__(self) -> int:
        return len(self["data"])


class FileList(_List):
    """A page of files."""

    __slots__ = ()
    data: list[Record]


class BatchList(_List):
    """A page of batches, or of films."""

    __slots__ = ()
    data: list[Record]


class TextReply(str):
    """A reply that is no JSON, such as subtitles: a text that also tells what the gateway did."""

    __slots__ = ("_head",)
    _head: Head

    @classmethod
    def of(cls, raw: bytes, head: Head) -> Self:
        """The text of a body."""
        self = cls(raw.decode("utf-8", "replace"))
        self._head = head
        return self

    @property
    def gateway(self) -> GatewayFacts:
        """What the gateway did with the call."""
        from ._facts import GatewayFacts

        return GatewayFacts(self._head)
