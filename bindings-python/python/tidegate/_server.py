"""A running HTTP server."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from . import _native


class Server:
    """An HTTP server over a gateway of this process, started by `Gateway.serve`.

    It serves on threads of the engine until `shutdown`, the end of its `with` statement, or the end
    of the process.
    """

    __slots__ = ("_server", "url")

    #: Where it listens, such as `http://127.0.0.1:8787`.
    url: str

    def __init__(self, server: _native.Server) -> None:
        self._server = server
        self.url = server.url()

    def shutdown(self, deadline: float | None = None) -> None:
        """Stops accepting and waits up to `deadline` seconds for running calls, then ends them.

        The default is `server.drain` of the configuration.
        """
        self._server.shutdown(deadline)

    async def ashutdown(self, deadline: float | None = None) -> None:
        """The same without holding up the running event loop."""
        from asyncio import get_running_loop

        await get_running_loop().run_in_executor(None, self._server.shutdown, deadline)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shutdown(0.0 if error is not None else None)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.ashutdown(0.0 if error is not None else None)

    def __repr__(self) -> str:
        return f"<tidegate.Server {self.url}>"
