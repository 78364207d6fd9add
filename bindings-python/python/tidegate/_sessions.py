"""Sessions over a WebSocket, without the socket: messages both ways for as long as the talk goes on."""

from __future__ import annotations

from . import _native
from ._core import headers, warn_in_loop
from ._loop import BATCH, NOT_TEXT, SENT
from ._methods import C, Home
from ._records import encode
from ._said import Says
from .types import ReplyEvent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Iterator, Mapping
    from types import TracebackType
    from typing import Any

    from typing_extensions import Self

    from ._async_caller import AsyncCaller
    from ._async_sessions import AsyncSessionManager
    from ._caller import Caller
    from ._core import Headers
    from ._facts import GatewayFacts
    from ._native import Head, Stream

LIVE = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
#: Codes of a session that ended as it should (RFC 6455, section 7.4.1).
ENDED_WELL = (1000, 1001, 1005)
_ERROR = "x-tidegate-session-error"


class BaseSession:
    """What both kinds of session share."""

    __slots__ = ("_end", "_head", "_json", "_messages", "_source")

    def __init__(self, head: Head, source: Stream, json: bool) -> None:
        """`json`: binary messages are JSON too, as Gemini's are."""
        from collections import deque

        self._head = head
        self._source = source
        self._json = json
        self._messages: deque[bytes | bytearray] = deque()
        self._end: Head | Exception | None = None

    def _message(self, raw: bytes | bytearray) -> Any:
        if isinstance(raw, bytearray) and not self._json:
            return bytes(raw)
        return ReplyEvent(bytes(raw))

    def _verdict(self, sent: int) -> None:
        if sent == SENT:
            return
        if sent == NOT_TEXT:
            raise ValueError("a text holds what UTF-8 cannot")
        raise self._over()

    def _over(self) -> Exception:
        """What is raised once the session is over."""
        from . import errors

        said = text(self._end, _ERROR)
        if said:
            return errors.from_json(said)
        if isinstance(self._end, Exception):
            return self._end
        if self._end is None:
            return errors.ConnectionLost("the session is over")
        reason = f": {self.close_reason}" if self.close_reason else ""
        return errors.ConnectionLost(f"the session was closed with {self.close_code}{reason}")

    @property
    def _ended_well(self) -> bool:
        return self.close_code in ENDED_WELL and not text(self._end, _ERROR)

    @property
    def close_code(self) -> int | None:
        """What the session was closed with; None while it runs, and when it was cancelled."""
        code = text(self._end, "x-tidegate-close-code")
        return int(code) if code else None

    @property
    def close_reason(self) -> str:
        """The words that came with the code."""
        return text(self._end, "x-tidegate-close-reason")

    @property
    def gateway(self) -> GatewayFacts:
        """What the gateway did. The cost is known once the session is over."""
        from ._facts import GatewayFacts

        return GatewayFacts(self._head, None if isinstance(self._end, Exception) else self._end)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {'over' if self._end is not None else 'open'}>"


def text(end: Head | Exception | None, name: str) -> str:
    """A last fact; nothing when there is none."""
    if end is None or isinstance(end, Exception):
        return ""
    return (end.get(name) or "").encode("latin-1").decode("utf-8", "replace")


def payload(message: Any) -> tuple[bool, bytes]:
    """Whether a message is text, and its bytes."""
    if isinstance(message, str):
        return True, message.encode("utf-8", "surrogatepass")
    if isinstance(message, (bytes, bytearray, memoryview)):
        return False, bytes(message)
    return True, encode(message)


class Session(BaseSession, Says["None"]):
    """An open session. Iterating gives what the vendor says; letting go of it closes the upstream."""

    __slots__ = ()

    def send(self, event: Mapping[str, Any] | str | bytes) -> None:
        """Sends a message: a mapping as JSON, a text as it is, bytes as a binary message.

        Waits while the upstream takes no more. Raises `errors.ConnectionLost`, or what the gateway
        ended the session with, once it is over.
        """
        self._verdict(self._source.send_wait(*payload(event)))

    send_raw = send

    def _next(self) -> bytes | bytearray | None:
        """The next message, waiting for it; None once the session is over."""
        while not self._messages:
            if self._end is not None:
                return None
            frames, self._end = self._source.read(BATCH, None)
            self._messages.extend(frames)
        return self._messages.popleft()

    def recv(self) -> Any:
        """The next message: an object for JSON, `bytes` for binary messages that are none.

        Raises `errors.ConnectionLost`, or what the gateway ended the session with, once it is over.
        """
        return self._message(self.recv_bytes())

    def recv_bytes(self) -> bytes:
        """The next message as it came."""
        raw = self._next()
        if raw is None:
            raise self._over()
        return raw  # type: ignore[return-value]

    def __iter__(self) -> Iterator[Any]:
        while (raw := self._next()) is not None:
            yield self._message(raw)
        if not self._ended_well:
            raise self._over()

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Ends the session in its protocol's own way; what the vendor still says is dropped."""
        if self._end is None:
            self._source.close(code, reason)
        while self._end is None:
            _, self._end = self._source.read(BATCH, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        elif self._end is None:
            self._source.cancel()


class SessionManager:
    """Opens a session in a `with` statement, or with `enter()`."""

    def __init__(
        self, caller: Caller, target: str, extra_headers: Headers, first: Any = None, json: bool = False
    ) -> None:
        self._caller = caller
        self._target = target
        self._headers = headers(extra_headers, None)
        self._first = first
        self._json = json
        self._open: Session | None = None

    def enter(self) -> Session:
        """Opens the session; `close` it."""
        warn_in_loop()
        kind, a, b = self._caller.engine.session(self._target, self._headers, self._caller.key, None)
        if kind == _native.ERROR:
            raise a
        session = Session(a, b, self._json)
        if self._first is not None:
            session.send(self._first)
        return session

    def __enter__(self) -> Session:
        self._open = self.enter()
        return self._open

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._open is not None:
            self._open.__exit__(kind, error, trace)


def realtime(
    model: str | None, call_id: str | None, extra_query: Mapping[str, str] | None, provider: str | None
) -> str:
    """The path of a session of OpenAI's Realtime API."""
    from urllib.parse import urlencode

    query = {"model": model, "call_id": call_id, **(extra_query or {})}
    given = urlencode({name: value for name, value in query.items() if value is not None})
    return f"{prefix(provider)}/v1/realtime?{given}"


def prefix(provider: str | None) -> str:
    """What a path begins with."""
    return "" if provider is None else "/" + provider


class Realtime(Home[C]):
    """OpenAI's Realtime API."""

    __slots__ = ("_caller",)

    def __init__(self, caller: C) -> None:
        self._caller = caller

    def connect(
        self: Realtime[Caller],
        *,
        model: str | None = None,
        call_id: str | None = None,
        extra_query: Mapping[str, str] | None = None,
        extra_headers: Headers = None,
        provider: str | None = None,
    ) -> SessionManager:
        """A session with `model`, a route or `provider/model`: `with gw.realtime.connect(...) as session`."""
        return SessionManager(self._caller, realtime(model, call_id, extra_query, provider), extra_headers)


class AsyncRealtime(Home[C]):
    """OpenAI's Realtime API."""

    __slots__ = ("_caller",)

    def __init__(self, caller: C) -> None:
        self._caller = caller

    def connect(
        self: AsyncRealtime[AsyncCaller],
        *,
        model: str | None = None,
        call_id: str | None = None,
        extra_query: Mapping[str, str] | None = None,
        extra_headers: Headers = None,
        provider: str | None = None,
    ) -> AsyncSessionManager:
        """A session with `model`, a route or `provider/model`: `async with gw.realtime.connect(...) as session`."""
        from ._async_sessions import AsyncSessionManager

        target = realtime(model, call_id, extra_query, provider)
        return AsyncSessionManager(self._caller, target, extra_headers)


class Live(Home[C]):
    """Gemini's Live API."""

    __slots__ = ("_caller",)

    def __init__(self, caller: C) -> None:
        self._caller = caller

    def connect(
        self: Live[Caller],
        *,
        model: str,
        setup: Mapping[str, Any] | None = None,
        extra_headers: Headers = None,
        provider: str | None = None,
    ) -> SessionManager:
        """A session with `model`; `setup` has the other members of the protocol's first message."""
        first = {"setup": {"model": model, **(setup or {})}}
        return SessionManager(self._caller, prefix(provider) + LIVE, extra_headers, first, True)


class AsyncLive(Home[C]):
    """Gemini's Live API."""

    __slots__ = ("_caller",)

    def __init__(self, caller: C) -> None:
        self._caller = caller

    def connect(
        self: AsyncLive[AsyncCaller],
        *,
        model: str,
        setup: Mapping[str, Any] | None = None,
        extra_headers: Headers = None,
        provider: str | None = None,
    ) -> AsyncSessionManager:
        """A session with `model`; `setup` has the other members of the protocol's first message."""
        from ._async_sessions import AsyncSessionManager

        first = {"setup": {"model": model, **(setup or {})}}
        return AsyncSessionManager(self._caller, prefix(provider) + LIVE, extra_headers, first, True)
