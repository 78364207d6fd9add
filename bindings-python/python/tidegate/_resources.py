"""The vendors' vocabulary for blocking code: `chat.completions`, `messages`, `responses` and so on."""

from __future__ import annotations

from ._core import body, headers
from ._endpoints import CountedMessages, KeptResponses, KnownModels
from ._streams import ChatStream, MessageEvents, MessageStream, ResponseEvents
from .types import ChatCompletion, CreateEmbeddingResponse, Message, ModelList, Response

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any, Literal, overload

    from ._caller import Caller
    from ._core import Headers
    from ._sessions import SessionManager
else:

    def overload(function):
        return None


CHAT = "/v1/chat/completions"
MESSAGES = "/v1/messages"
RESPONSES = "/v1/responses"
EMBEDDINGS = "/v1/embeddings"
MODELS = "/v1/models"


class Completions:
    """Chat completions, in OpenAI's words, on any target."""

    __slots__ = ("_caller",)

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    @overload
    def create(
        self,
        *,
        model: str,
        messages: Iterable[Any],
        stream: Literal[False] = False,
        extra_headers: Headers = None,
        extra_body: Mapping[str, Any] | None = None,
        timeout: float | None = None,
        **params: Any,
    ) -> ChatCompletion: ...

    @overload
    def create(
        self,
        *,
        model: str,
        messages: Iterable[Any],
        stream: Literal[True],
        extra_headers: Headers = None,
        extra_body: Mapping[str, Any] | None = None,
        timeout: float | None = None,
        **params: Any,
    ) -> ChatStream: ...

    @overload
    def create(
        self,
        *,
        model: str,
        messages: Iterable[Any],
        stream: bool,
        extra_headers: Headers = None,
        extra_body: Mapping[str, Any] | None = None,
        timeout: float | None = None,
        **params: Any,
    ) -> ChatCompletion | ChatStream: ...

    def create(
        self,
        *,
        model: str,
        messages: Iterable[Any],
        stream: bool = False,
        extra_headers: Headers = None,
        extra_body: Mapping[str, Any] | None = None,
        timeout: float | None = None,
        **params: Any,
    ) -> ChatCompletion | ChatStream:
        """Asks for the next turn of a conversation.

        `model` is a configured name, `provider/model`, or a model the catalogue knows. With
        `stream=True` the reply comes chunk by chunk. Every other parameter goes into the request as
        it is. `timeout` is the limit for the whole call in seconds.

        Raises a subclass of `TidegateError`, the one of the error's code.
        """
        fields = {"model": model, "messages": messages, **params}
        if stream:
            fields["stream"] = True
            return ChatStream(*self._caller.stream(CHAT, headers(extra_headers, timeout), body(fields, extra_body)))
        head, raw = self._caller.reply("POST", CHAT, headers(extra_headers, timeout), body(fields, extra_body))
        return ChatCompletion(raw, head)


class Chat:
    """Conversations."""

    __slots__ = ("completions",)

    def __init__(self, caller: Caller) -> None:
        self.completions = Completions(caller)


class Messages(CountedMessages["Caller"]):
    """Messages, in Anthropic's words, on any target."""

    @overload
    def create(
        self,
        *,
        model: str,
        max_tokens: int,
        messages: Iterable[Any],
        stream: Literal[False] = False,
        extra_headers: Headers = None,
        extra_body: Mapping[str, Any] | None = None,
        timeout: float | None = None,
        **params: Any,
    ) -> Message: ...

    @overload
    def create(
        self,
        *,
        model: str,
        max_tokens: int,
        messages: Iterable[Any],
        stream: Literal[True],
        extra_headers: Headers = None,
        extra_body: Mapping[str, Any] | None = None,
        timeout: float | None = None,
        **params: Any,
    ) -> MessageEvents: ...

    @overload
    def create(
        self,
        *,
        model: str,
        max_tokens: int,
        messages: Iterable[Any],
        stream: bool,
        extra_headers: Headers = None,
        extra_body: Mapping[str, Any] | None = None,
        timeout: float | None = None,
        **params: Any,
    ) -> Message | MessageEvents: ...

    def create(
        self,
        *,
        model: str,
        max_tokens: int,
        messages: Iterable[Any],
        stream: bool = False,
        extra_headers: Headers = None,
        extra_body: Mapping[str, Any] | None = None,
        timeout: float | None = None,
        **params: Any,
    ) -> Message | MessageEvents:
        """Asks for a message. The parameters are as for `chat.completions.create`."""
        fields = {"model": model, "max_tokens": max_tokens, "messages": messages, **params}
        if stream:
            fields["stream"] = True
            return MessageEvents(
                *self._caller.stream(MESSAGES, headers(extra_headers, timeout), body(fields, extra_body))
            )
        head, raw = self._caller.reply("POST", MESSAGES, headers(extra_headers, timeout), body(fields, extra_body))
        return Message(raw, head)

    def stream(
        self,
        *,
        model: str,
        max_tokens: int,
        messages: Iterable[Any],
        extra_headers: Headers = None,
        extra_body: Mapping[str, Any] | None = None,
        timeout: float | None = None,
        **params: Any,
    ) -> MessageStream:
        """Streams a message with helpers: `with gw.messages.stream(...) as stream: ...`."""
        return MessageStream(
            lambda: self.create(
                model=model,
                max_tokens=max_tokens,
                messages=messages,
                stream=True,
                extra_headers=extra_headers,
                extra_body=extra_body,
                timeout=timeout,
                **params,
            )
        )


class Responses(KeptResponses["Caller"]):
    """Responses, in the words of OpenAI's newer API, on any target."""

    @overload
    def create(
        self,
        *,
        model: str,
        input: str | Iterable[Any],
        stream: Literal[False] = False,
        extra_headers: Headers = None,
        extra_body: Mapping[str, Any] | None = None,
        timeout: float | None = None,
        **params: Any,
    ) -> Response: ...

    @overload
    def create(
        self,
        *,
        model: str,
        input: str | Iterable[Any],
        stream: Literal[True],
        extra_headers: Headers = None,
        extra_body: Mapping[str, Any] | None = None,
        timeout: float | None = None,
        **params: Any,
    ) -> ResponseEvents: ...

    @overload
    def create(
        self,
        *,
        model: str,
        input: str | Iterable[Any],
        stream: bool,
        extra_headers: Headers = None,
        extra_body: Mapping[str, Any] | None = None,
        timeout: float | None = None,
        **params: Any,
    ) -> Response | ResponseEvents: ...

    def create(
        self,
        *,
        model: str,
        input: str | Iterable[Any],
        stream: bool = False,
        extra_headers: Headers = None,
        extra_body: Mapping[str, Any] | None = None,
        timeout: float | None = None,
        **params: Any,
    ) -> Response | ResponseEvents:
        """Asks for a response. The parameters are as for `chat.completions.create`."""
        fields = {"model": model, "input": input, **params}
        if stream:
            fields["stream"] = True
            return ResponseEvents(
                *self._caller.stream(RESPONSES, headers(extra_headers, timeout), body(fields, extra_body))
            )
        head, raw = self._caller.reply("POST", RESPONSES, headers(extra_headers, timeout), body(fields, extra_body))
        return Response(raw, head)

    def connect(self, *, extra_headers: Headers = None, provider: str | None = None) -> SessionManager:
        """A session of many responses; each `response.create` names its model."""
        from ._sessions import SessionManager, prefix

        return SessionManager(self._caller, prefix(provider) + RESPONSES, extra_headers)


class Embeddings:
    """Embeddings, in OpenAI's words."""

    __slots__ = ("_caller",)

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def create(
        self,
        *,
        model: str,
        input: str | Sequence[Any],
        extra_headers: Headers = None,
        extra_body: Mapping[str, Any] | None = None,
        timeout: float | None = None,
        **params: Any,
    ) -> CreateEmbeddingResponse:
        """Asks for the embeddings of one or several inputs."""
        fields = {"model": model, "input": input, **params}
        head, raw = self._caller.reply("POST", EMBEDDINGS, headers(extra_headers, timeout), body(fields, extra_body))
        return CreateEmbeddingResponse(raw, head)


class Models(KnownModels["Caller"]):
    """The models the caller may use."""

    def list(self, *, extra_headers: Headers = None, timeout: float | None = None) -> ModelList:
        """Lists them: configured names first, then what the providers offer."""
        head, raw = self._caller.reply("GET", MODELS, headers(extra_headers, timeout), b"")
        return ModelList(raw, head)
