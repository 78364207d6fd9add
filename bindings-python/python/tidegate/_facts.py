"""What the gateway did with a call."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from decimal import Decimal

    from ._native import Head


class GatewayFacts:
    """What the gateway did with a call, read from the answer's headers when asked."""

    __slots__ = ("_head", "_trailers")

    def __init__(self, head: Head, trailers: Head | None = None) -> None:
        self._head = head
        self._trailers = trailers

    def ended(self, end: Head | Exception | None) -> None:
        """Takes in what became known at the end of a stream."""
        if end is not None and not isinstance(end, Exception):
            self._trailers = end

    def _get(self, name: str) -> str | None:
        value = None if self._trailers is None else self._trailers.get(name)
        return self._head.get(name) if value is None else value

    @property
    def request_id(self) -> str | None:
        """Id under which the call is logged."""
        return self._get("x-tidegate-request-id")

    @property
    def target(self) -> str | None:
        """`provider/model` that answered."""
        return self._get("x-tidegate-target")

    @property
    def key(self) -> str | None:
        """Name of the provider key used, never its value."""
        return self._get("x-tidegate-key")

    @property
    def attempts(self) -> int:
        """Number of tries made, the last one included; a stored answer has 0."""
        return int(self._get("x-tidegate-attempts") or 0)

    @property
    def cost(self) -> Decimal | None:
        """Cost in US dollars, exact. None while a stream still runs and for models without a price."""
        from decimal import Decimal, InvalidOperation

        text = self._get("x-tidegate-cost") or ""
        try:
            return Decimal(text) if text else None
        except InvalidOperation:
            return None

    @property
    def estimated(self) -> bool:
        """True when the usage behind the cost was counted by the gateway, not reported."""
        return self._get("x-tidegate-usage") == "estimated"

    @property
    def cache(self) -> str | None:
        """What the cache did: `off`, `miss`, or `hit-exact; age=SECONDS`."""
        return self._get("x-tidegate-cache")

    @property
    def cached(self) -> bool:
        """True when the answer came from the cache."""
        return (self.cache or "").startswith("hit")

    @property
    def rule(self) -> str | None:
        """Name of the routing rule that applied."""
        return self._get("x-tidegate-rule")

    @property
    def dropped(self) -> list[str]:
        """Parts of the request that the target could not express."""
        text = self._get("x-tidegate-dropped")
        return [part.strip() for part in text.split(",")] if text else []

    @property
    def overhead_us(self) -> int | None:
        """Microseconds spent in the gateway itself."""
        text = self._get("x-tidegate-overhead-us")
        return int(text) if text else None

    def __repr__(self) -> str:
        return (
            f"GatewayFacts(target={self.target!r}, cost={self.cost!r}, attempts={self.attempts}, "
            f"cache={self.cache!r}, request_id={self.request_id!r})"
        )
