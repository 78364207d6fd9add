"""The vendors' vocabulary for event loops: `chat.completions`, `messages`, `responses` and so on."""

from __future__ import annotations

from ._async_streams import AsyncChatStream, AsyncMessageEvents, AsyncMessageStream, AsyncResponseEvents
from ._core import body, headers
from ._endpoints import CountedMessages, KeptResponses, KnownModels
from ._resources import CHAT, EMBEDDINGS, MESSAGES, MODELS, RESPONSES
from .types import ChatCompletion, CreateEmbeddingResponse, Message, ModelList, Response

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any, Literal, overload

    from ._async_caller import AsyncCaller
    from ._async_sessions import AsyncSessionManager
    from ._core import Headers
else:

    def overload(function):
        return None


class AsyncCompletions:
    """Chat completions, in OpenAI's words, on any target."""

    __slots__ = ("_caller",)

    def __init__(self, caller: AsyncCaller) -> None:
        self._caller = caller

    @overload
    async def create(
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
    async def create(
        self,
        *,
        model: str,
        messages: Iterable[Any],
        stream: Literal[True],
        extra_headers: Headers = None,
        extra_body: Mapping[str, Any] | None = None,
        timeout: float | None = None,
        **params: Any,
    ) -> AsyncChatStream: ...

    @overload
    async def create(
        self,
        *,
        model: str,
        messages: Iterable[Any],
        stream: bool,
        extra_headers: Headers = None,
        extra_body: Mapping[str, Any] | None = None,
        timeout: float | None = None,
        **params: Any,
    ) -> ChatCompletion | AsyncChatStream: ...

    async def create(
        self,
        *,
        model: str,
        messages: Iterable[Any],
        stream: bool = False,
        extra_headers: Headers = None,
        extra_body: Mapping[str, Any] | None = None,
        timeout: float | None = None,
        **params: Any,
    ) -> ChatCompletion | AsyncChatStream:
        """Asks for the next turn of a conversation.

        `model` is a configured name, `provider/model`, or a model the catalogue knows. With
        `stream=True` the reply comes chunk by chunk. Every other parameter goes into the request as
        it is. `timeout` is the limit for the whole call in seconds.

        Raises a subclass of `TidegateError`, the one of the error's code.
        """
        fields = {"model": model, "messages": messages, **params}
        if stream:
            fields["stream"] = True
            return AsyncChatStream(
                *await self._caller.stream(CHAT, headers(extra_headers, timeout), body(fields, extra_body))
            )
        head, raw = await self._caller.reply("POST", CHAT, headers(extra_headers, timeout), body(fields, extra_body))
        return ChatCompletion(raw, head)


class AsyncChat:
    """Conversations."""

    __slots__ = ("completions",)

    def __init__(self, caller: AsyncCaller) -> None:
        self.completions = AsyncCompletions(caller)


class AsyncMessages(CountedMessages["AsyncCaller"]):
    """Messages, in Anthropic's words, on any target."""

    @overload
    async def create(
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
    async def create(
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
    ) -> AsyncMessageEvents: ...

    @overload
    async def create(
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
    ) -> Message | AsyncMessageEvents: ...

    async def create(
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
    ) -> Message | AsyncMessageEvents:
        """Asks for a message. The parameters are as for `chat.completions.create`."""
        fields = {"model": model, "max_tokens": max_tokens, "messages": messages, **params}
        if stream:
            fields["stream"] = True
            return AsyncMessageEvents(
                *await self._caller.stream(MESSAGES, headers(extra_headers, timeout), body(fields, extra_body))
            )
        head, raw = await self._caller.reply(
            "POST", MESSAGES, headers(extra_headers, timeout), body(fields, extra_body)
        )
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
    ) -> AsyncMessageStream:
        """Streams a message with helpers: `async with gw.messages.stream(...) as stream: ...`."""
        return AsyncMessageStream(
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


class AsyncResponses(KeptResponses["AsyncCaller"]):
    """Responses, in the words of OpenAI's newer API, on any target."""

    @overload
    async def create(
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
    async def create(
        self,
        *,
        model: str,
        input: str | Iterable[Any],
        stream: Literal[True],
        extra_headers: Headers = None,
        extra_body: Mapping[str, Any] | None = None,
        timeout: float | None = None,
        **params: Any,
    ) -> AsyncResponseEvents: ...

    @overload
    async def create(
        self,
        *,
        model: str,
        input: str | Iterable[Any],
        stream: bool,
        extra_headers: Headers = None,
        extra_body: Mapping[str, Any] | None = None,
        timeout: float | None = None,
        **params: Any,
    ) -> Response | AsyncResponseEvents: ...

    async def create(
        self,
        *,
        model: str,
        input: str | Iterable[Any],
        stream: bool = False,
        extra_headers: Headers = None,
        extra_body: Mapping[str, Any] | None = None,
        timeout: float | None = None,
        **params: Any,
    ) -> Response | AsyncResponseEvents:
        """Asks for a response. The parameters are as for `chat.completions.create`."""
        fields = {"model": model, "input": input, **params}
        if stream:
            fields["stream"] = True
            return AsyncResponseEvents(
                *await self._caller.stream(RESPONSES, headers(extra_headers, timeout), body(fields, extra_body))
            )
        head, raw = await self._caller.reply(
            "POST", RESPONSES, headers(extra_headers, timeout), body(fields, extra_body)
        )
        return Response(raw, head)

    def connect(self, *, extra_headers: Headers = None, provider: str | None = None) -> AsyncSessionManager:
        """A session of many responses; each `response.create` names its model."""
        from ._async_sessions import AsyncSessionManager
        from ._sessions import prefix

        return AsyncSessionManager(self._caller, prefix(provider) + RESPONSES, extra_headers)


class AsyncEmbeddings:
    """Embeddings, in OpenAI's words."""

    __slots__ = ("_caller",)

    def __init__(self, caller: AsyncCaller) -> None:
        self._caller = caller

    async def create(
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
        head, raw = await self._caller.reply(
            "POST", EMBEDDINGS, headers(extra_headers, timeout), body(fields, extra_body)
        )
        return CreateEmbeddingResponse(raw, head)


class AsyncModels(KnownModels["AsyncCaller"]):
    """The models the caller may use."""

    async def list(self, *, extra_headers: Headers = None, timeout: float | None = None) -> ModelList:
        """Lists them: configured names first, then what the providers offer."""
        head, raw = await self._caller.reply("GET", MODELS, headers(extra_headers, timeout), b"")
        return ModelList(raw, head)
