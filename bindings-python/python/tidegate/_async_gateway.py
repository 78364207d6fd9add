"""The gateway for event loops."""

from __future__ import annotations

from asyncio import get_running_loop

from ._async_caller import AsyncCaller
from ._async_resources import AsyncChat, AsyncEmbeddings, AsyncMessages, AsyncModels, AsyncResponses
from ._base import BaseGateway
from ._core import CLOSE_DEADLINE
from ._endpoints import Reranking, Words, explanation
from ._loop import bridge

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType
    from typing import Any

    from typing_extensions import Self

    from ._methods import AsyncCalls
    from ._native import Engine
    from ._raw import AsyncRawReply
    from ._sessions import AsyncLive, AsyncRealtime
    from .types import Explanation, RerankResponse


class AsyncGateway(BaseGateway, Words["AsyncCaller"]):
    """An AI gateway inside this process, for event loops.

    One gateway serves any number of loops in any number of threads; a stream belongs to the loop
    that opened it. After a fork it works in the child too, on a loop of the child.
    """

    __slots__ = ("_caller", "chat", "embeddings", "messages", "models", "rerank", "responses")

    #: `await chat.completions.create(...)`.
    chat: AsyncChat
    #: `await messages.create(...)` and `async with messages.stream(...)`.
    messages: AsyncMessages
    #: `await responses.create(...)`.
    responses: AsyncResponses
    #: `await embeddings.create(...)`.
    embeddings: AsyncEmbeddings
    #: `await models.list()`.
    models: AsyncModels
    #: `await rerank(model=..., query=..., documents=...)`.
    rerank: AsyncCalls[RerankResponse]

    def _set(self, engine: Engine, key: str | None, *, owner: bool) -> None:
        super()._set(engine, key, owner=owner)
        self._caller = caller = AsyncCaller(engine, key)
        self.chat = AsyncChat(caller)
        self.messages = AsyncMessages(caller)
        self.responses = AsyncResponses(caller)
        self.embeddings = AsyncEmbeddings(caller)
        self.models = AsyncModels(caller)
        self.rerank = Reranking(caller).rerank

    @property
    def realtime(self) -> AsyncRealtime[AsyncCaller]:
        """`realtime.connect(model=...)`: a session of OpenAI's Realtime API."""
        from ._sessions import AsyncRealtime

        return AsyncRealtime(self._caller)

    @property
    def live(self) -> AsyncLive[AsyncCaller]:
        """`live.connect(model=..., setup=...)`: a session of Gemini's Live API."""
        from ._sessions import AsyncLive

        return AsyncLive(self._caller)

    async def explain(
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
        return await self._caller.perform(told)  # type: ignore[no-any-return]

    async def request(
        self,
        method: str,
        target: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | str | Mapping[str, Any] | None = None,
    ) -> AsyncRawReply:
        """The raw door: any request the HTTP server would take, answered as it would answer.

        `target` is a path, or the absolute URL of a vendor. A mapping as `body` goes as JSON.
        Errors are answers too; nothing is raised for a status.
        """
        from ._raw import AsyncRawReply, octets

        here = bridge()
        pairs = None if headers is None else list(headers.items())
        outcome = await here.call(self._engine, True, method, target, pairs, octets(body), self._key)
        return AsyncRawReply(here, *outcome)

    async def aclose(self, deadline: float = CLOSE_DEADLINE) -> None:
        """The same as `close`, without holding up the loop."""
        if self._owner:
            await get_running_loop().run_in_executor(None, self._engine.close, deadline)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
