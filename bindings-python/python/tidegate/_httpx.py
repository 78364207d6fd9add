"""HTTP clients of `httpx` and `httpx2` whose transport is the engine.

A request goes in as it is, with its absolute URL; host and path choose dialect and provider. The
answer is what the HTTP server would give, and `response.extensions["tidegate"]` holds the gateway's
facts; those of a stream are complete at its end. Nothing passes through a socket on this side.
"""

from __future__ import annotations

from . import _native
from ._facts import GatewayFacts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from types import ModuleType
    from typing import Any

    from ._native import Engine

#: Newest first.
LIBRARIES = ("httpx2", "httpx")

_REPLY = _native.REPLY
_ERROR = _native.ERROR
_BATCH = 512
_classes: dict[str, Any] = {}


def client(lib: str | None, engine: Engine, key: str | None, options: dict[str, Any]) -> Any:
    """A blocking client of the library."""
    module = _library(lib)
    options.setdefault("follow_redirects", True)
    return module.Client(transport=_class(module, _sync_transport)(engine, key), **options)


def async_client(lib: str | None, engine: Engine, key: str | None, options: dict[str, Any]) -> Any:
    """A client of the library for event loops."""
    module = _library(lib)
    options.setdefault("follow_redirects", True)
    return module.AsyncClient(transport=_class(module, _async_transport)(engine, key), **options)


def _library(lib: str | None) -> ModuleType:
    from importlib import import_module

    if lib is not None and lib not in LIBRARIES:
        raise ValueError(f"lib: {' or '.join(map(repr, LIBRARIES))}, not {lib!r}")
    for name in LIBRARIES if lib is None else (lib,):
        try:
            return import_module(name)
        except ModuleNotFoundError as error:
            if error.name != name:
                raise
    wanted = lib or "httpx2 (or httpx)"
    raise ModuleNotFoundError(f"this needs {wanted}: pip install {lib or 'httpx2'}", name=lib or "httpx2")


def _class(module: ModuleType, make: Any) -> Any:
    name = f"{module.__name__}.{make.__name__}"
    found = _classes.get(name)
    if found is None:
        found = _classes[name] = make(module)
    return found


def _read_timeout(request: Any) -> float | None:
    """The limit between two pieces of the answer, in seconds, as the library's clients set it."""
    timeout = request.extensions.get("timeout")
    seconds = None if timeout is None else timeout.get("read")
    # A package built on the other library says "as the client has it" in a way this one cannot read.
    return seconds if isinstance(seconds, (int, float)) else None


def _sync_transport(lib: Any) -> type[Any]:
    response, whole = lib.Response, lib.ByteStream

    class Body(lib.SyncByteStream):  # type: ignore[misc]
        """The body of a streamed answer."""

        def __init__(self, source: _native.Stream, seconds: float | None, facts: GatewayFacts) -> None:
            self._source: _native.Stream | None = source
            self._seconds = seconds
            self._facts = facts

        def __iter__(self) -> Iterator[bytes]:
            while self._source is not None:
                frames, end = self._source.read(_BATCH, self._seconds)
                if end is not None:
                    # Before the pieces are given out: a reader may stop at the last one.
                    self._source = None
                    self._facts.ended(end)
                elif not frames:
                    raise lib.ReadTimeout("nothing arrived within the read timeout")
                if frames:
                    yield b"".join(frames) if len(frames) > 1 else frames[0]
                if isinstance(end, Exception):
                    raise lib.RemoteProtocolError(str(end)) from end

        def close(self) -> None:
            source, self._source = self._source, None
            if source is not None:
                source.cancel()

    class EngineTransport(lib.BaseTransport):  # type: ignore[misc]
        """Hands requests to the engine."""

        def __init__(self, engine: Engine, key: str | None) -> None:
            self._engine = engine
            self._key = key

        def handle_request(self, request: Any) -> Any:
            seconds = _read_timeout(request)
            try:
                kind, head, body = self._engine.call(
                    True, request.method, str(request.url), request.headers.raw, request.read(), self._key, seconds
                )
            except TimeoutError:
                raise lib.ReadTimeout("no answer within the read timeout", request=request) from None
            if kind == _ERROR:
                raise lib.ConnectError(str(head), request=request) from head
            facts = GatewayFacts(head)
            stream = whole(body) if kind == _REPLY else Body(body, seconds, facts)
            return response(head.status, headers=head.raw(), stream=stream, extensions={"tidegate": facts})

    return EngineTransport


def _async_transport(lib: Any) -> type[Any]:
    from ._loop import TimeUp, bridge

    response, whole = lib.Response, lib.ByteStream

    class Body(lib.AsyncByteStream):  # type: ignore[misc]
        """The body of a streamed answer."""

        def __init__(
            self, here: Any, ticket: int, source: _native.Stream, seconds: float | None, facts: GatewayFacts
        ) -> None:
            self._bridge = here
            self._ticket = ticket
            self._source: _native.Stream | None = source
            self._seconds = seconds
            self._facts = facts

        async def __aiter__(self) -> AsyncIterator[bytes]:
            while self._source is not None:
                try:
                    frames, end = await self._bridge.read(self._source, self._ticket, self._seconds)
                except TimeUp:
                    raise lib.ReadTimeout("nothing arrived within the read timeout") from None
                if end is not None:
                    # Before the pieces are given out: a reader may stop at the last one.
                    self._source = None
                    self._facts.ended(end)
                if frames:
                    yield b"".join(frames) if len(frames) > 1 else frames[0]
                if isinstance(end, Exception):
                    raise lib.RemoteProtocolError(str(end)) from end

        async def aclose(self) -> None:
            source, self._source = self._source, None
            if source is not None:
                source.cancel()

    class AsyncEngineTransport(lib.AsyncBaseTransport):  # type: ignore[misc]
        """Hands requests to the engine."""

        def __init__(self, engine: Engine, key: str | None) -> None:
            self._engine = engine
            self._key = key

        async def handle_async_request(self, request: Any) -> Any:
            seconds = _read_timeout(request)
            content = await request.aread()
            here = bridge()
            try:
                ticket, kind, head, body = await here.call(
                    self._engine,
                    True,
                    request.method,
                    str(request.url),
                    request.headers.raw,
                    content,
                    self._key,
                    seconds,
                )
            except TimeUp:
                raise lib.ReadTimeout("no answer within the read timeout", request=request) from None
            if kind == _ERROR:
                raise lib.ConnectError(str(head), request=request) from head
            facts = GatewayFacts(head)
            stream = whole(body) if kind == _REPLY else Body(here, ticket, body, seconds, facts)
            return response(head.status, headers=head.raw(), stream=stream, extensions={"tidegate": facts})

    return AsyncEngineTransport
