"""The vendors' words beyond conversations: one line a method.

Ids of the path are given by place or by name, everything else by name. `provider` asks a provider
by name where no model says who is meant; without it that is OpenAI, and Anthropic for `messages`.
"""

from __future__ import annotations

from ._methods import BytesMethod, C, Home, Method, Request, Resource
from .types import (
    Batch,
    BatchList,
    Completion,
    Deleted,
    Explanation,
    FileList,
    FileObject,
    ImagesResponse,
    Model,
    ModerationCreateResponse,
    Reply,
    ReplyEvent,
    RerankResponse,
    Response,
    TokenCount,
    Transcription,
    Translation,
    Video,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ._core import Headers


class TextCompletions(Resource[C]):
    """Text completions, OpenAI's older format."""

    create = Method("POST /v1/completions", Completion, events=Completion, needs="model")


class Images(Resource[C]):
    """Pictures, in OpenAI's words."""

    generate = Method("POST /v1/images/generations", ImagesResponse, events=ReplyEvent, needs="prompt")
    edit = Method("POST /v1/images/edits", ImagesResponse, form=True, events=ReplyEvent, needs="image prompt")
    create_variation = Method("POST /v1/images/variations", ImagesResponse, form=True, needs="image")


class Speech(Resource[C]):
    """Text to sound. The reply is read whole, or iterated piece by piece as it comes."""

    create = BytesMethod("POST /v1/audio/speech", needs="model input")


class Transcriptions(Resource[C]):
    """Sound to text."""

    create = Method("POST /v1/audio/transcriptions", Transcription, form=True, events=ReplyEvent, needs="file model")


class Translations(Resource[C]):
    """Sound to English text."""

    create = Method("POST /v1/audio/translations", Translation, form=True, needs="file model")


class Audio(Resource[C]):
    """Sound, in OpenAI's words."""

    @property
    def speech(self) -> Speech[C]:
        """`audio.speech.create(...)`."""
        return Speech(self._caller)

    @property
    def transcriptions(self) -> Transcriptions[C]:
        """`audio.transcriptions.create(...)`."""
        return Transcriptions(self._caller)

    @property
    def translations(self) -> Translations[C]:
        """`audio.translations.create(...)`."""
        return Translations(self._caller)


class Moderations(Resource[C]):
    """Whether a text or picture breaks the vendor's rules."""

    create = Method("POST /v1/moderations", ModerationCreateResponse, needs="input")


class Files(Resource[C]):
    """Files a vendor keeps."""

    create = Method("POST /v1/files", FileObject, form=True, needs="file")
    list = Method("GET /v1/files", FileList)
    retrieve = Method("GET /v1/files/{file_id}", FileObject)
    delete = Method("DELETE /v1/files/{file_id}", Deleted)
    content = BytesMethod("GET /v1/files/{file_id}/content")


class Batches(Resource[C]):
    """Calls that a vendor answers within hours, at a lower price."""

    create = Method("POST /v1/batches", Batch)
    list = Method("GET /v1/batches", BatchList)
    retrieve = Method("GET /v1/batches/{batch_id}", Batch)
    cancel = Method("POST /v1/batches/{batch_id}/cancel", Batch, empty=True)


class MessageBatches(Resource[C]):
    """The same in Anthropic's words."""

    create = Method("POST /v1/messages/batches", Reply, needs="requests")
    list = Method("GET /v1/messages/batches", BatchList)
    retrieve = Method("GET /v1/messages/batches/{message_batch_id}", Reply)
    cancel = Method("POST /v1/messages/batches/{message_batch_id}/cancel", Reply, empty=True)
    delete = Method("DELETE /v1/messages/batches/{message_batch_id}", Deleted)
    results = BytesMethod("GET /v1/messages/batches/{message_batch_id}/results")


class Videos(Resource[C]):
    """Films, in OpenAI's words."""

    create = Method("POST /v1/videos", Video, form=True, needs="prompt")
    list = Method("GET /v1/videos", BatchList)
    retrieve = Method("GET /v1/videos/{video_id}", Video)
    delete = Method("DELETE /v1/videos/{video_id}", Deleted)
    download_content = BytesMethod("GET /v1/videos/{video_id}/content")


class Ocr(Resource[C]):
    """Text of documents, in Mistral's words."""

    process = Method("POST /v1/ocr", Reply, needs="model document")


class Reranking(Resource[C]):
    """Which documents suit a question best, in Cohere's words."""

    rerank = Method("POST /v1/rerank", RerankResponse, needs="model query documents")


_EXPLAIN = Method("POST /api/explain", Explanation)


def explanation(request: Mapping[str, Any] | str | None, path: str, method: str, extra_headers: Headers) -> Request:
    """The call that asks what would become of a request."""
    told = {"method": method, "path": path, "headers": dict(extra_headers or {}), "body": request}
    return Request(_EXPLAIN, (), extra_body=told)


class KeptResponses(Resource[C]):
    """Responses a vendor keeps."""

    retrieve = Method("GET /v1/responses/{response_id}", Response)
    delete = Method("DELETE /v1/responses/{response_id}", Deleted)
    cancel = Method("POST /v1/responses/{response_id}/cancel", Response, empty=True)


class CountedMessages(Resource[C]):
    """What there is of messages besides messages."""

    count_tokens = Method("POST /v1/messages/count_tokens", TokenCount, needs="model messages")

    @property
    def batches(self) -> MessageBatches[C]:
        """Messages that are answered within a day."""
        return MessageBatches(self._caller)


class KnownModels(Resource[C]):
    """One model."""

    retrieve = Method("GET /v1/models/{model}", Model)


class Words(Home[C]):
    """The groups of a gateway that are made when they are asked for."""

    __slots__ = ()

    @property
    def completions(self) -> TextCompletions[C]:
        """`completions.create(...)`."""
        return TextCompletions(self._caller)

    @property
    def images(self) -> Images[C]:
        """`images.generate(...)`, `edit`, `create_variation`."""
        return Images(self._caller)

    @property
    def audio(self) -> Audio[C]:
        """`audio.speech.create(...)`, `audio.transcriptions.create`, `audio.translations.create`."""
        return Audio(self._caller)

    @property
    def moderations(self) -> Moderations[C]:
        """`moderations.create(...)`."""
        return Moderations(self._caller)

    @property
    def files(self) -> Files[C]:
        """`files.create(...)`, `list`, `retrieve`, `delete`, `content`."""
        return Files(self._caller)

    @property
    def batches(self) -> Batches[C]:
        """`batches.create(...)`, `list`, `retrieve`, `cancel`."""
        return Batches(self._caller)

    @property
    def videos(self) -> Videos[C]:
        """`videos.create(...)`, `list`, `retrieve`, `delete`, `download_content`."""
        return Videos(self._caller)

    @property
    def ocr(self) -> Ocr[C]:
        """`ocr.process(...)`."""
        return Ocr(self._caller)
