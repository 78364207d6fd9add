"""One gateway before one vendor, in process and behind its server, for the packages of `sdks.py`.

A test says what the vendor answers, asks through a package, and looks at what the vendor received.
"""

from __future__ import annotations

from typing import Any

from sdks import SDKS, in_process
from support import Upstream
from tidegate import Gateway

WAYS = ("process", "http")
#: What a package is told to call a vendor's own API by, instead of the gateway's own paths.
PREFIXES = {"openai": "/openai/v1", "anthropic": "/anthropic"}
FOREVER: dict[str, Any] = {"times": "forever"}


class House:
    """The gateway, its server, and the vendor that stands for all vendors."""

    def __init__(self, upstream: Upstream, **config: Any) -> None:
        self.vendor = upstream.vendor()
        bases = {"openai": self.vendor.openai}
        vendors = ("openai", "anthropic", "gemini", "cohere", "bedrock")
        providers = {
            name: {"api_key": "sk-vendor", "base_url": bases.get(name, self.vendor.anthropic)} for name in vendors
        }
        routes = {
            "draw": "openai/gpt-image-1",
            "hear": "openai/whisper-1",
            "chat": "openai/gpt-5-mini",
            "claude": "anthropic/claude-haiku-4-5",
        }
        models = {name: {"targets": [target], "retry": {"attempts": 1}} for name, target in routes.items()}
        # A refusal of one test must not keep the next from the vendor.
        self.gw = Gateway({"providers": providers, "models": models, "breaker": {"enabled": False}, **config})
        self.server = self.gw.serve(port=0)
        self._clients: dict[tuple[str, str], Any] = {}

    def answers(self, *replies: dict[str, Any]) -> None:
        """Scripts what the vendor says next, reply by reply, and forgets what it received."""
        self.vendor.upstream.control("DELETE", "log")
        self.vendor.script(list(replies))

    def sent(self, count: int = 1) -> list[dict[str, Any]]:
        """What the vendor received since, once there are `count` requests."""
        entries = self.vendor.log(requests=count)
        assert len(entries) == count, [f"{entry['method']} {entry['path']}" for entry in entries]
        return entries

    def lines(self, count: int = 1) -> list[str]:
        """Method and path of what the vendor received."""
        return [f"{entry['method']} {entry['path']}" for entry in self.sent(count)]

    def left(self) -> bool:
        """Whether the latest request was left by its client before its answer was complete."""
        entries = self.vendor.log()
        return self.vendor.left(sum(1 for entry in entries[:-1] if entry["closed_ms"] is not None) + 1)

    def sdk(self, name: str, way: str, **options: Any) -> Any:
        """The package's own client, made once for each way unless it has options."""
        made = self._clients.get((name, way)) if not options else None
        if made is None:
            if way == "process":
                made = in_process(name, self.gw, **options).client
            else:
                made = SDKS[name](url=self.server.url, **options).client
                if name in PREFIXES:
                    made = made.with_options(base_url=self.server.url + PREFIXES[name])
            if not options:
                self._clients[name, way] = made
        return made

    def close(self) -> None:
        self.server.shutdown(0)
        self.gw.close()


def headers(entry: dict[str, Any]) -> dict[str, str]:
    return dict(entry["headers"])


def octets(entry: dict[str, Any]) -> bytes:
    """The body of a request as it arrived."""
    return bytes.fromhex(entry["hex"]) if entry.get("hex") is not None else entry["body"].encode()


def form(entry: dict[str, Any]) -> list[tuple[str, str | None, bytes]]:
    """The parts of a form: name, file name, content."""
    from email import message_from_bytes

    head = b"content-type: " + headers(entry)["content-type"].encode() + b"\r\n\r\n"
    parts = message_from_bytes(head + octets(entry)).get_payload()
    assert isinstance(parts, list)
    name = lambda part, key: part.get_param(key, header="content-disposition")  # noqa: E731
    return [(name(part, "name"), part.get_filename(), part.get_payload(decode=True)) for part in parts]
