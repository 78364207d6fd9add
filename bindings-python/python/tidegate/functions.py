"""Functions of the program in the place of vendors: what they are given and what they may raise.

    gw = Gateway(providers={"mine": lambda request: "hello"})
    gw.chat.completions.create(model="mine/any", messages=[...])

A function takes a `ProviderRequest` and gives the model's words, a reply in the provider's dialect,
or an iterator of either. It may be a coroutine function or an asynchronous generator.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._native import HostCall

__all__ = ["ProviderError", "ProviderRequest"]


class ProviderError(Exception):
    """Raised by a function that is a provider: the call fails as if a vendor had refused it.

    `status` is an HTTP status from 400 to 599; retries, fallbacks and cooldowns follow from it (429
    and 5xx are tried again, 400 is the caller's fault). `retry_after` is in seconds. The message is
    for the caller to read; those of other exceptions go to the log alone.
    """

    def __init__(self, message: str = "", *, status: int = 500, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.retry_after = retry_after


class ProviderRequest:
    """What a function is asked. Members of the body are items: `request["messages"]`."""

    __slots__ = ("_call", "_json")

    def __init__(self, call: HostCall) -> None:
        self._call = call
        self._json: Any = None

    @property
    def name(self) -> str:
        """Name under which the function is registered."""
        return self._call.name

    @property
    def model(self) -> str:
        """The model, without the provider's name."""
        return self._call.model

    @property
    def stream(self) -> bool:
        """Whether the caller wants a stream. Whatever the function gives is turned into what is wanted."""
        return self._call.stream

    @property
    def dialect(self) -> str:
        """Wire format of the body, such as `openai`."""
        return self._call.dialect

    @property
    def path(self) -> str:
        """What is asked for, such as `/chat/completions` or `/embeddings`."""
        return self._call.path

    @property
    def timeout(self) -> float:
        """Seconds the engine waits for the beginning of the answer, and for each next piece."""
        return self._call.timeout

    @property
    def headers(self) -> dict[str, str]:
        """Headers of the dialect that the caller sent and those of the provider's configuration."""
        return dict(self._call.headers())

    @property
    def body(self) -> bytes:
        """The request as it would have gone to a vendor."""
        return self._call.body

    @property
    def json(self) -> Any:
        """The body as objects, made when first looked at."""
        if self._json is None:
            from json import loads

            self._json = loads(self._call.body)
        return self._json

    @property
    def cancelled(self) -> bool:
        """Whether the caller has gone or the time is up. Coroutines are cancelled then; a plain
        function that works for long may look here."""
        return self._call.gone()

    def __getitem__(self, name: str) -> Any:
        return self.json[name]

    def get(self, name: str, default: Any = None) -> Any:
        """A member of the body, or `default`."""
        return self.json.get(name, default)

    def __repr__(self) -> str:
        return f"<tidegate.ProviderRequest {self.name}/{self.model}>"
