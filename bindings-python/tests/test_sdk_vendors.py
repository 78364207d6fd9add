"""What the packages of Anthropic, Google, Cohere and Amazon can do beyond conversations, in process and over HTTP."""

from __future__ import annotations

import asyncio
import base64
import io
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from house import FOREVER, WAYS, House, form, headers, octets
from support import MESSAGES, Upstream
from tidegate import AsyncGateway
from tools import UNICODE, frame
from vendors import anthropic_message

JSONL = {"content-type": "application/x-jsonl"}
EVENTS = {"content-type": "application/vnd.amazon.eventstream"}
BIG = "Größe ⚓ " * 80_000


@pytest.fixture(scope="module")
def house(upstream: Upstream) -> Iterator[House]:
    made = House(upstream)
    yield made
    made.close()


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


# Anthropic

ASK: dict[str, Any] = {"model": "claude-haiku-4-5", "max_tokens": 64, "messages": MESSAGES}
BATCH = {
    "id": "msgbatch_1",
    "type": "message_batch",
    "processing_status": "in_progress",
    "request_counts": {"processing": 1, "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0},
    "created_at": "2026-01-01T00:00:00Z",
    "expires_at": "2026-01-02T00:00:00Z",
    "results_url": None,
}
DOCUMENT = {
    "id": "file_1",
    "type": "file",
    "filename": "a.txt",
    "mime_type": "text/plain",
    "size_bytes": 3,
    "created_at": "2026-01-01T00:00:00Z",
}


def test_anthropic_counts_tokens(house: House, way: str) -> None:
    client = house.sdk("anthropic", way)
    house.answers({"body": {"input_tokens": 14}, **FOREVER})
    tools = [{"name": "tide", "input_schema": {"type": "object"}}]
    asked = {"model": "claude-haiku-4-5", "messages": MESSAGES, "tools": tools}
    assert client.messages.count_tokens(**asked, system="brief").input_tokens == 14
    assert client.beta.messages.count_tokens(**asked, betas=["some-beta-2026-01-01"]).input_tokens == 14
    first, second = house.sent(2)
    assert json.loads(first["body"])["system"] == "brief" and first["path"] == "/v1/messages/count_tokens"
    assert "some-beta-2026-01-01" in headers(second)["anthropic-beta"]


def test_anthropic_batches_live_and_end(house: House, way: str) -> None:
    client = house.sdk("anthropic", way)
    ended = {**BATCH, "processing_status": "ended"}
    ended["results_url"] = "https://api.anthropic.com/v1/messages/batches/msgbatch_1/results"
    results = [
        {"custom_id": "a", "result": {"type": "succeeded", "message": anthropic_message("ja ⚓")}},
        {"custom_id": "b", "result": {"type": "errored", "error": {"type": "error", "error": {"type": "x"}}}},
    ]
    lines = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in results)
    page = {"data": [ended], "has_more": False, "first_id": "msgbatch_1", "last_id": "msgbatch_1"}
    house.answers(
        {"body": BATCH}, {"body": ended}, {"body": page}, {"body": ended},
        {"text": lines, "headers": JSONL, "split": 5}, {"body": {**BATCH, "processing_status": "canceling"}},
        {"body": {"id": "msgbatch_1", "type": "message_batch_deleted"}},
    )  # fmt: skip
    batches = client.messages.batches
    assert batches.create(requests=[{"custom_id": "a", "params": ASK}]).processing_status == "in_progress"
    assert batches.retrieve("msgbatch_1").processing_status == "ended"
    assert [batch.id for batch in batches.list(limit=20)] == ["msgbatch_1"]
    got = list(batches.results("msgbatch_1"))
    assert got[0].result.message.content[0].text == "ja ⚓" and got[1].result.type == "errored"
    assert batches.cancel("msgbatch_1").processing_status == "canceling"
    assert batches.delete("msgbatch_1").type == "message_batch_deleted"
    assert house.lines(7) == [
        "POST /v1/messages/batches",
        "GET /v1/messages/batches/msgbatch_1",
        "GET /v1/messages/batches?limit=20",
        "GET /v1/messages/batches/msgbatch_1",
        "GET /v1/messages/batches/msgbatch_1/results",
        "POST /v1/messages/batches/msgbatch_1/cancel",
        "DELETE /v1/messages/batches/msgbatch_1",
    ]


@pytest.mark.parametrize("beta", [False, True], ids=["files", "beta"])
def test_anthropic_files(house: House, way: str, beta: bool) -> None:
    client = house.sdk("anthropic", way)
    files = client.beta.files if beta else client.files
    content = "größer ⚓".encode() * 2000
    page = {"data": [DOCUMENT], "has_more": False, "first_id": "file_1", "last_id": "file_1"}
    reply = {"hex": content.hex(), "headers": {"content-type": "text/plain"}}
    gone = {"id": "file_1", "type": "file_deleted"}
    house.answers({"body": DOCUMENT}, {"body": DOCUMENT}, {"body": page}, reply, {"body": gone})
    assert files.upload(file=("größe.txt", content, "text/plain")).id == "file_1"
    assert files.retrieve_metadata("file_1").mime_type == "text/plain"
    assert [file.id for file in files.list()] == ["file_1"]
    assert files.download("file_1").read() == content
    assert files.delete("file_1").type == "file_deleted"
    entries = house.sent(5)
    assert [content for name, _, content in form(entries[0]) if name == "file"] == [content]
    paths = [entry["path"].split("?")[0] for entry in entries]
    assert paths == ["/v1/files", "/v1/files/file_1", "/v1/files", "/v1/files/file_1/content", "/v1/files/file_1"]
    assert all(headers(entry)["x-api-key"] == "sk-vendor" for entry in entries)


def test_anthropic_models_and_paths_of_the_future(house: House, way: str) -> None:
    client = house.sdk("anthropic", way)
    model = {"id": "claude-x", "type": "model", "display_name": "X", "created_at": "2026-01-01T00:00:00Z"}
    page = {"data": [model], "has_more": False, "first_id": "claude-x", "last_id": "claude-x"}
    house.answers({"body": page}, {"body": model}, {"body": {"odd": 2.50}})
    assert [one.id for one in client.models.list()] == ["claude-x"]
    assert client.models.retrieve("claude-x").display_name == "X"
    assert client.post("/v1/brand/new", body={"a": 1}, cast_to=object) == {"odd": 2.5}
    assert house.lines(3) == ["GET /v1/models", "GET /v1/models/claude-x", "POST /v1/brand/new"]


def test_anthropic_runs_its_own_tool_loop(house: House, way: str) -> None:
    anthropic = pytest.importorskip("anthropic")
    client = house.sdk("anthropic", way)

    @anthropic.beta_tool
    def tide(city: str) -> str:
        """The tide.

        Args:
            city: Where.
        """
        return f"high in {city}"

    call = {"type": "tool_use", "id": "toolu_1", "name": "tide", "input": {"city": "Zürich 🌊"}}
    asked = {**anthropic_message(""), "content": [call], "stop_reason": "tool_use"}
    house.answers({"body": asked}, {"body": anthropic_message("high")})
    runner = client.beta.messages.tool_runner(**ASK, tools=[tide])
    assert runner.until_done().content[0].text == "high"
    (result,) = json.loads(house.sent(2)[1]["body"])["messages"][-1]["content"]
    assert (result["tool_use_id"], result["content"]) == ("toolu_1", "high in Zürich 🌊")


@pytest.mark.parametrize("status", [400, 404, 429, 500, 529])
def test_anthropic_refusals_keep_class_and_words(house: House, way: str, status: int) -> None:
    anthropic = pytest.importorskip("anthropic")
    client = house.sdk("anthropic", way)
    names = {400: "BadRequestError", 404: "NotFoundError", 429: "RateLimitError", 500: "InternalServerError"}
    body = {"type": "error", "error": {"type": "some_error", "message": "own words"}, "request_id": "req_v"}
    house.answers({"status": status, "body": body, "headers": {"retry-after": "0", "request-id": "req_v"}, **FOREVER})
    for call in (
        lambda: client.messages.create(**ASK),
        lambda: client.messages.batches.retrieve("msgbatch_1"),
        lambda: client.messages.batches.create(requests=[{"custom_id": "a", "params": ASK}]),
        lambda: client.beta.files.upload(file=("a", b"x")),
        lambda: client.beta.files.download("file_1"),
    ):
        with pytest.raises(anthropic.APIStatusError) as caught:
            call()
        assert type(caught.value).__name__ == names.get(status, "OverloadedError")
        assert caught.value.body == body and caught.value.request_id == "req_v"


def test_anthropic_timeouts_and_leaving(house: House, way: str) -> None:
    anthropic = pytest.importorskip("anthropic")
    client = house.sdk("anthropic", way)
    house.answers({"stall_head": True, "times": 2}, {"say": "a b c d", "stall_after": 5})
    quick = client.with_options(timeout=0.1)
    for call in (lambda: quick.messages.create(**ASK), lambda: quick.beta.files.list()):
        with pytest.raises(anthropic.APITimeoutError):
            call()
        assert house.left()
    with client.messages.stream(**ASK) as stream:
        next(iter(stream))
    assert house.left()


# Google

DOCS = {"name": "files/f1", "mimeType": "text/plain", "sizeBytes": "3", "state": "ACTIVE", "uri": "https://x/files/f1"}


def test_google_counts_and_embeds(house: House, way: str) -> None:
    client = house.sdk("gemini", way)
    vectors = {"embeddings": [{"values": [0.5, -1]}, {"values": [2, 3]}]}
    house.answers({"body": {"totalTokens": 9}}, {"body": vectors})
    assert client.models.count_tokens(model="gemini-2.5-flash", contents=UNICODE).total_tokens == 9
    got = client.models.embed_content(
        model="gemini-embedding-001",
        contents=["a", "⚓"],
        config={"output_dimensionality": 2, "task_type": "CLUSTERING"},
    )
    assert [one.values for one in got.embeddings] == [[0.5, -1], [2, 3]]
    counted, embedded = house.sent(2)
    assert counted["path"] == "/v1beta/models/gemini-2.5-flash:countTokens"
    assert embedded["path"] == "/v1beta/models/gemini-embedding-001:batchEmbedContents"
    asked = json.loads(embedded["body"])["requests"]
    assert [one["content"]["parts"][0]["text"] for one in asked] == ["a", "⚓"] and asked[0]["taskType"] == "CLUSTERING"
    assert headers(embedded)["x-goog-api-key"] == "sk-vendor"


def test_google_files_are_uploaded_in_two_steps(house: House, way: str) -> None:
    client = house.sdk("gemini", way)
    content = UNICODE.encode() * 3000
    where = "https://generativelanguage.googleapis.com/upload/v1/files?upload_id=u1&upload_protocol=resumable"
    begun = {"text": "", "headers": {"x-goog-upload-url": where, "x-goog-upload-status": "active"}}
    ended = {"body": {"file": DOCS}, "headers": {"x-goog-upload-status": "final"}}
    raw = {"hex": content.hex(), "headers": {"content-type": "text/plain"}}
    house.answers(begun, ended, {"body": DOCS}, {"body": {"files": [DOCS]}}, raw, {"body": {}})
    made = client.files.upload(file=io.BytesIO(content), config={"mime_type": "text/plain"})
    assert made.name == "files/f1" and made.state.name == "ACTIVE"
    assert client.files.get(name="files/f1").mime_type == "text/plain"
    assert [file.name for file in client.files.list()] == ["files/f1"]
    assert client.files.download(file="files/f1") == content
    client.files.delete(name="files/f1")
    entries = house.sent(6)
    assert octets(entries[1]) == content and headers(entries[1])["x-goog-upload-command"] == "upload, finalize"
    assert all(headers(entry)["x-goog-api-key"] == "sk-vendor" for entry in entries)
    assert [f"{entry['method']} {entry['path'].split('?')[0]}" for entry in entries] == [
        "POST /upload/v1/files",
        "POST /upload/v1/files",
        "GET /v1/files/f1",
        "GET /v1/files",
        "GET /v1/files/f1:download",
        "DELETE /v1/files/f1",
    ]
    assert "upload_id=u1" in entries[1]["path"] and "alt=media" in entries[4]["path"]


def test_google_caches_and_batches(house: House, way: str) -> None:
    client = house.sdk("gemini", way)
    cache = {"name": "cachedContents/c1", "model": "models/gemini-2.5-flash", "expireTime": "2027-01-01T00:00:00Z"}
    work = {"name": "batches/b1", "metadata": {"state": "BATCH_STATE_PENDING", "displayName": "d"}}
    house.answers(
        {"body": cache}, {"body": cache}, {"body": {"cachedContents": [cache]}}, {"body": cache}, {"body": {}},
        {"body": work}, {"body": work}, {"body": {}},
    )  # fmt: skip
    made = client.caches.create(model="gemini-2.5-flash", config={"contents": ["long"], "ttl": "300s"})
    assert made.name == "cachedContents/c1"
    assert client.caches.get(name="cachedContents/c1").model == "models/gemini-2.5-flash"
    assert [one.name for one in client.caches.list()] == ["cachedContents/c1"]
    client.caches.update(name="cachedContents/c1", config={"ttl": "600s"})
    client.caches.delete(name="cachedContents/c1")
    requests = [{"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}]
    assert client.batches.create(model="gemini-2.5-flash", src=requests).name == "batches/b1"
    assert client.batches.get(name="batches/b1").state.name == "JOB_STATE_PENDING"
    client.batches.cancel(name="batches/b1")
    assert [line.split("?")[0] for line in house.lines(8)] == [
        "POST /v1/cachedContents",
        "GET /v1/cachedContents/c1",
        "GET /v1/cachedContents",
        "PATCH /v1/cachedContents/c1",
        "DELETE /v1/cachedContents/c1",
        "POST /v1/models/gemini-2.5-flash:batchGenerateContent",
        "GET /v1/batches/b1",
        "POST /v1/batches/b1:cancel",
    ]


def test_google_pictures_and_models(house: House, way: str) -> None:
    client = house.sdk("gemini", way)
    picture = base64.b64encode(bytes(range(256))).decode()
    model = {"name": "models/gemini-x", "displayName": "X", "supportedGenerationMethods": ["generateContent"]}
    inline = {"inlineData": {"mimeType": "image/png", "data": picture}}
    said = {"candidates": [{"content": {"role": "model", "parts": [inline]}, "finishReason": "STOP"}]}
    house.answers({"body": {"models": [model]}}, {"body": model}, {"body": said})
    assert [one.name for one in client.models.list(config={"query_base": True})] == ["models/gemini-x"]
    assert client.models.get(model="gemini-x").display_name == "X"
    drawn = client.models.generate_content(model="gemini-2.5-flash-image", contents="draw")
    assert drawn.parts[0].inline_data.data == bytes(range(256))
    assert [line.split("?")[0] for line in house.lines(3)] == [
        "GET /v1/models",
        "GET /v1/models/gemini-x",
        "POST /v1beta/models/gemini-2.5-flash-image:generateContent",
    ]


def test_google_chats_call_functions_by_themselves(house: House, way: str) -> None:
    client = house.sdk("gemini", way)
    asked: list[str] = []

    def tide(city: str) -> str:
        """The tide."""
        asked.append(city)
        return "high"

    part = {"functionCall": {"name": "tide", "args": {"city": "Zürich 🌊"}}}
    wants = {"candidates": [{"content": {"role": "model", "parts": [part]}, "finishReason": "STOP"}]}
    house.answers({"body": wants}, {"say": "it is high"})
    chat = client.chats.create(model="gemini-2.5-flash", config={"tools": [tide]})
    assert chat.send_message("the tide?").text == "it is high" and asked == ["Zürich 🌊"]
    said = json.loads(house.sent(2)[1]["body"])["contents"]
    assert said[-1]["parts"][0]["functionResponse"]["response"] == {"result": "high"}


@pytest.mark.parametrize(("status", "name"), [(400, "ClientError"), (429, "ClientError"), (503, "ServerError")])
def test_google_refusals_keep_class_and_words(house: House, way: str, status: int, name: str) -> None:
    genai = pytest.importorskip("google.genai")
    client = house.sdk("gemini", way)
    error = {"error": {"code": status, "message": "own words", "status": "SOME_STATUS"}}
    house.answers({"status": status, "body": error, "headers": {"retry-after": "0"}, **FOREVER})
    for call in (
        lambda: client.models.count_tokens(model="gemini-2.5-flash", contents="x"),
        lambda: client.models.embed_content(model="gemini-embedding-001", contents="x"),
        lambda: client.files.get(name="files/f1"),
        lambda: client.caches.get(name="cachedContents/c1"),
        lambda: list(client.models.generate_content_stream(model="gemini-2.5-flash", contents="x")),
    ):
        with pytest.raises(getattr(genai.errors, name)) as caught:
            call()
        assert (caught.value.code, caught.value.status, caught.value.message) == (status, "SOME_STATUS", "own words")


def test_google_timeouts_and_leaving(house: House, way: str) -> None:
    client = house.sdk("gemini", way)
    house.answers({"stall_head": True}, {"say": "a b c d", "stall_after": 2})
    with pytest.raises(Exception) as caught:
        client.models.count_tokens(model="gemini-2.5-flash", contents="x", config={"http_options": {"timeout": 100}})
    assert "Timeout" in type(caught.value).__name__
    assert house.left()
    stream = client.models.generate_content_stream(model="gemini-2.5-flash", contents="x")
    next(stream)
    stream.close()
    assert house.left()


# Cohere


def test_cohere_embeds_ranks_and_counts(house: House, way: str) -> None:
    client = house.sdk("cohere", way)
    vectors = {"id": "e", "embeddings": {"float": [[0.5, -1.0]], "int8": [[1, -2]]}, "texts": ["⚓"]}
    vectors |= {"meta": {"billed_units": {"input_tokens": 2}}, "response_type": "embeddings_by_type"}
    ranked = {
        "id": "r",
        "results": [{"index": 1, "relevance_score": 0.9}],
        "meta": {"billed_units": {"search_units": 1}},
    }
    house.answers(
        {"body": vectors}, {"body": ranked}, {"body": {"tokens": [1, 2], "token_strings": ["a", "b"]}},
        {"body": {"text": "ab"}},
    )  # fmt: skip
    made = client.embed(model="embed-v4.0", input_type="search_query", texts=["⚓"], embedding_types=["float", "int8"])
    assert made.embeddings.float_ == [[0.5, -1.0]] and made.embeddings.int8 == [[1, -2]]
    got = client.rerank(model="rerank-v3.5", query="q", documents=["a", "⚓"], top_n=1)
    assert got.results[0].index == 1 and got.meta.billed_units.search_units == 1
    assert client.tokenize(text="ab", model="command-a-03-2025", offline=False).tokens == [1, 2]
    assert client.detokenize(tokens=[1, 2], model="command-a-03-2025", offline=False).text == "ab"
    entries = house.sent(4)
    paths = [entry["path"] for entry in entries]
    assert paths == ["/v2/embed", "/v2/rerank", "/v1/tokenize", "/v1/detokenize"]
    assert json.loads(entries[1]["body"])["documents"] == ["a", "⚓"]
    assert all(headers(entry)["authorization"] == "Bearer sk-vendor" for entry in entries)


def test_cohere_lists_models_and_keeps_datasets(house: House, way: str) -> None:
    client = house.sdk("cohere", way)
    house.answers({"body": {"models": [{"name": "command-x"}]}}, {"body": {"id": "ds_1"}}, {"body": {"name": "m"}})
    assert [one.name for one in client.models.list().models] == ["command-x"]
    assert client.datasets.create(name="d", type="embed-input", data=("a.csv", b"a,b\n")).id == "ds_1"
    assert client.models.get("m").name == "m"
    entries = house.sent(3)
    assert [entry["path"].split("?")[0] for entry in entries] == ["/v1/models", "/v1/datasets", "/v1/models/m"]
    assert ("data", "a.csv", b"a,b\n") in form(entries[1])


COHERE = {400: "BadRequestError", 401: "UnauthorizedError", 404: "NotFoundError", 429: "TooManyRequestsError"}


@pytest.mark.parametrize(("status", "name"), COHERE.items())
def test_cohere_refusals_keep_class_and_words(house: House, way: str, status: int, name: str) -> None:
    cohere = pytest.importorskip("cohere")
    client = house.sdk("cohere", way)
    house.answers({"status": status, "body": {"message": "own words"}, "headers": {"retry-after": "0"}, **FOREVER})
    never = {"request_options": {"max_retries": 0}}
    for call in (
        lambda: client.embed(model="embed-v4.0", input_type="search_query", texts=["x"], **never),
        lambda: client.rerank(model="rerank-v3.5", query="q", documents=["a"], **never),
        lambda: client.detokenize(tokens=[1], model="command-a-03-2025", offline=False, **never),
        lambda: client.models.list(**never),
    ):
        with pytest.raises(getattr(cohere, name)) as caught:
            call()
        assert "own words" in str(caught.value.body)


def test_cohere_timeouts_and_leaving(house: House, way: str) -> None:
    client = house.sdk("cohere", way)
    house.answers({"stall_head": True}, {"say": "a b c d", "stall_after": 5})
    with pytest.raises(Exception) as caught:
        client.embed(
            model="embed-v4.0",
            input_type="search_query",
            texts=["x"],
            request_options={"timeout_in_seconds": 0.1, "max_retries": 0},
        )
    assert "Timeout" in type(caught.value).__name__
    assert house.left()
    stream = client.chat_stream(model="command-a-03-2025", messages=MESSAGES)
    next(iter(stream))
    stream.close()
    assert house.left()


# Amazon

CLAUDE = "anthropic.claude-haiku-4-5-20251001-v1:0"
CONVERSATION = [{"role": "user", "content": [{"text": "hi"}]}]


def test_bedrock_invokes_models_in_their_own_format(house: House, way: str) -> None:
    client = house.sdk("bedrock", way)
    own = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9, "messages": MESSAGES}
    spelled = json.dumps(own, indent=1)
    counts = {"x-amzn-bedrock-input-token-count": "10", "x-amzn-bedrock-output-token-count": "5"}
    house.answers({"body": anthropic_message(UNICODE), "headers": counts})
    reply = client.invoke_model(modelId=CLAUDE, body=spelled, contentType="application/json")
    assert json.load(reply["body"])["content"][0]["text"] == UNICODE
    assert reply["ResponseMetadata"]["HTTPHeaders"]["x-amzn-bedrock-input-token-count"] == "10"
    (sent,) = house.sent()
    assert sent["path"] in (f"/model/{CLAUDE}/invoke", f"/model/{CLAUDE.replace(':', '%3A')}/invoke")
    assert sent["body"] == spelled and headers(sent)["authorization"] == "Bearer sk-vendor"


def test_bedrock_invokes_models_piece_by_piece(house: House, way: str) -> None:
    client = house.sdk("bedrock", way)
    deltas = [{"type": "content_block_delta", "delta": {"text": piece}} for piece in UNICODE]
    pieces = [{"bytes": base64.b64encode(json.dumps(one).encode()).decode()} for one in deltas]
    frames = b"".join(frame("chunk", piece) for piece in pieces)
    house.answers({"hex": frames.hex(), "headers": EVENTS, "split": 7})
    reply = client.invoke_model_with_response_stream(modelId=CLAUDE, body=json.dumps({"max_tokens": 1}))
    got = [json.loads(event["chunk"]["bytes"]) for event in reply["body"]]
    assert "".join(one["delta"]["text"] for one in got) == UNICODE


def test_bedrock_counts_guards_and_starts(house: House, way: str) -> None:
    client = house.sdk("bedrock", way)
    work = {"invocationArn": "arn:aws:bedrock:eu-west-3:123456789012:async-invoke/abc123abc123"}
    guarded = {"action": "NONE", "outputs": [], "assessments": [], "usage": {
        "topicPolicyUnits": 0, "contentPolicyUnits": 1, "wordPolicyUnits": 0, "sensitiveInformationPolicyUnits": 0,
        "sensitiveInformationPolicyFreeUnits": 0, "contextualGroundingPolicyUnits": 0}}  # fmt: skip
    house.answers({"body": {"inputTokens": 7}}, {"body": guarded}, {"body": work})
    counted = client.count_tokens(modelId=CLAUDE, input={"converse": {"messages": CONVERSATION}})
    assert counted["inputTokens"] == 7
    content = [{"text": {"text": "x"}}]
    applied = client.apply_guardrail(guardrailIdentifier="g1", guardrailVersion="1", source="INPUT", content=content)
    assert applied["action"] == "NONE"
    started = client.start_async_invoke(
        modelId="amazon.nova-reel-v1:1",
        modelInput={"taskType": "TEXT_VIDEO"},
        outputDataConfig={"s3OutputDataConfig": {"s3Uri": "s3://b"}},
    )
    assert started["invocationArn"] == work["invocationArn"]
    assert [line.replace("%3A", ":") for line in house.lines(3)] == [
        f"POST /model/{CLAUDE}/count-tokens",
        "POST /guardrail/g1/version/1/apply",
        "POST /async-invoke",
    ]


def test_bedrock_streams_survive_every_split(house: House, way: str) -> None:
    client = house.sdk("bedrock", way)
    house.answers(*({"say": UNICODE, "split": size} for size in (1, 2, 3, 5)))
    for _ in range(4):
        stream = client.converse_stream(modelId=CLAUDE, messages=CONVERSATION)["stream"]
        pieces = [event["contentBlockDelta"]["delta"]["text"] for event in stream if "contentBlockDelta" in event]
        assert "".join(pieces) == UNICODE


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (400, "ValidationException"),
        (403, "AccessDeniedException"),
        (404, "ResourceNotFoundException"),
        (429, "ThrottlingException"),
        (503, "ServiceUnavailableException"),
    ],
)
def test_bedrock_refusals_keep_class_and_words(house: House, way: str, status: int, name: str) -> None:
    client = house.sdk("bedrock", way)
    named = {"x-amzn-errortype": f"{name}:http://internal.amazon.com/coral/", "retry-after": "0"}
    house.answers({"status": status, "body": {"message": "own words"}, "headers": named, **FOREVER})
    for call in (
        lambda: client.invoke_model(modelId=CLAUDE, body="{}"),
        lambda: client.invoke_model_with_response_stream(modelId=CLAUDE, body="{}"),
        lambda: client.converse(modelId=CLAUDE, messages=CONVERSATION),
        lambda: client.converse_stream(modelId=CLAUDE, messages=CONVERSATION),
    ):
        with pytest.raises(getattr(client.exceptions, name), match="own words"):
            call()


def test_bedrock_timeouts_and_leaving(house: House, way: str) -> None:
    exceptions = pytest.importorskip("botocore.exceptions")
    quick, client = house.sdk("bedrock", way, read_timeout=0.2), house.sdk("bedrock", way)
    house.answers({"stall_head": True, "times": 2}, {"say": "a b c d", "stall_after": 4, "times": 2})
    for call in (quick.converse, quick.converse_stream):
        with pytest.raises(exceptions.ReadTimeoutError):
            call(modelId=CLAUDE, messages=CONVERSATION)
        assert house.left()
    # Over HTTP it is the one of urllib3, of which the package's is a kind.
    with pytest.raises(Exception) as caught:
        list(quick.converse_stream(modelId=CLAUDE, messages=CONVERSATION)["stream"])
    assert type(caught.value).__name__ == "ReadTimeoutError"
    assert house.left()
    stream = client.converse_stream(modelId=CLAUDE, messages=CONVERSATION)["stream"]
    next(iter(stream))
    stream.close()
    assert house.left()


# All of them


def test_a_megabyte_both_ways(house: House, way: str) -> None:
    anthropic, google, cohere, bedrock = (house.sdk(name, way) for name in ("anthropic", "gemini", "cohere", "bedrock"))
    house.answers({"say": BIG, **FOREVER})
    user = [{"role": "user", "content": BIG}]
    assert anthropic.messages.create(**{**ASK, "messages": user}).content[0].text == BIG
    assert google.models.generate_content(model="gemini-2.5-flash", contents=BIG).text == BIG
    assert cohere.chat(model="command-a-03-2025", messages=user).message.content[0].text == BIG
    talk = [{"role": "user", "content": [{"text": BIG}]}]
    assert bedrock.converse(modelId=CLAUDE, messages=talk)["output"]["message"]["content"][0]["text"] == BIG
    assert all(len(octets(entry)) > len(BIG.encode()) for entry in house.sent(4))


def test_threads_keep_apart(house: House, way: str) -> None:
    anthropic, google, cohere, bedrock = (house.sdk(name, way) for name in ("anthropic", "gemini", "cohere", "bedrock"))
    house.answers({"say": UNICODE, **FOREVER})
    asks: list[Any] = [
        lambda: anthropic.messages.create(**ASK).content[0].text,
        lambda: google.models.generate_content(model="gemini-2.5-flash", contents="x").text,
        lambda: cohere.chat(model="command-a-03-2025", messages=MESSAGES).message.content[0].text,
        lambda: bedrock.converse(modelId=CLAUDE, messages=CONVERSATION)["output"]["message"]["content"][0]["text"],
    ]
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda n: asks[n % 4](), range(64))) == {UNICODE}


def test_awaited_clients_do_it_too(upstream: Upstream) -> None:
    anthropic, genai, cohere = (pytest.importorskip(name) for name in ("anthropic", "google.genai", "cohere"))
    vendor = upstream.vendor([
        {"when": {"path": "/v1/messages/batches/slow"}, "stall_head": True, **FOREVER},
        {"say": UNICODE, **FOREVER},
    ])  # fmt: skip
    config = vendor.config()
    for name in ("gemini", "cohere"):
        config["providers"][name] = {"api_key": "k", "base_url": vendor.anthropic}

    async def main() -> None:
        async with AsyncGateway(config) as gw:
            http, httpx = gw.async_http_client(), gw.async_http_client(lib="httpx")
            claude = anthropic.AsyncAnthropic(api_key="any", http_client=http, max_retries=0)
            google = genai.Client(api_key="any", http_options={"httpx_async_client": http}).aio
            command = cohere.AsyncClientV2(api_key="any", httpx_client=httpx)
            replies = await asyncio.gather(
                claude.messages.create(**ASK),
                google.models.generate_content(model="gemini-2.5-flash", contents="x"),
                command.chat(model="command-a-03-2025", messages=MESSAGES),
            )
            assert replies[0].content[0].text == replies[1].text == replies[2].message.content[0].text == UNICODE
            chunks = await google.models.generate_content_stream(model="gemini-2.5-flash", contents="x")
            assert "".join([chunk.text or "" async for chunk in chunks]) == UNICODE
            events = [event async for event in command.chat_stream(model="command-a-03-2025", messages=MESSAGES)]
            pieces = [event.delta.message.content.text for event in events if event.type == "content-delta"]
            assert "".join(pieces) == UNICODE
            task = asyncio.create_task(claude.messages.batches.retrieve("slow"))
            await asyncio.to_thread(vendor.log, requests=6)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await asyncio.to_thread(vendor.left, 1)

    asyncio.run(main())
