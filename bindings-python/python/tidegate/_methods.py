"""Methods told by one line each: what they send, where, and what comes of it.

The same lines serve both gateways; only the caller that sends them differs.
"""

from __future__ import annotations

from urllib.parse import quote

from ._core import body, headers
from ._form import form, query
from .types import Reply

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Generic, TypeVar, overload

    from ._async_caller import AsyncCaller
    from ._caller import Caller
    from ._core import Headers
    from ._records import Record

    R = TypeVar("R")

    class Calls(Generic[R]):
        """A method of `Gateway`."""

        def __call__(
            self,
            *path: str,
            extra_headers: Headers = None,
            extra_body: Mapping[str, Any] | None = None,
            timeout: float | None = None,
            provider: str | None = None,
            **params: Any,
        ) -> R: ...

    class AsyncCalls(Generic[R]):
        """A method of `AsyncGateway`."""

        async def __call__(
            self,
            *path: str,
            extra_headers: Headers = None,
            extra_body: Mapping[str, Any] | None = None,
            timeout: float | None = None,
            provider: str | None = None,
            **params: Any,
        ) -> R: ...

else:
    Generic = {None: object, "R": object}
    R = None

    def overload(function):
        return None


#: What a resource hangs on: the caller, and through its type whether calls are awaited.
class Resource:
    """A group of methods, as the vendors group them."""

    __slots__ = ("_caller",)

    def __init__(self, caller: Caller) -> None:
        self._caller = caller


class AsyncResource:
    """The same for event loops."""

    __slots__ = ("_caller",)

    def __init__(self, caller: AsyncCaller) -> None:
        self._caller = caller
