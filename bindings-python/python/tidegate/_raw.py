"""Answers of the raw door: status, headers and bytes."""

from __future__ import annotations

from . import _native
from ._records import encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping
    from os import PathLike
    from types import TracebackType
    from typing import Any

    from typing_extensions import Self

    from ._facts import GatewayFacts
    from ._loop import LoopBridge
    from ._native import Head, Stream

_BATCH = 512


def octets(body: bytes | str | Mapping[str, Any] | None) -> bytes:
    """A request body as bytes."""
    if body is None:
        return b""
    if isinstance(body, (bytes, bytearray, memoryview)):
        return bytes(body)
    return body.encode() if isinstance(body, str) else encode(body)


class _Answer:
    __slots__ = ("_body", "_end", "_head", "_stream")

    def __init__(self, kind: int, head: Any, body: Any) -> None:
        if kind == _native.ERROR:
            raise head
        self._head: Head = head
        self._end: Head | None = None
        self._stream: Stream | None = body if kind == _native.STREAM else None
        self._body: bytes | None = None if kind == _native.STREAM else body

    @property
    def status(self) -> int:
        """HTTP status."""
        return self._head.status

    @property
    def headers(self) -> dict[str, str]:
        """Headers by lower-case name; several of one name are joined by commas."""
        found: dict[str, str] = {}
        for name, value in self._head.items():
            found[name] = f"{found[name]}, {value}" if name in found else value
        return found

    @property
    def gateway(self) -> GatewayFacts:
        """What the gateway did. The cost of a stream is known once it has ended."""
        from ._facts import GatewayFacts

        return GatewayFacts(self._head, self._end)

    def _note(self, end: Head | Exception | None) -> None:
        """Notes how the stream ended, before the last pieces are given out."""
        if end is not None:
            self._stream = None
            if not isinstance(end, Exception):
                self._end = end

    def close(self) -> None:
        """Closes the upstream when the body has not arrived whole."""
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.cancel()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.status}>"


class RawReply(_Answer):
    """An answer of `Gateway.request`. Iterating gives the body piece by piece."""

    __slots__ = ()

    def __iter__(self) -> Iterator[bytes]:
        if self._body is not None:
            yield self._body
        while self._stream is not None:
            frames, end = self._stream.read(_BATCH, None)
            self._note(end)
            yield from frames
            if isinstance(end, Exception):
                raise end

    def read(self) -> bytes:
        """The whole body."""
        if self._body is None:
            self._body = b"".join(self)
        return self._body

    @property
    def content(self) -> bytes:
        """The whole body."""
        return self.read()

    @property
    def text(self) -> str:
        """The whole body as text."""
        return self.read().decode("utf-8", "replace")

    def write_to_file(self, path: str | PathLike[str]) -> None:
        """Writes the body into a file, piece by piece as it comes."""
        with open(path, "wb") as file:
            file.writelines(self)

    def json(self) -> Any:
        """The body as JSON."""
        from json import loads

        return loads(self.read())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncRawReply(_Answer):
    """An answer of `AsyncGateway.request`. Iterating gives the body piece by piece."""

    __slots__ = ("_bridge", "_ticket")

    def __init__(self, bridge: LoopBridge, ticket: int, kind: int, head: Any, body: Any) -> None:
        super().__init__(kind, head, body)
        self._bridge = bridge
        self._ticket = ticket

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self._body is not None:
            yield self._body
        while self._stream is not None:
            frames, end = await self._bridge.read(self._stream, self._ticket)
            self._note(end)
            for frame in frames:
                yield frame
            if isinstance(end, Exception):
                raise end

    async def aread(self) -> bytes:
        """The whole body."""
        if self._body is None:
            self._body = b"".join([piece async for piece in self])
        return self._body

    async def write_to_file(self, path: str | PathLike[str]) -> None:
        """Writes the body into a file, piece by piece as it comes."""
        with open(path, "wb") as file:
            async for piece in self:
                file.write(piece)

    async def json(self) -> Any:
        """The body as JSON."""
        from json import loads

        return loads(await self.aread())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
