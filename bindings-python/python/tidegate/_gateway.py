"""The gateway for blocking code."""

from __future__ import annotations

from ._base import BaseGateway
from ._caller import Caller
from ._endpoints import Reranking, Words, explanation
from ._resources import Chat, Embeddings, Messages, Models, Responses

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType
    from typing import Any

    from typing_extensions import Self

    from ._methods import Calls
    from ._native import Engine
    from ._raw import RawReply
    from ._sessions import Live, Realtime
    from .types import Explanation, RerankResponse


class Gateway(BaseGateway, Words["Caller"]):
    """An AI gateway inside this process, for blocking code. Safe to share between threads.

    After a fork it works in the child too.
    """

    __slots__ = ("_caller", "chat", "embeddings", "messages", "models", "rerank", "responses")

    #: `chat.completions.create(...)`.
    chat: Chat
    #: `messages.create(...)` and `messages.stream(...)`.
    messages: Messages
    #: `responses.create(...)`.
    responses: Responses
    #: `embeddings.create(...)`.
    embeddings: Embeddings
    #: `models.list()`.
    models: Models
    #: `rerank(model=..., query=..., documents=...)`.
    rerank: Calls[RerankResponse]

    def _set(self, engine: Engine, key: str | None, *, owner: bool) -> None:
        super()._set(engine, key, owner=owner)
        self._caller = caller = Caller(engine, key)
        self.chat = Chat(caller)
        self.messages = Messages(caller)
        self.responses = Responses(caller)
        self.embeddings = Embeddings(caller)
        self.models = Models(caller)
        self.rerank = Reranking(caller).rerank

    @property
    def realtime(self) -> Realtime[Caller]:
        """`realtime.connect(model=...)`: a session of OpenAI's Realtime API."""
        from ._sessions import Realtime

        return Realtime(self._caller)

    @property
    def live(self) -> Live[Caller]:
        """`live.connect(model=..., setup=...)`: a session of Gemini's Live API."""
        from ._sessions import Live

        return Live(self._caller)

    def explain(
        self,
        request: Mapping[str, Any] | str | None,
        *,
        path: str = "/v1/chat/completions",
        method: str = "POST",
        headers: Mapping[str, str] | None = None,
    ) -> Explanation:
        """What the gateway would do with a request that came now, and why.

        `request` is the body that would be sent to `path`, with `headers` such as `x-tidegate-tags`.
        Nothing is called and nothing changes. Limits, budgets and rules that refuse the request are
        part of the explanation; a body that cannot be read and a wrong key raise.
        """
        told = explanation(request, path, method, headers)
        return self._caller.perform(told)  # type: ignore[no-any-return]

    def request(
        self,
        method: str,
        target: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | str | Mapping[str, Any] | None = None,
    ) -> RawReply:
        """The raw door: any request the HTTP server would take, answered as it would answer.

        `target` is a path, or the absolute URL of a vendor. A mapping as `body` goes as JSON.
        Errors are answers too; nothing is raised for a status.
        """
        from ._raw import RawReply, octets

        pairs = None if headers is None else list(headers.items())
        outcome = self._engine.call(True, method, target, pairs, octets(body), self._key, None)
        return RawReply(*outcome)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
