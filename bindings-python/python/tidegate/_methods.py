"""Methods told by one line each: what is sent where, and what comes of it.

The same lines serve both gateways; only the caller that sends them differs.
"""

from __future__ import annotations

from ._core import body, headers
from ._raw import RawReply

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Generic, Protocol, TypeVar, overload

    from typing_extensions import Self

    from ._async_caller import AsyncCaller
    from ._caller import Caller
    from ._core import Headers
    from ._native import Head
    from ._raw import AsyncRawReply

    C = TypeVar("C")
    R = TypeVar("R", covariant=True)

    class Calls(Protocol[R]):
        """A method of `Gateway`: ids of the path in order, everything else by name."""

        def __call__(
            self,
            *ids: str,
            extra_headers: Headers = None,
            extra_body: Mapping[str, Any] | None = None,
            timeout: float | None = None,
            provider: str | None = None,
            **params: Any,
        ) -> R: ...

    class AsyncCalls(Protocol[R]):
        """A method of `AsyncGateway`."""

        async def __call__(
            self,
            *ids: str,
            extra_headers: Headers = None,
            extra_body: Mapping[str, Any] | None = None,
            timeout: float | None = None,
            provider: str | None = None,
            **params: Any,
        ) -> R: ...

    class Home(Generic[C]):
        """Whatever has a caller."""

        _caller: C

    class Resource(Home[C]):
        """A group of methods, as the vendors group them."""

        def __init__(self, caller: C) -> None: ...

else:

    class Home:
        """Whatever has a caller."""

        __slots__ = ()
        __class_getitem__ = classmethod(lambda cls, _: cls)

    Generic, C, R = Home, None, None

    class Resource(Home):
        """A group of methods, as the vendors group them."""

        __slots__ = ("_caller",)

        def __init__(self, caller):
            self._caller = caller

    def overload(_):
        return None


class Request:
    """A call, ready to be sent."""

    __slots__ = ("body", "headers", "method", "streams", "target", "verb")

    def __init__(
        self,
        method: Method[Any],
        ids: tuple[str, ...],
        extra_headers: Headers = None,
        extra_body: Mapping[str, Any] | None = None,
        timeout: float | None = None,
        provider: str | None = None,
        **params: Any,
    ) -> None:
        self.method = method
        self.verb = method.verb
        self.target = ("" if provider is None else "/" + provider) + method.path(ids, params)
        self.streams = method.events is not None and bool(params.get("stream"))
        self.headers = headers(extra_headers, timeout) or []
        if extra_body:
            params.update(extra_body)
        if self.verb != "POST":
            from ._form import query

            self.target += query(params)
            self.body = b""
        elif method.form:
            from ._form import form

            kind, self.body = form(params)
            self.headers.append(("content-type", kind))
        elif method.empty and not params:
            self.body = b""
        else:
            self.body = body(params, None)


class Method(Generic[R]):
    """An attribute of a resource that is called to make a call."""

    def __init__(
        self,
        line: str,
        reply: type[R],
        *,
        form: bool = False,
        empty: bool = False,
        events: type[Any] | None = None,
        needs: str = "",
    ) -> None:
        """`line` is the verb and the path with `{ids}`; `needs` names parameters it cannot do without."""
        self.verb, _, self._path = line.partition(" ")
        self.reply: Any = reply
        self.form = form
        #: Whether nothing at all is sent when there are no parameters.
        self.empty = empty
        #: What the events of a stream are; None where there are no streams.
        self.events = events
        self._needs = needs.split()
        self._name = "create"

    def __set_name__(self, owner: type[Any], name: str) -> None:
        self._name = f"{owner.__name__.lower()}.{name}"
        self.__doc__ = f"`{self.verb} {self._path}`."

    @overload
    def __get__(self, home: None, owner: Any) -> Self: ...

    @overload
    def __get__(self, home: Resource[Caller], owner: Any) -> Calls[R]: ...

    @overload
    def __get__(self, home: Resource[AsyncCaller], owner: Any) -> AsyncCalls[R]: ...

    def __get__(self, home: Any, owner: Any) -> Any:
        if home is None:
            return self
        perform = home._caller.perform
        return lambda *ids, **options: perform(Request(self, ids, **options))

    def path(self, ids: tuple[str, ...], params: dict[str, Any]) -> str:
        """The path with its ids in it, by place or by name, which are taken out of `params`."""
        from urllib.parse import quote

        path, given = self._path, list(ids)
        while "{" in path:
            before, _, rest = path.partition("{")
            name, _, after = rest.partition("}")
            value = given.pop(0) if given else params.pop(name, None)
            if not isinstance(value, str) or value in ("", ".", ".."):
                raise TypeError(f"{self._name}: {name} is a text that names something, not {value!r}")
            path = before + quote(value, safe="") + after
        if given:
            raise TypeError(f"{self._name}: takes no {given[0]!r} by place; give parameters by name")
        missing = [name for name in self._needs if name not in params]
        if missing:
            raise TypeError(f"{self._name}: {', '.join(missing)} missing")
        return path

    def read(self, head: Head, raw: bytes) -> Any:
        """The reply: JSON as an object, any other text as a text."""
        kind = head.get("content-type") or "application/json"
        if "json" in kind or raw[:1] in b"{[":
            return self.reply(raw, head)
        from .types import TextReply

        return TextReply.of(raw, head)


class BytesMethod(Method[RawReply]):
    """One whose reply is bytes: whole, or piece by piece as they come."""

    def __init__(self, line: str, **options: Any) -> None:
        super().__init__(line, RawReply, **options)

    if TYPE_CHECKING:

        @overload  # type: ignore[override]
        def __get__(self, home: None, owner: Any) -> Self: ...
        @overload
        def __get__(self, home: Resource[Caller], owner: Any) -> Calls[RawReply]: ...
        @overload
        def __get__(self, home: Resource[AsyncCaller], owner: Any) -> AsyncCalls[AsyncRawReply]: ...

        def __get__(self, home: Any, owner: Any) -> Any: ...
