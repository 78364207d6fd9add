"""The unmodified `anthropic` package over the engine's transport, in process and by base URL."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from support import MESSAGES, Upstream, Vendor
from tidegate import AsyncGateway, Gateway
from vendors import ANTHROPIC_TOOLS, anthropic_error, anthropic_message, spelled

anthropic = pytest.importorskip("anthropic")
ASK: dict[str, Any] = {"model": "claude-haiku-4-5", "max_tokens": 64, "messages": MESSAGES}


@pytest.fixture(params=["transport", "http"])
def make(request: pytest.FixtureRequest) -> Iterator[Any]:
    gateways: list[Any] = []

    def client(vendor: Vendor, **options: Any) -> Any:
        options = {"api_key": "sk-ant-anything", "max_retries": 0, **options}
        gw = Gateway(vendor.config())
        if request.param == "http":
            server = gw.serve(port=0)
            gateways.append(server)
            return anthropic.Anthropic(base_url=f"{server.url}/anthropic", **options)
        gateways.append(gw)
        return anthropic.Anthropic(http_client=gw.http_client(), **options)

    yield client
    for gateway in gateways:
        gateway.__exit__(RuntimeError, RuntimeError(), None)


def test_message_reaches_the_vendor_untouched(upstream: Upstream, make: Any) -> None:
    body = spelled(anthropic_message("hi"))
    vendor = upstream.vendor([{"text": body, "headers": {"content-type": "application/json", "request-id": "req_v"}}])
    client = make(vendor, default_headers={"anthropic-beta": "some-beta"})
    r = client.messages.with_raw_response.create(**ASK, system="short")
    assert r.http_response.content == body.encode()
    message = r.parse()
    assert message.content[0].text == "hi" and message._request_id == "req_v"
    (entry,) = vendor.log(requests=1)
    headers = dict(entry["headers"])
    assert entry["path"] == "/v1/messages"
    assert headers["x-api-key"] == "sk-upstream"
    assert headers["anthropic-version"] and headers["anthropic-beta"] == "some-beta"
    assert json.loads(entry["body"]) == {**ASK, "system": "short"}


def test_stream_with_text_tools_and_usage(upstream: Upstream, make: Any) -> None:
    vendor = upstream.vendor([{"sse": ANTHROPIC_TOOLS, "split": n} for n in (1000000, 5, 1)])
    client = make(vendor)
    for _ in range(3):
        with client.messages.stream(**ASK) as stream:
            text = "".join(stream.text_stream)
            final = stream.get_final_message()
        assert text == "Let me look 🔎"
        assert final.content[1].input == {"city": "Zürich"}
        assert final.stop_reason == "tool_use"
        assert (final.usage.input_tokens, final.usage.output_tokens) == (377, 65)


def test_raw_events(vendor: Vendor, make: Any) -> None:
    events = list(make(vendor).messages.create(**ASK, stream=True))
    assert events[0].type == "message_start" and events[-1].type == "message_stop"


ERRORS = [
    (400, "BadRequestError", "invalid_request_error"),
    (401, "AuthenticationError", "authentication_error"),
    (403, "PermissionDeniedError", "permission_error"),
    (404, "NotFoundError", "not_found_error"),
    (413, "RequestTooLargeError", "request_too_large"),
    (422, "UnprocessableEntityError", "invalid_request_error"),
    (429, "RateLimitError", "rate_limit_error"),
    (500, "InternalServerError", "api_error"),
    (529, "OverloadedError", "overloaded_error"),
]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(("status", "name", "kind"), ERRORS)
def test_each_status_raises_the_vendors_class(
    upstream: Upstream, make: Any, status: int, name: str, kind: str, stream: bool
) -> None:
    body = anthropic_error("the vendor's own words", kind)
    reply = {"status": status, "body": body, "headers": {"request-id": "req_v"}, "times": "forever"}
    client = make(upstream.vendor([reply]))
    # As the package itself maps it; newer classes are not exported at its top.
    wanted = getattr(anthropic, name, None) or getattr(anthropic._exceptions, name)
    with pytest.raises(wanted) as caught:
        client.messages.create(**ASK, stream=stream)
    error = caught.value
    assert type(error) is wanted
    assert error.status_code == status
    assert error.body == body
    assert error.request_id == "req_v"


def test_error_event_inside_a_stream_raises(upstream: Upstream, make: Any) -> None:
    failure = {"event": "error", "data": anthropic_error("too busy", "overloaded_error")}
    vendor = upstream.vendor([{"sse": [*ANTHROPIC_TOOLS[:5], failure]}])
    seen = []
    with pytest.raises(anthropic.APIStatusError, match="too busy"):
        for event in make(vendor).messages.create(**ASK, stream=True):
            seen.append(event)
    assert len(seen) == 4  # pings are not shown


def test_gateways_own_errors_raise_the_vendors_classes(vendor: Vendor, make: Any) -> None:
    client = make(vendor)
    with pytest.raises(anthropic.BadRequestError):
        client.messages.create(**ASK, extra_headers={"x-tidegate-timeout": "soon"})


def test_timeout_and_broken_stream(upstream: Upstream, make: Any) -> None:
    vendor = upstream.vendor([{"stall_head": True}, {"sse": ANTHROPIC_TOOLS, "cut_after": 900}])
    client = make(vendor)
    start = time.monotonic()
    with pytest.raises(anthropic.APITimeoutError):
        client.with_options(timeout=0.3).messages.create(**ASK)
    assert time.monotonic() - start < 2
    assert vendor.left(1)
    with pytest.raises(Exception) as caught:
        for _ in client.messages.create(**ASK, stream=True):
            pass
    assert isinstance(caught.value, anthropic.APIError) or "Protocol" in type(caught.value).__name__


def test_count_tokens_passes_through(upstream: Upstream, make: Any) -> None:
    vendor = upstream.vendor([{"when": {"path": "/v1/messages/count_tokens"}, "body": {"input_tokens": 14}}])
    ask = {k: v for k, v in ASK.items() if k != "max_tokens"}
    assert make(vendor).messages.count_tokens(**ask).input_tokens == 14


def test_anthropic_package_on_an_openai_target(vendor: Vendor, make: Any) -> None:
    client = make(vendor)
    r = client.messages.create(**{**ASK, "model": "fast"})
    assert r.content[0].text == "Hello from the mock upstream."
    assert vendor.log(requests=1)[0]["path"] == "/v1/chat/completions"
    with client.messages.stream(**{**ASK, "model": "fast"}) as stream:
        assert "".join(stream.text_stream) == "Hello from the mock upstream."


def test_one_megabyte_both_ways(upstream: Upstream, make: Any) -> None:
    text = "日" * 350_000
    vendor = upstream.vendor([{"body": anthropic_message(text)}])
    r = make(vendor).messages.create(**{**ASK, "messages": [{"role": "user", "content": text}]})
    assert r.content[0].text == text


def test_async_client(upstream: Upstream) -> None:
    vendor = upstream.vendor(
        [
            {"when": {"contains": "stall"}, "stall_head": True, "times": "forever"},
            {
                "when": {"contains": "refuse"},
                "status": 529,
                "body": anthropic_error("busy", "overloaded_error"),
                "times": "forever",
            },
            {"when": {"contains": "tools"}, "sse": ANTHROPIC_TOOLS, "times": "forever"},
            {"body": anthropic_message("hi"), "times": "forever"},
        ]
    )

    def ask(word: str) -> dict[str, Any]:
        return {**ASK, "messages": [{"role": "user", "content": word}]}

    async def main() -> None:
        async with AsyncGateway(vendor.config()) as gw:
            client = anthropic.AsyncAnthropic(http_client=gw.async_http_client(), api_key="sk", max_retries=0)
            assert (await client.messages.create(**ASK)).content[0].text == "hi"
            async with client.messages.stream(**ask("tools")) as stream:
                assert "".join([t async for t in stream.text_stream]) == "Let me look 🔎"
                assert (await stream.get_final_message()).content[1].input == {"city": "Zürich"}
            with pytest.raises(anthropic.APIStatusError):
                await client.messages.create(**ask("refuse"))
            with pytest.raises(anthropic.APITimeoutError):
                await client.messages.create(**ask("stall"), timeout=0.2)
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(client.messages.create(**ask("stall")), 0.1)
            assert await asyncio.to_thread(vendor.left, 2)
            replies = await asyncio.gather(*(client.messages.create(**ASK) for _ in range(50)))
            assert {r.content[0].text for r in replies} == {"hi"}

    asyncio.run(main())
