"""The base of every error class."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any


class TidegateError(Exception):
    """A call failed. Every code of the engine has a class of its own below this one.

    `code` and `slug` are stable; the message is for people and may change in any release.
    """

    #: The stable number.
    code: int = 0
    #: The stable name.
    slug: str = ""
    #: HTTP status: the upstream's own where there is one.
    status: int = 500
    #: Who is at fault: `caller`, `gateway` or `upstream`.
    origin: str = "gateway"
    #: Whether another try can help: `never`, `now` or `later`.
    retry: str = "never"
    #: Seconds to wait before the next try, when known.
    retry_after: float | None
    #: The tries made, in order: dicts with `target`, `key`, `status` and `error`.
    attempts: Sequence[dict[str, Any]]
    #: The request field or configuration path at fault.
    param: str | None
    #: The upstream's own answer: a dict with `status`, `target`, `dialect` and `body`.
    upstream: dict[str, Any] | None
    #: Id under which the call is logged.
    request_id: str | None
    #: The text without code and slug.
    message: str

    def __init__(
        self,
        message: str = "",
        *,
        status: int | None = None,
        retry_after: float | None = None,
        attempts: Sequence[dict[str, Any]] = (),
        param: str | None = None,
        upstream: dict[str, Any] | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        if status is not None:
            self.status = status
        self.retry_after = retry_after
        self.attempts = attempts
        self.param = param
        self.upstream = upstream
        self.request_id = request_id

    def __str__(self) -> str:
        return f"{self.message} [{self.code} {self.slug}]" if self.code else self.message

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.message,), self.__dict__
