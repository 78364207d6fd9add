"""The transports themselves."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest
from support import MESSAGES, Upstream, Vendor, python
from tidegate import AsyncGateway, Gateway

LIBS = ["httpx", "httpx2"]
URL = "https://api.openai.com/v1/chat/completions"


@pytest.mark.parametrize("lib", LIBS)
def test_client_is_of_the_library_asked_for(vendor: Vendor, lib: str) -> None:
    module = pytest.importorskip(lib)
    with Gateway(vendor.config()) as gw:
        with gw.http_client(lib=lib, headers={"x-extra": "1"}) as client:  # type: ignore[call-overload]
            assert isinstance(client, module.Client)
            r = client.post(URL, json={"model": "gpt-5-mini", "messages": MESSAGES})
        assert (r.status_code, r.http_version, r.reason_phrase) == (200, "HTTP/1.1", "OK")
        assert r.json()["object"] == "chat.completion"
        assert isinstance(gw.async_http_client(lib=lib), module.AsyncClient)  # type: ignore[call-overload]


def test_default_is_the_newest_installed(vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> None:
    httpx, httpx2 = pytest.importorskip("httpx"), pytest.importorskip("httpx2")
    with Gateway(vendor.config()) as gw:
        assert isinstance(gw.http_client(), httpx2.Client)
        monkeypatch.setitem(sys.modules, "httpx2", None)
        assert isinstance(gw.http_client(), httpx.Client)
        monkeypatch.setitem(sys.modules, "httpx", None)
        with pytest.raises(ModuleNotFoundError, match="pip install httpx2"):
            gw.http_client()
        with pytest.raises(ValueError, match="httpx3"):
            gw.http_client(lib="httpx3")  # type: ignore[call-overload]


@pytest.mark.parametrize("lib", LIBS)
def test_bodies_stream_both_ways(upstream: Upstream, lib: str) -> None:
    vendor = upstream.vendor([{"say": "a b c d", "pace_ms": 30}])

    def body() -> Any:
        yield b'{"model": "gpt-5-mini", "stream": true, '
        yield b'"messages": [{"role": "user", "content": "x"}]}'

    with Gateway(vendor.config()) as gw, gw.http_client(lib=lib) as client:  # type: ignore[call-overload]
        with client.stream("POST", URL, content=body(), headers={"content-type": "application/json"}) as r:
            assert r.headers["content-type"].startswith("text/event-stream")
            pieces = list(r.iter_raw())
    assert len(pieces) > 2
    assert b"".join(pieces).endswith(b"data: [DONE]\n\n")


def test_async_bodies_stream_both_ways(upstream: Upstream) -> None:
    vendor = upstream.vendor([{"say": "a b c d", "pace_ms": 30}])

    async def body() -> Any:
        yield b'{"model": "gpt-5-mini", "stream": true, '
        yield b'"messages": [{"role": "user", "content": "x"}]}'

    async def main() -> None:
        async with AsyncGateway(vendor.config()) as gw, gw.async_http_client() as client:
            async with client.stream("POST", URL, content=body()) as r:
                pieces = [piece async for piece in r.aiter_raw()]
            assert len(pieces) > 2
            assert b"".join(pieces).endswith(b"data: [DONE]\n\n")

    asyncio.run(main())


def test_query_strings_and_odd_paths_reach_the_vendor(upstream: Upstream) -> None:
    vendor = upstream.vendor([{"body": {"ok": 1}, "times": "forever"}])
    with Gateway(vendor.config()) as gw, gw.http_client() as client:
        for path in ("/v1/files?purpose=batch&after=a%2Fb", "/v1/fine_tuning/jobs/ft%3A1/events"):
            assert client.get(f"https://api.openai.com{path}").json() == {"ok": 1}
        client.delete("https://api.openai.com/v1/files/f")
    paths = [(e["method"], e["path"]) for e in vendor.log(requests=3)]
    assert paths == [
        ("GET", "/v1/files?purpose=batch&after=a%2Fb"),
        ("GET", "/v1/fine_tuning/jobs/ft%3A1/events"),
        ("DELETE", "/v1/files/f"),
    ]


def test_closed_gateway_cannot_be_connected_to(vendor: Vendor) -> None:
    httpx2 = pytest.importorskip("httpx2")
    gw = Gateway(vendor.config())
    client = gw.http_client()
    gw.close()
    with pytest.raises(httpx2.ConnectError, match="closed"):
        client.post(URL, json={"model": "gpt-5-mini", "messages": MESSAGES})


def test_libraries_are_loaded_only_when_asked_for(vendor: Vendor) -> None:
    python(
        """
        from tidegate import Gateway
        gw = Gateway(CONFIG)
        gw.chat.completions.create(model="fast", messages=MESSAGES)
        assert not {"httpx", "httpx2", "asyncio", "typing"} & set(sys.modules), sys.modules.keys()
        gw.http_client(lib="httpx")
        assert "httpx" in sys.modules and "httpx2" not in sys.modules
        """,
        config=vendor.config(),
    )


def test_facts_are_in_the_extensions(vendor: Vendor) -> None:
    body = {"model": "gpt-5-mini", "messages": MESSAGES}
    with Gateway(vendor.config()) as gw, gw.http_client() as client:
        facts = client.post(URL, json=body).extensions["tidegate"]
        assert facts.target == "openai/gpt-5-mini"
        assert facts.cost > 0
        with client.stream("POST", URL, json={**body, "stream": True}) as r:
            assert r.extensions["tidegate"].cost is None
            r.read()
        final: Any = r.extensions["tidegate"]
        assert final.cost > 0
