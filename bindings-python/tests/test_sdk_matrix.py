"""Six vendors' packages, each in front of vendors of all six formats, in process and over HTTP."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import pytest
from sdks import SDKS, in_process
from support import Upstream, Vendor
from tidegate import Gateway
from tools import TOOL_CALLS, UNICODE

DIALECTS = ("openai", "responses", "anthropic", "gemini", "bedrock", "cohere")
ARGUMENTS = {"city": "Zürich 🌊", "days": [1, 2], "deep": {"a": None}}
#: In a shape that holds for all of them; Amazon names the class in a header. Unless told to wait no longer, the engine
#: spares the key for a second, and the next test would find no target.
REFUSAL = {
    "status": 429,
    "headers": {"x-amzn-errortype": "ThrottlingException", "retry-after": "0"},
    "body": {"error": {"message": "slow down"}, "message": "slow down"},
    "times": "forever",
}


def provider(vendor: Vendor, dialect: str) -> dict[str, Any]:
    base = vendor.openai if dialect in ("openai", "responses") else vendor.anthropic
    return {"dialect": dialect, "base_url": base, "api_key": "k"}


class World:
    """A gateway with a route `DIALECT-WHAT` for every dialect."""

    def __init__(self, upstream: Upstream) -> None:
        providers, models = {}, {}
        for dialect in DIALECTS:
            scripts = {
                "text": [{"say": UNICODE, "usage": [10, 5], "times": "forever"}],
                "tool": TOOL_CALLS[dialect],
                "refused": [REFUSAL],
            }
            for what, script in scripts.items():
                providers[f"{dialect}-{what}"] = provider(upstream.vendor(script), dialect)
                models[f"{dialect}-{what}"] = {"targets": [f"{dialect}-{what}/m"], "retry": {"attempts": 1}}
        self.gw = Gateway({"providers": providers, "models": models})
        self.server = self.gw.serve(port=0)
        self.clients: dict[tuple[str, str], Any] = {}

    def client(self, sdk: str, way: str) -> Any:
        if (sdk, way) not in self.clients:
            pytest.importorskip(SDKS[sdk].package)
            made = in_process(sdk, self.gw) if way == "process" else SDKS[sdk](url=self.server.url)
            self.clients[sdk, way] = made
        return self.clients[sdk, way]


@pytest.fixture(scope="module")
def world(upstream: Upstream) -> Iterator[World]:
    made = World(upstream)
    yield made
    made.server.shutdown(0)
    made.gw.close()


#: All pairs in process; over HTTP, where the same stages run, every package once or twice.
PAIRS = [("process", sdk, dialect) for sdk in SDKS for dialect in DIALECTS]
PAIRS += [("http", sdk, dialect) for sdk in SDKS for dialect in {sdk: 0, "openai": 0}]
matrix = pytest.mark.parametrize(("way", "sdk", "dialect"), PAIRS)
streams = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


@streams
@matrix
def test_text_arrives_with_finish_and_usage(world: World, way: str, stream: bool, sdk: str, dialect: str) -> None:
    said = world.client(sdk, way).ask(f"{dialect}-text", stream=stream)
    assert (said.text, said.finish, said.usage) == (UNICODE, "stop", (10, 5))
    assert not stream or said.events > 1


@streams
@matrix
def test_tool_calls_keep_names_and_arguments(world: World, way: str, stream: bool, sdk: str, dialect: str) -> None:
    said = world.client(sdk, way).ask(f"{dialect}-tool", tool=True, stream=stream)
    assert said.tools == [("tide", ARGUMENTS)]
    assert said.finish == "tools"
    assert said.usage == (20, 7)


REFUSALS = {
    "openai": "RateLimitError",
    "responses": "RateLimitError",
    "anthropic": "RateLimitError",
    "gemini": "errors.ClientError",
    "cohere": "TooManyRequestsError",
}


@streams
@matrix
def test_refusals_raise_the_packages_own_class(world: World, way: str, stream: bool, sdk: str, dialect: str) -> None:
    client = world.client(sdk, way)
    if sdk == "bedrock":
        expected = client.client.exceptions.ThrottlingException
    else:
        expected = importlib.import_module(SDKS[sdk].package)
        for name in REFUSALS[sdk].split("."):
            expected = getattr(expected, name)
    with pytest.raises(expected) as caught:
        client.ask(f"{dialect}-refused", stream=stream)
    assert "slow down" in str(caught.value)
