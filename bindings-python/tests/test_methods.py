# ruff: noqa: E501 - a call is a line of the table
"""The native client's methods beyond conversations, blocking and awaited."""

from __future__ import annotations

import asyncio
import inspect
import io
import json
from pathlib import Path
from typing import Any

import pytest
from support import Upstream
from tidegate import AsyncGateway, Gateway, errors

PICTURES = {"created": 1, "data": [{"b64_json": "aGk="}], "usage": {"input_tokens": 3, "output_tokens": 4}}
TEXT = {
    "id": "cmpl-1",
    "object": "text_completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "text": "hi"}],
}
FILE = {"id": "file-1", "object": "file", "bytes": 3, "filename": "a.jsonl", "purpose": "batch"}
RERANKED = {"id": "r", "results": [{"index": 1, "relevance_score": 0.9}], "meta": {"billed_units": {"search_units": 1}}}
#: Path, what the vendor answers, the method, its arguments, what the reply has.
CALLS: list[tuple[str, Any, str, tuple[str, ...], dict[str, Any], Any]] = [
    ("POST /v1/completions", TEXT, "completions.create", (), {"model": "fast", "prompt": "x"}, ("choices.0.text", "hi")),
    ("POST /v1/images/generations", PICTURES, "images.generate", (), {"model": "fast", "prompt": "x"}, ("data.0.b64_json", "aGk=")),
    ("POST /v1/images/edits", PICTURES, "images.edit", (), {"model": "fast", "prompt": "x", "image": b"\x89PNG"}, ("created", 1)),
    ("POST /v1/images/variations", PICTURES, "images.create_variation", (), {"model": "fast", "image": b"\x89PNG"}, ("created", 1)),
    ("POST /v1/audio/transcriptions", {"text": "said"}, "audio.transcriptions.create", (), {"model": "fast", "file": ("a.wav", b"RIFF")}, ("text", "said")),
    ("POST /v1/audio/translations", {"text": "said"}, "audio.translations.create", (), {"model": "fast", "file": ("a.wav", b"RIFF", "audio/wav")}, ("text", "said")),
    ("POST /v1/moderations", {"id": "modr-1", "model": "m", "results": [{"flagged": True}]}, "moderations.create", (), {"model": "fast", "input": "x"}, ("results.0.flagged", True)),
    ("POST /v1/rerank", RERANKED, "rerank", (), {"model": "fast", "query": "q", "documents": ["a", "b"]}, ("results.0.index", 1)),
    ("POST /v1/files", FILE, "files.create", (), {"file": ("a.jsonl", b"{}\n"), "purpose": "batch"}, ("id", "file-1")),
    ("GET /v1/files?purpose=batch&limit=2", {"object": "list", "data": [FILE], "has_more": False}, "files.list", (), {"purpose": "batch", "limit": 2}, ("data.0.id", "file-1")),
    ("GET /v1/files/file-1", FILE, "files.retrieve", ("file-1",), {}, ("filename", "a.jsonl")),
    ("DELETE /v1/files/file-1", {"id": "file-1", "deleted": True}, "files.delete", (), {"file_id": "file-1"}, ("deleted", True)),
    ("POST /v1/batches", {"id": "batch_1", "status": "validating"}, "batches.create", (), {"input_file_id": "file-1", "endpoint": "/v1/chat/completions", "completion_window": "24h"}, ("status", "validating")),
    ("GET /v1/batches/batch_1", {"id": "batch_1", "status": "completed"}, "batches.retrieve", ("batch_1",), {}, ("status", "completed")),
    ("POST /v1/batches/batch_1/cancel", {"id": "batch_1", "status": "cancelling"}, "batches.cancel", ("batch_1",), {}, ("status", "cancelling")),
    ("GET /v1/responses/resp_1", {"id": "resp_1", "status": "completed", "output": []}, "responses.retrieve", ("resp_1",), {}, ("output_text", "")),
    ("DELETE /v1/responses/resp_1", {"id": "resp_1", "deleted": True}, "responses.delete", ("resp_1",), {}, ("deleted", True)),
    ("POST /v1/responses/resp_1/cancel", {"id": "resp_1", "status": "cancelled"}, "responses.cancel", ("resp_1",), {}, ("status", "cancelled")),
    ("GET /v1/videos/video_1", {"id": "video_1", "status": "queued"}, "videos.retrieve", ("video_1",), {}, ("status", "queued")),
]  # fmt: skip
way = pytest.mark.parametrize("awaited", [False, True], ids=["blocking", "awaited"])


class Client:
    """The gateway of either kind over one vendor, called by the name of a method."""

    def __init__(self, upstream: Upstream, replies: list[dict[str, Any]], awaited: bool) -> None:
        self.vendor = upstream.vendor(replies)
        self.awaited = awaited

    def call(self, name: str, *ids: str, then: Any = None, **params: Any) -> Any:
        async def wait() -> Any:
            async with AsyncGateway(self.vendor.config()) as gw:
                reply = await self.method(gw, name)(*ids, **params)
                done = then(reply) if then else reply
                return await done if inspect.isawaitable(done) else done

        if self.awaited:
            return asyncio.run(wait())
        with Gateway(self.vendor.config()) as gw:
            reply = self.method(gw, name)(*ids, **params)
            return then(reply) if then else reply

    @staticmethod
    def method(home: Any, name: str) -> Any:
        for part in name.split("."):
            home = getattr(home, part)
        return home


@way
@pytest.mark.parametrize(("line", "answer", "name", "ids", "params", "has"), CALLS, ids=[call[2] for call in CALLS])
def test_methods_speak_the_vendors_words(
    upstream: Upstream, awaited: bool, line: str, answer: Any, name: str, ids: Any, params: Any, has: Any
) -> None:
    client = Client(upstream, [{"body": answer}], awaited)
    reply = client.call(name, *ids, **params)
    value = reply
    for part in has[0].split("."):
        value = value[int(part)] if part.isdigit() else getattr(value, part)
    assert value == has[1]
    assert reply.gateway.attempts == 1 and reply.gateway.request_id
    (sent,) = client.vendor.log(requests=1)
    assert f"{sent['method']} {sent['path']}" == line
    if "model" in params:
        assert "gpt-5-mini" in str(sent["body"] if "body" in sent else bytes.fromhex(sent["hex"]))


@way
def test_forms_carry_files_fields_and_lists(upstream: Upstream, tmp_path: Path, awaited: bool) -> None:
    path = tmp_path / 'a "b".png'
    path.write_bytes(b"from a path")
    client = Client(upstream, [{"body": PICTURES}], awaited)
    opened = io.BytesIO(b"from a file")
    client.call(
        "images.edit",
        model="fast",
        prompt="sea 🌊",
        image=[path, opened],
        mask=None,
        n=2,
        extra_body={"transparent": True},
    )
    (sent,) = client.vendor.log(requests=1)
    body = sent["body"]
    assert 'name="image[]"; filename="a %22b%22.png"\r\ncontent-type: image/png\r\n\r\nfrom a path\r\n' in body
    assert 'name="image[]"; filename="upload"\r\ncontent-type: application/octet-stream\r\n\r\nfrom a file' in body
    assert 'name="prompt"\r\n\r\nsea 🌊\r\n' in body and 'name="n"\r\n\r\n2\r\n' in body
    assert 'name="transparent"\r\n\r\ntrue\r\n' in body and "mask" not in body


@way
def test_sound_comes_as_bytes_with_facts(upstream: Upstream, tmp_path: Path, awaited: bool) -> None:
    sound = bytes(range(256)) * 40
    reply = {"hex": sound.hex(), "headers": {"content-type": "audio/mpeg"}, "split": 1000, "times": "forever"}
    client = Client(upstream, [reply], awaited)
    then = (lambda r: r.aread()) if awaited else (lambda r: r.read())
    assert client.call("audio.speech.create", model="fast", input="x", voice="alloy", then=then) == sound
    path = tmp_path / "a.mp3"
    client.call("audio.speech.create", model="fast", input="x", then=lambda r: r.write_to_file(path))
    assert path.read_bytes() == sound
    facts = client.call("audio.speech.create", model="fast", input="x", then=lambda r: r.gateway)
    assert facts.target == "openai/gpt-5-mini"
    assert client.call("files.content", "file-1", then=then) == sound


@way
def test_streams_of_other_methods_come_event_by_event(upstream: Upstream, awaited: bool) -> None:
    events = [{"data": {**TEXT, "choices": [{"index": 0, "text": word}]}} for word in ("a", "b", "c")]
    client = Client(upstream, [{"sse": [*events, {"data": "[DONE]"}]}], awaited)

    async def collect(stream: Any) -> list[str]:
        return [event.choices[0].text async for event in stream]

    then = collect if awaited else (lambda stream: [event.choices[0].text for event in stream])
    said = client.call("completions.create", model="fast", prompt="x", stream=True, then=then)
    assert said == ["a", "b", "c"]


def test_subtitles_are_text_with_facts(upstream: Upstream) -> None:
    client = Client(upstream, [{"text": "1\n00:00 hi\n", "headers": {"content-type": "text/plain"}}], False)
    reply = client.call("audio.transcriptions.create", model="fast", file=b"RIFF", response_format="srt")
    assert reply == "1\n00:00 hi\n" and reply.gateway.target == "openai/gpt-5-mini"


def test_mistakes_are_told_before_anything_is_sent(upstream: Upstream) -> None:
    client = Client(upstream, [], False)
    for name, ids, params, words in [
        ("images.generate", (), {"model": "m"}, "prompt missing"),
        ("files.retrieve", (), {}, "file_id is a text"),
        ("files.retrieve", ("..",), {}, "file_id is a text"),
        ("files.retrieve", ("a", "b"), {}, "takes no 'b' by place"),
        ("moderations.create", ("x",), {}, "takes no 'x' by place"),
    ]:
        with pytest.raises(TypeError, match=words):
            client.call(name, *ids, **params)
    assert client.vendor.log() == []


@way
def test_refusals_raise_the_class_of_their_code(upstream: Upstream, awaited: bool) -> None:
    refusal = {"status": 404, "body": {"error": {"message": "no such file", "type": "invalid_request_error"}}}
    client = Client(upstream, [refusal], awaited)
    with pytest.raises(errors.TidegateError, match="no such file") as caught:
        client.call("files.retrieve", "file-9")
    assert caught.value.status == 404


def test_a_provider_can_be_named_where_no_model_says_who(upstream: Upstream) -> None:
    vendor = upstream.vendor([{"body": FILE, "times": "forever"}])
    config = vendor.config()
    config["providers"]["other"] = {"dialect": "openai", "base_url": vendor.openai, "api_key": "sk-other"}
    with Gateway(config) as gw, gw.serve(port=0) as server:
        assert gw.files.retrieve("file/1", provider="other").id == "file-1"
        (sent,) = vendor.log(requests=1)
        assert dict(sent["headers"])["authorization"] == "Bearer sk-other"
        assert sent["path"] == "/v1/files/file%2F1"
        # A client of a running server has the same methods.
        remote = Gateway.connect(server.url)
        assert remote.files.create(file=b"{}", purpose="batch", provider="other").gateway.request_id
        assert json.loads(remote.files.content("file-1").read()) == FILE
        remote.close()
