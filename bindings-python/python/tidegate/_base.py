"""What `Gateway` and `AsyncGateway` have in common."""

from __future__ import annotations

from functools import partial

from . import _core

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, Literal, TypeVar, overload

    import httpx
    import httpx2
    from typing_extensions import Self

    from ._core import Config, Provider, Providers
    from ._native import Engine
    from ._server import Server

    _Provider = TypeVar("_Provider", bound=Provider)
else:

    def overload(function):
        return None


class BaseGateway:
    """An engine, and the key that calls are made with."""

    __slots__ = ("__weakref__", "_engine", "_key", "_owner")

    def __init__(self, config: Config = None, *, providers: Providers = None) -> None:
        """Opens an engine. Nothing is sent and no thread is started before the first call.

        `config` is the path of a YAML, TOML or JSON file, or a mapping of the same shape. Without
        one, providers come from the vendors' usual environment variables (`OPENAI_API_KEY`, ...).
        `providers` are functions in the place of vendors, by name: see `tidegate.functions`.

        Raises `errors.InvalidConfig`, which names every mistake with its path, or
        `errors.UnreadableConfig`.
        """
        self._set(_core.open_engine(*_core.source(config), providers), None, owner=True)

    def _set(self, engine: Engine, key: str | None, *, owner: bool) -> None:
        self._engine = engine
        self._key = key
        self._owner = owner

    @classmethod
    def _of(cls, engine: Engine, key: str | None, *, owner: bool) -> Self:
        self = cls.__new__(cls)
        self._set(engine, key, owner=owner)
        return self

    @classmethod
    def from_text(
        cls, text: str, *, format: Literal["yaml", "toml", "json"] = "yaml", providers: Providers = None
    ) -> Self:
        """Opens an engine whose configuration is the text of a file."""
        kind = "json-text" if format == "json" else format
        return cls._of(_core.open_engine(kind, text, providers), None, owner=True)

    @classmethod
    def connect(cls, url: str, key: str | None = None) -> Self:
        """The same client against a running `tidegate serve`, with a Tidegate key if it asks for one."""
        return cls._of(_core.connect(url, key), None, owner=True)

    def with_key(self, key: str) -> Self:
        """A view of the same engine whose calls are made with a Tidegate key: its models, its budgets.

        It costs nothing; closing it does nothing.
        """
        return self._of(self._engine, key, owner=False)

    def scoped(
        self,
        *,
        customer: str | None = None,
        team: str | None = None,
        user: str | None = None,
        tags: Iterable[str] = (),
    ) -> Self:
        """A view of the same engine whose calls are made for a customer, a team or a user, and carry tags.

        Their lists, limits and budgets hold, as they do for their keys; so do those of whatever they
        belong to. `user` is a configured user, or else what an end user is called. A view of a view
        says what it says itself and otherwise what the outer one says; tags add up. Of a view with a
        key, everything named must be what the key belongs to.

        It costs nothing; closing it does nothing. Calls raise `errors.InvalidRequest` for a customer
        or team that is not configured, and `errors.NotAllowed` for one the caller does not belong to.
        """
        return self._of(self._engine.scoped(customer, team, user, list(tags)), self._key, owner=False)

    @overload
    def provider(self, name: str) -> Callable[[_Provider], _Provider]: ...

    @overload
    def provider(self, name: str, function: _Provider) -> _Provider: ...

    def provider(self, name: str, function: Any = None) -> Any:
        """Puts a function in the place of a vendor, as a decorator or at once.

            @gw.provider("mine")
            def mine(request):
                return "hello"

        Calls of `mine/...` go to it from now on, whether or not the configuration mentions it; see
        `tidegate.functions` for what it may give and raise. A second one of that name takes its place.

        Raises `errors.InvalidRequest` for a name that cannot be a provider's, and on a client of
        another gateway, which runs its own functions.
        """
        if function is None:
            return partial(self.provider, name)
        _core.provide(self._engine, name, function)
        return function

    def reload(self, config: Config = None) -> None:
        """Puts a new configuration in place; without one, the old source is read again.

        Calls in flight finish under the old one. On any mistake the old one stays and the error of
        opening is raised.
        """
        if config is None:
            self._engine.reload(None, "")
        else:
            self._engine.reload(*_core.source(config))

    def health(self) -> dict[str, Any]:
        """State of every target, provider key and virtual key, of the queue and of the cache."""
        from ._records import decode

        return decode(self._engine.health().decode())  # type: ignore[no-any-return]

    def metrics(self) -> str:
        """What was counted of calls, as text in Prometheus' format 0.0.4.

        Empty for a client of a gateway elsewhere, which has its own at ``/metrics``.
        """
        return self._engine.metrics()

    def config(self) -> dict[str, Any]:
        """The configuration in force, with secrets masked."""
        from ._records import decode

        return decode(self._engine.config().decode())  # type: ignore[no-any-return]

    def serve(
        self,
        host: str | None = None,
        port: int | None = None,
        *,
        listen: str | None = None,
        threads: int | None = None,
    ) -> Server:
        """Starts the HTTP server over this engine; it is bound when this returns.

        `listen` is `host:port` or `unix:/path`. Without any address, `server.listen` of the
        configuration holds, and without that `127.0.0.1:8787`. Port 0 takes a free one; the
        answer's `url` says which. `threads` serve; default one per core, at most 4.
        """
        from ._server import Server

        if listen is None and (host is not None or port is not None):
            name = "127.0.0.1" if host is None else host
            listen = f"{f'[{name}]' if ':' in name else name}:{8787 if port is None else port}"
        return Server(self._engine.serve(listen, threads))

    @overload
    def http_client(self, lib: Literal["httpx"], **options: Any) -> httpx.Client: ...

    @overload
    def http_client(self, lib: Literal["httpx2"] | None = None, **options: Any) -> httpx2.Client: ...

    def http_client(self, lib: str | None = None, **options: Any) -> Any:
        """An HTTP client whose requests go into the engine instead of to the network.

        Hand it to a vendor's package: `openai.OpenAI(http_client=gw.http_client())`. `lib` is
        `"httpx"` or `"httpx2"`; by default the newest that is installed, which is what `openai` 3
        and `anthropic` 2 take. `options` are those of the library's `Client`.

        Errors of the gateway come as HTTP answers in the dialect of the request, so that the package
        raises its own classes.
        """
        from ._httpx import client

        return client(lib, self._engine, self._key, options)

    @overload
    def async_http_client(self, lib: Literal["httpx"], **options: Any) -> httpx.AsyncClient: ...

    @overload
    def async_http_client(self, lib: Literal["httpx2"] | None = None, **options: Any) -> httpx2.AsyncClient: ...

    def async_http_client(self, lib: str | None = None, **options: Any) -> Any:
        """The same as `http_client` for `openai.AsyncOpenAI` and its like."""
        from ._httpx import async_client

        return async_client(lib, self._engine, self._key, options)

    def botocore_handler(self, *, read_timeout: float | None = None) -> Callable[..., Any]:
        """What makes a client of `boto3` send into the engine instead of to the network.

        Register it for the event `before-send` of the client's service:
        `client.meta.events.register("before-send.bedrock-runtime", gw.botocore_handler())`. The
        client needs a region and some credentials, as ever; what it signs is not looked at. What a
        client's `Config` says of time does not reach the event: `read_timeout`, in seconds, is the
        longest wait for an answer and between two pieces of it, after which the package's
        `ReadTimeoutError` is raised; without it only the engine's own limits hold.
        """
        from ._botocore import handler

        return handler(self._engine, self._key, read_timeout)

    def close(self, deadline: float = _core.CLOSE_DEADLINE) -> None:
        """Refuses new calls, lets running ones finish for `deadline` seconds, then ends them.

        Closing again does nothing, nor does closing a view made by `with_key` or `scoped`.
        """
        if self._owner:
            self._engine.close(deadline)

    def __repr__(self) -> str:
        return f"<tidegate.{type(self).__name__}>"
