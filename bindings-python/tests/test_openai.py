"""The unmodified `openai` package over the engine's transport, in process and by base URL."""

from __future__ import annotations

import asyncio
import concurrent.futures
import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from support import MESSAGES, Upstream, Vendor, chat_body, until
from tidegate import AsyncGateway, Gateway
from vendors import OPENAI_TOOLS, openai_error, spelled

openai = pytest.importorskip("openai")


@pytest.fixture(params=["httpx2", "httpx", "http"])
def make(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Makes a client of a vendor: over either library's transport, or over the HTTP server."""
    gateways: list[Any] = []

    def client(vendor: Vendor, **options: Any) -> Any:
        options = {"api_key": "sk-anything", "max_retries": 0, **options}
        gw = Gateway(vendor.config())
        if request.param == "http":
            server = gw.serve(port=0)
            gateways.append(server)
            return openai.OpenAI(base_url=f"{server.url}/openai/v1", **options)
        gateways.append(gw)
        return openai.OpenAI(http_client=gw.http_client(lib=request.param), **options)

    yield client
    for gateway in gateways:
        gateway.__exit__(RuntimeError, RuntimeError(), None)


def test_chat_reaches_the_vendor_byte_for_byte(upstream: Upstream, make: Any) -> None:
    vendor = upstream.vendor([{"text": spelled(chat_body("hi")), "headers": {"content-type": "application/json"}}])
    client = make(vendor)
    r = client.chat.completions.create(model="gpt-5-mini", messages=MESSAGES, extra_body={"odd": [1, 2.50, "é"]})
    assert r.choices[0].message.content == "hi"
    assert r.usage.total_tokens == 12
    (entry,) = vendor.log(requests=1)
    assert entry["path"] == "/v1/chat/completions"
    assert dict(entry["headers"])["authorization"] == "Bearer sk-upstream"
    # The same request without a gateway.
    direct = upstream.vendor([{"body": chat_body("hi")}])
    bare = openai.OpenAI(base_url=direct.openai, api_key="sk-upstream")
    bare.chat.completions.create(model="gpt-5-mini", messages=MESSAGES, extra_body={"odd": [1, 2.50, "é"]})
    (wanted,) = direct.log(requests=1)
    assert entry["body"] == wanted["body"]


def test_raw_response_shows_body_headers_and_facts(upstream: Upstream, make: Any) -> None:
    body = spelled(chat_body("hi"))
    vendor = upstream.vendor(
        [{"text": body, "headers": {"content-type": "application/json", "x-request-id": "req_vendor"}}]
    )
    raw = make(vendor).chat.completions.with_raw_response.create(model="gpt-5-mini", messages=MESSAGES)
    assert raw.content == body.encode()
    assert raw.headers["x-request-id"] == "req_vendor"
    assert raw.headers["x-tidegate-target"] == "openai/gpt-5-mini"
    assert raw.elapsed.total_seconds() > 0
    assert raw.parse()._request_id == "req_vendor"


def test_stream_with_tools_and_usage(upstream: Upstream, make: Any) -> None:
    vendor = upstream.vendor([{"sse": OPENAI_TOOLS, "split": n} for n in (1000000, 7, 1)])
    client = make(vendor)
    for _ in range(3):
        calls: dict[int, list[str]] = {}
        usage, finish = None, None
        with client.chat.completions.create(
            model="gpt-5-mini", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
        ) as stream:
            for chunk in stream:
                usage = chunk.usage or usage
                for choice in chunk.choices:
                    finish = choice.finish_reason or finish
                    for call in choice.delta.tool_calls or ():
                        calls.setdefault(call.index, []).append(call.function.arguments)
        assert {i: json.loads("".join(a)) for i, a in calls.items()} == {0: {"city": "Zürich"}, 1: {"zone": "CET"}}
        assert finish == "tool_calls"
        assert usage is not None and usage.total_tokens == 115


def test_stream_hides_the_usage_nobody_asked_for(upstream: Upstream, make: Any) -> None:
    vendor = upstream.vendor()
    chunks = list(make(vendor).chat.completions.create(model="gpt-5-mini", messages=MESSAGES, stream=True))
    assert all(chunk.choices for chunk in chunks)
    assert json.loads(vendor.log(requests=1)[0]["body"])["stream_options"] == {"include_usage": True}


def test_stream_helper_accumulates(vendor: Vendor, make: Any) -> None:
    with make(vendor).chat.completions.stream(model="gpt-5-mini", messages=MESSAGES) as stream:
        for _ in stream:
            pass
        final = stream.get_final_completion()
    assert final.choices[0].message.content == "Hello from the mock upstream."


ERRORS = [
    (400, "BadRequestError", "invalid_request_error"),
    (401, "AuthenticationError", "invalid_request_error"),
    (403, "PermissionDeniedError", "invalid_request_error"),
    (404, "NotFoundError", "invalid_request_error"),
    (409, "ConflictError", "invalid_request_error"),
    (422, "UnprocessableEntityError", "invalid_request_error"),
    (429, "RateLimitError", "insufficient_quota"),
    (500, "InternalServerError", "server_error"),
    (503, "InternalServerError", "server_error"),
]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(("status", "name", "kind"), ERRORS)
def test_each_status_raises_the_vendors_class(
    upstream: Upstream, make: Any, status: int, name: str, kind: str, stream: bool
) -> None:
    body = openai_error("the vendor's own words", kind, "some_code", "messages[0]")
    reply = {"status": status, "body": body, "headers": {"x-request-id": "req_v"}, "times": "forever"}
    client = make(upstream.vendor([reply]))
    with pytest.raises(getattr(openai, name)) as caught:
        client.chat.completions.create(model="gpt-5-mini", messages=MESSAGES, stream=stream)
    error = caught.value
    assert type(error) is getattr(openai, name)
    assert error.status_code == status
    assert error.body == body["error"]
    assert (error.code, error.param, error.type) == ("some_code", "messages[0]", kind)
    assert error.request_id == "req_v"


def test_gateways_own_errors_raise_the_vendors_classes(vendor: Vendor, make: Any) -> None:
    client = make(vendor)
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(
            model="gpt-5-mini", messages=MESSAGES, extra_headers={"x-tidegate-timeout": "soon"}
        )
    assert caught.value.code == "invalid_request"


def test_keys_travel_as_api_keys(vendor: Vendor) -> None:
    keys = [
        {"id": "alice", "value": "tg-alice", "models": ["fast"]},
        {"id": "poor", "value": "tg-poor", "budgets": [{"limit": "0.0000001", "per": "1d"}]},
    ]
    with Gateway(vendor.config(keys=keys)) as gw:
        client = openai.OpenAI(http_client=gw.http_client(), api_key="tg-alice", max_retries=0)
        assert client.chat.completions.create(model="fast", messages=MESSAGES).choices
        with pytest.raises(openai.PermissionDeniedError):
            client.chat.completions.create(model="openai/gpt-5", messages=MESSAGES)
        with pytest.raises(openai.AuthenticationError):
            client.with_options(api_key="tg-nobody").chat.completions.create(model="fast", messages=MESSAGES)
        with pytest.raises(openai.APIStatusError) as caught:
            client.with_options(api_key="tg-poor").chat.completions.create(model="fast", messages=MESSAGES)
        assert caught.value.status_code == 402
        assert caught.value.code == "budget_exhausted"
        view = openai.OpenAI(http_client=gw.with_key("tg-poor").http_client(), api_key="sk-anything", max_retries=0)
        with pytest.raises(openai.APIStatusError, match="budget"):
            view.chat.completions.create(model="fast", messages=MESSAGES)


def test_retries_of_the_package_work(upstream: Upstream, make: Any) -> None:
    failing = {"status": 500, "body": openai_error("once", "server_error"), "times": 2}
    vendor = upstream.vendor([failing, {"body": chat_body("recovered")}])
    client = make(vendor, max_retries=3)
    r = client.chat.completions.create(model="gpt-5-mini", messages=MESSAGES)
    assert r.choices[0].message.content == "recovered"


def test_timeout_raises_the_vendors_class_and_closes_the_upstream(upstream: Upstream, make: Any) -> None:
    vendor = upstream.vendor([{"stall_head": True, "times": "forever"}])
    start = time.monotonic()
    with pytest.raises(openai.APITimeoutError):
        make(vendor, timeout=0.3).chat.completions.create(model="gpt-5-mini", messages=MESSAGES)
    assert 0.25 < time.monotonic() - start < 2
    assert vendor.left(1)


def test_timeout_between_chunks(upstream: Upstream, make: Any) -> None:
    vendor = upstream.vendor([{"say": "a b c", "stall_after": 3}])
    stream = make(vendor, timeout=0.4).chat.completions.create(model="gpt-5-mini", messages=MESSAGES, stream=True)
    seen = []
    with pytest.raises(Exception) as caught:
        for chunk in stream:
            seen.append(chunk)
    assert len(seen) >= 2
    assert "Timeout" in type(caught.value).__name__
    del caught
    stream.close()
    assert vendor.left(1)


def test_broken_stream_raises(upstream: Upstream, make: Any) -> None:
    vendor = upstream.vendor([{"say": "one two three four five", "cut_after": 700}])
    seen = []
    with pytest.raises(Exception) as caught:
        for chunk in make(vendor).chat.completions.create(model="gpt-5-mini", messages=MESSAGES, stream=True):
            seen.append(chunk)
    assert seen
    assert isinstance(caught.value, openai.APIError) or "Protocol" in type(caught.value).__name__


def test_closing_a_stream_closes_the_upstream(upstream: Upstream, make: Any) -> None:
    vendor = upstream.vendor([{"say": "a b c", "stall_after": 3, "times": "forever"}])
    client = make(vendor)
    with client.chat.completions.create(model="gpt-5-mini", messages=MESSAGES, stream=True) as stream:
        next(iter(stream))
    closing = time.monotonic()
    assert vendor.left(1)
    assert time.monotonic() - closing < 0.5


def test_unicode_survives_every_split(upstream: Upstream, make: Any) -> None:
    text = "naïve 日本語 🎉 café 👩‍👩‍👧 \u2028 end"
    vendor = upstream.vendor([{"say": text, "split": n} for n in (1, 2, 3, 4)])
    client = make(vendor)
    for _ in range(4):
        stream = client.chat.completions.create(model="gpt-5-mini", messages=MESSAGES, stream=True)
        assert "".join(c.choices[0].delta.content or "" for c in stream) == text


def test_one_megabyte_both_ways(upstream: Upstream, make: Any) -> None:
    text = "é" * 500_000
    vendor = upstream.vendor([{"body": chat_body(text)}])
    r = make(vendor).chat.completions.create(model="gpt-5-mini", messages=[{"role": "user", "content": text}])
    assert r.choices[0].message.content == text
    assert json.loads(vendor.log(requests=1)[0]["body"])["messages"][0]["content"] == text


def test_embeddings_models_and_paths_only_the_vendor_knows(upstream: Upstream, make: Any) -> None:
    moderation = {"id": "modr-1", "model": "omni", "results": [{"flagged": False, "categories": {}}]}
    embedding = {"object": "embedding", "index": 0, "embedding": [0.5, -1.5]}
    vendor = upstream.vendor(
        [
            {
                "when": {"path": "/v1/embeddings"},
                "body": {
                    "object": "list",
                    "data": [embedding],
                    "model": "text-embedding-3-small",
                    "usage": {"prompt_tokens": 1, "total_tokens": 1},
                },
            },
            {"when": {"path": "/v1/moderations"}, "body": moderation},
            {"when": {"path": "/v1/files/file-1/content"}, "hex": "00ff10", "headers": {"content-type": "x/y"}},
            {"when": {"path": "/v1/files"}, "body": {"id": "file-1", "object": "file", "bytes": 3}},
            {"when": {"path": "/v1/models"}, "body": {"object": "list", "data": [{"id": "m", "object": "model"}]}},
        ]
    )
    client = make(vendor)
    r = client.embeddings.create(model="text-embedding-3-small", input="a", encoding_format="float")
    assert r.data[0].embedding == [0.5, -1.5]
    assert client.moderations.create(input="a").id == "modr-1"
    assert client.files.content("file-1").read() == b"\x00\xff\x10"
    assert client.files.create(file=("a.jsonl", b"{}\n{}"), purpose="batch").id == "file-1"
    entry = vendor.log(requests=4)[-1]  # files.create
    assert dict(entry["headers"])["content-type"].startswith("multipart/form-data; boundary=")
    assert "{}\n{}" in entry["body"]
    assert list(client.models.list())


def test_structured_output_is_parsed(upstream: Upstream, make: Any) -> None:
    pydantic = pytest.importorskip("pydantic")
    answer = pydantic.create_model("Answer", value=(int, ...))
    vendor = upstream.vendor([{"body": chat_body('{"value": 42}')}])
    r = make(vendor).chat.completions.parse(model="gpt-5-mini", messages=MESSAGES, response_format=answer)
    assert r.choices[0].message.parsed.value == 42


def test_parallel_threads(vendor: Vendor, make: Any) -> None:
    client = make(vendor)

    def one(i: int) -> str:
        if i % 2:
            return str(client.chat.completions.create(model="gpt-5-mini", messages=MESSAGES).choices[0].message.content)
        stream = client.chat.completions.create(model="gpt-5-mini", messages=MESSAGES, stream=True)
        return "".join(c.choices[0].delta.content or "" for c in stream)

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        assert set(pool.map(one, range(100))) == {"Hello from the mock upstream."}


@pytest.mark.parametrize("lib", ["httpx2", "httpx"])
def test_async_client(upstream: Upstream, lib: str) -> None:
    refusal = {"status": 429, "body": openai_error("slow", "x"), "times": "forever"}
    vendor = upstream.vendor(
        [
            {"when": {"contains": "refuse"}, **refusal},
            {"when": {"contains": "stall"}, "stall_head": True, "times": "forever"},
            {"when": {"contains": "half"}, "say": "a b c", "stall_after": 3, "times": "forever"},
            {"say": "Grüezi 🎉 mitenand", "times": "forever"},
        ]
    )

    def ask(word: str) -> list[dict[str, str]]:
        return [{"role": "user", "content": word}]

    async def main() -> None:
        gw = AsyncGateway(vendor.config())
        http_client: Any = gw.async_http_client(lib=lib)  # type: ignore[call-overload]
        client = openai.AsyncOpenAI(http_client=http_client, api_key="sk", max_retries=0)
        create = client.chat.completions.create
        r = await create(model="gpt-5-mini", messages=MESSAGES)
        assert r.choices[0].message.content == "Grüezi 🎉 mitenand"
        text = ""
        async for chunk in await create(model="gpt-5-mini", messages=MESSAGES, stream=True):
            text += chunk.choices[0].delta.content or ""
        assert text == "Grüezi 🎉 mitenand"
        with pytest.raises(openai.RateLimitError):
            await create(model="gpt-5-mini", messages=ask("refuse"))
        with pytest.raises(openai.APITimeoutError):
            await create(model="gpt-5-mini", messages=ask("stall"), timeout=0.2)
        task = asyncio.ensure_future(create(model="gpt-5-mini", messages=ask("stall")))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        stream = await create(model="gpt-5-mini", messages=ask("half"), stream=True)
        await stream.__anext__()
        await stream.close()
        assert await asyncio.to_thread(vendor.left, 3)
        replies = await asyncio.gather(*(create(model="gpt-5-mini", messages=MESSAGES) for _ in range(100)))
        assert {r.choices[0].message.content for r in replies} == {"Grüezi 🎉 mitenand"}
        await client.close()
        await gw.aclose()

    asyncio.run(main())


def test_transport_starts_no_thread_of_its_own(vendor: Vendor) -> None:
    with Gateway(vendor.config()) as gw:
        client = openai.OpenAI(http_client=gw.http_client(), api_key="sk", max_retries=0)
        client.chat.completions.create(model="gpt-5-mini", messages=MESSAGES)
        assert until(lambda: all(not t.name.startswith("tidegate-notify") for t in threading.enumerate()))


def test_responses_arrive_piece_by_piece(upstream: Upstream, make: Any) -> None:
    kind = "response.output_text.delta"
    place = {"item_id": "i", "output_index": 0, "content_index": 0, "logprobs": []}
    sse = [
        {"event": kind, "data": {"type": kind, "delta": word, "sequence_number": n, **place}}
        for n, word in enumerate(["one ", "two ", "three"])
    ]
    kind = "response.completed"
    whole = {"id": "resp_1", "object": "response", "status": "completed", "output": [], "model": "m"}
    sse.append({"event": kind, "data": {"type": kind, "sequence_number": 3, "response": whole}})
    reply = {"when": {"path": "/v1/responses"}, "sse": sse, "pace_ms": 150, "times": "forever"}
    client = make(upstream.vendor([reply]))
    # Twice, because the package loads the types of this endpoint while it reads the first stream.
    for _ in range(2):
        arrivals, text = [], ""
        for event in client.responses.create(model="gpt-5-mini", input="x", stream=True):
            if event.type == "response.output_text.delta":
                arrivals.append(time.monotonic())
                text += event.delta
        assert text == "one two three"
    # Piece by piece, not at the end.
    assert arrivals[-1] - arrivals[0] > 0.2
