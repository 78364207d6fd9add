"""The `openai` package's API beyond conversations, in process and over HTTP: what it sends reaches the vendor as it
is, what the vendor says arrives as the package's own objects."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import wave
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from house import FOREVER, WAYS, House, form, headers, octets
from support import Upstream
from tidegate import AsyncGateway

openai = pytest.importorskip("openai")
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8
PICTURES = {
    "created": 1700000000,
    "data": [{"b64_json": base64.b64encode(PNG).decode()}],
    "usage": {
        "input_tokens": 3,
        "output_tokens": 4,
        "total_tokens": 7,
        "input_tokens_details": {"image_tokens": 1, "text_tokens": 2},
    },
}
FILE = {
    "id": "file-1",
    "object": "file",
    "bytes": 3,
    "created_at": 1700000000,
    "filename": "a.jsonl",
    "purpose": "batch",
    "status": "processed",
}
BATCH = {
    "id": "batch_1",
    "object": "batch",
    "endpoint": "/v1/chat/completions",
    "input_file_id": "file-1",
    "completion_window": "24h",
    "status": "validating",
    "created_at": 1700000000,
}
RESPONSE = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1700000000,
    "status": "completed",
    "model": "gpt-5-mini",
    "output": [
        {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": "stored 🌊", "annotations": []}],
        }
    ],
    "parallel_tool_calls": True,
    "tool_choice": "auto",
    "tools": [],
    "usage": {
        "input_tokens": 3,
        "output_tokens": 2,
        "total_tokens": 5,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens_details": {"reasoning_tokens": 0},
    },
}


def sound(seconds: float = 0.5) -> bytes:
    """A WAV file of a saw-tooth."""
    held = io.BytesIO()
    with wave.open(held, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(b"".join((n * 97 % 65536).to_bytes(2, "little") for n in range(int(8000 * seconds))))
    return held.getvalue()


def page(*entries: dict[str, Any], more: bool = False) -> dict[str, Any]:
    return {"object": "list", "data": list(entries), "has_more": more}


@pytest.fixture(scope="module")
def house(upstream: Upstream) -> Iterator[House]:
    made = House(upstream)
    yield made
    made.close()


@pytest.fixture(params=WAYS)
def client(request: pytest.FixtureRequest, house: House) -> Any:
    return house.sdk("openai", request.param)


@pytest.mark.parametrize("model", ["draw", "gpt-image-1", "openai/gpt-image-1"])
def test_pictures_are_made(house: House, client: Any, model: str) -> None:
    house.answers({"body": PICTURES})
    made = client.images.generate(model=model, prompt="a lighthouse 🌊", n=1, size="1024x1024", quality="low")
    assert base64.b64decode(made.data[0].b64_json) == PNG
    assert (made.usage.input_tokens, made.usage.output_tokens) == (3, 4)
    (sent,) = house.sent()
    assert sent["path"] == "/v1/images/generations" and headers(sent)["authorization"] == "Bearer sk-vendor"
    wanted = {"prompt": "a lighthouse 🌊", "model": "gpt-image-1", "n": 1, "quality": "low", "size": "1024x1024"}
    assert json.loads(sent["body"]) == wanted


def test_pictures_arrive_in_the_making(house: House, client: Any) -> None:
    pieces = [
        {"type": "image_generation.partial_image", "b64_json": "AAAA", "partial_image_index": 0},
        {"type": "image_generation.completed", "b64_json": "BBBB", "usage": PICTURES["usage"]},
    ]
    house.answers({"sse": [{"event": piece["type"], "data": piece} for piece in pieces], "split": 7})
    stream = client.images.generate(model="draw", prompt="x", stream=True, partial_images=1)
    assert [event.type for event in stream] == [piece["type"] for piece in pieces]


@pytest.mark.parametrize("model", ["draw", "gpt-image-1"])
def test_pictures_are_edited_with_several_files(house: House, client: Any, model: str) -> None:
    house.answers({"body": PICTURES})
    more = io.BytesIO(PNG[::-1])
    more.name = "zwei 🌊.png"
    edited = client.images.edit(model=model, image=[("eins.png", PNG), more], mask=PNG[:99], prompt="größer", n=2)
    assert edited.created == 1700000000
    (sent,) = house.sent()
    assert sent["path"] == "/v1/images/edits"
    parts = form(sent)
    assert ("model", None, b"gpt-image-1") in parts and ("prompt", None, "größer".encode()) in parts
    assert [content for name, _, content in parts if name == "image[]"] == [PNG, PNG[::-1]]
    assert [content for name, _, content in parts if name == "mask"] == [PNG[:99]]


@pytest.mark.filterwarnings("ignore:deprecated")
def test_variations_of_pictures(house: House, client: Any) -> None:
    house.answers({"body": PICTURES})
    assert client.images.create_variation(model="draw", image=PNG).data
    (sent,) = house.sent()
    assert sent["path"] == "/v1/images/variations" and ("image", "upload", PNG) in form(sent)


def test_speech_is_bytes_whole_and_piece_by_piece(house: House, client: Any) -> None:
    spoken = sound()
    house.answers({"hex": spoken.hex(), "headers": {"content-type": "audio/wav"}, "split": 1000, **FOREVER})
    ask: dict[str, Any] = {"model": "tts-1", "voice": "alloy", "input": "Grüezi", "response_format": "wav"}
    assert client.audio.speech.create(**ask).read() == spoken
    with client.audio.speech.with_streaming_response.create(**ask) as stream:
        assert stream.headers["content-type"] == "audio/wav"
        assert b"".join(stream.iter_bytes(512)) == spoken
    assert house.lines(2) == ["POST /v1/audio/speech"] * 2


def test_speech_that_is_left_closes_the_upstream(house: House, client: Any) -> None:
    reply = {"hex": sound().hex(), "headers": {"content-type": "audio/wav"}, "split": 500, "stall_after": 3}
    house.answers(reply)
    with client.audio.speech.with_streaming_response.create(model="tts-1", voice="alloy", input="x") as stream:
        assert next(stream.iter_bytes())
    assert house.left()


@pytest.mark.filterwarnings("ignore:deprecated")
@pytest.mark.parametrize("kind", ["transcriptions", "translations"])
def test_sound_is_understood(house: House, client: Any, kind: str) -> None:
    heard = sound()
    house.answers({"body": {"text": "ahoi ⚓", "usage": {"type": "duration", "seconds": 1}}})
    said = getattr(client.audio, kind).create(model="hear", file=("ahoi.wav", heard, "audio/wav"), prompt="See")
    assert said.text == "ahoi ⚓"
    (sent,) = house.sent()
    assert sent["path"] == f"/v1/audio/{kind}"
    parts = form(sent)
    assert ("file", "ahoi.wav", heard) in parts
    assert ("model", None, b"whisper-1") in parts and ("prompt", None, b"See") in parts


def test_transcriptions_come_in_every_format(house: House, client: Any) -> None:
    words = {"text": "hi", "language": "english", "duration": 0.5, "words": [{"word": "hi", "start": 0, "end": 0.4}]}
    srt = "1\n00:00:00,000 --> 00:00:01,000\ngrüß dich\n"
    house.answers({"body": words}, {"text": srt, "headers": {"content-type": "text/plain; charset=utf-8"}})
    ask: dict[str, Any] = {"model": "hear", "file": ("a.wav", sound())}
    verbose = client.audio.transcriptions.create(
        **ask, response_format="verbose_json", timestamp_granularities=["word", "segment"]
    )
    assert verbose.words[0].word == "hi" and verbose.duration == 0.5
    assert client.audio.transcriptions.create(**ask, response_format="srt") == srt
    first, _ = house.sent(2)
    assert [content for name, _, content in form(first) if name == "timestamp_granularities[]"] == [b"word", b"segment"]


def test_transcriptions_stream(house: House, client: Any) -> None:
    events = [
        {"type": "transcript.text.delta", "delta": "ahoi "},
        {"type": "transcript.text.delta", "delta": "⚓"},
        {"type": "transcript.text.done", "text": "ahoi ⚓"},
    ]
    house.answers({"sse": [{"data": event} for event in events], "split": 3})
    stream = client.audio.transcriptions.create(model="gpt-4o-transcribe", file=("a.wav", sound()), stream=True)
    got = list(stream)
    assert "".join(event.delta for event in got[:-1]) == got[-1].text == "ahoi ⚓"


def test_files_live_and_die(house: House, client: Any) -> None:
    content = b'{"custom_id": "\xc3\xa9"}\n' * 1000
    deleted = {"id": "file-1", "object": "file", "deleted": True}
    reply = {"hex": content.hex(), "headers": {"content-type": "application/octet-stream"}}
    second = {"body": page({**FILE, "id": "file-2"})}
    house.answers({"body": FILE}, {"body": FILE}, {"body": page(FILE, more=True)}, second, reply, {"body": deleted})
    assert client.files.create(file=("a.jsonl", content), purpose="batch").id == "file-1"
    assert client.files.wait_for_processing("file-1").filename == "a.jsonl"
    assert [file.id for file in client.files.list(purpose="batch", limit=1)] == ["file-1", "file-2"]
    assert client.files.content("file-1").read() == content
    assert client.files.delete("file-1").deleted
    entries = house.sent(6)
    assert form(entries[0]) == [("purpose", None, b"batch"), ("file", "a.jsonl", content)]
    assert [f"{entry['method']} {entry['path']}" for entry in entries[1:]] == [
        "GET /v1/files/file-1",
        "GET /v1/files?limit=1&purpose=batch",
        "GET /v1/files?limit=1&purpose=batch&after=file-1",
        "GET /v1/files/file-1/content",
        "DELETE /v1/files/file-1",
    ]


def test_uploads_in_parts(house: House, client: Any) -> None:
    upload = {"id": "upload_1", "object": "upload", "bytes": 3, "created_at": 1, "expires_at": 2, "filename": "a"}
    upload |= {"purpose": "batch", "status": "pending"}
    part = {"id": "part_1", "object": "upload.part", "created_at": 1, "upload_id": "upload_1"}
    house.answers({"body": upload}, {"body": part}, {"body": {**upload, "status": "completed", "file": FILE}})
    done = client.uploads.upload_file_chunked(
        file=PNG, filename="a.png", bytes=len(PNG), mime_type="image/png", purpose="vision"
    )
    assert done.status == "completed" and done.file.id == "file-1"
    assert house.lines(3) == [f"POST /v1/uploads{end}" for end in ("", "/upload_1/parts", "/upload_1/complete")]


def test_batches_live_and_end(house: House, client: Any) -> None:
    cancelling = {**BATCH, "status": "cancelling"}
    house.answers({"body": BATCH}, {"body": BATCH}, {"body": page(BATCH)}, {"body": cancelling})
    ask: dict[str, Any] = {"input_file_id": "file-1", "endpoint": "/v1/chat/completions", "completion_window": "24h"}
    assert client.batches.create(**ask, metadata={"a": "b"}).status == "validating"
    assert client.batches.retrieve("batch_1").endpoint == "/v1/chat/completions"
    assert [batch.id for batch in client.batches.list()] == ["batch_1"]
    assert client.batches.cancel("batch_1").status == "cancelling"
    assert house.lines(4) == [
        "POST /v1/batches",
        "GET /v1/batches/batch_1",
        "GET /v1/batches",
        "POST /v1/batches/batch_1/cancel",
    ]


def test_moderations_with_pictures(house: House, client: Any) -> None:
    result = {"flagged": True, "categories": {"violence": True}, "category_scores": {"violence": 0.9}}
    house.answers({"body": {"id": "modr-1", "model": "omni-moderation-latest", "results": [result]}})
    parts = [{"type": "text", "text": "x"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}]
    said = client.moderations.create(model="omni-moderation-latest", input=parts)
    assert said.results[0].flagged and said.results[0].category_scores.violence == 0.9
    assert json.loads(house.sent()[0]["body"])["input"] == parts


def test_old_completions_whole_and_streamed(house: House, client: Any) -> None:
    text = {"id": "cmpl-1", "object": "text_completion", "created": 1, "model": "m"}
    choice = lambda word, why=None: {"index": 0, "text": word, "finish_reason": why, "logprobs": None}  # noqa: E731
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    events = [{"data": {**text, "choices": [choice(word)]}} for word in ("дом", " ", "⚓")]
    whole = {**text, "choices": [choice("дом ⚓", "stop")], "usage": usage}
    house.answers({"body": whole}, {"sse": [*events, {"data": "[DONE]"}], "split": 1})
    ask: dict[str, Any] = {"model": "openai/gpt-3.5-turbo-instruct", "prompt": ["a", "b"], "max_tokens": 5}
    reply = client.completions.create(**ask)
    assert reply.choices[0].text == "дом ⚓" and reply.usage.total_tokens == 3
    assert "".join(chunk.choices[0].text for chunk in client.completions.create(**ask, stream=True)) == "дом ⚓"
    assert json.loads(house.sent(2)[0]["body"])["model"] == "gpt-3.5-turbo-instruct"


def test_embeddings_travel_as_base64(house: House, client: Any) -> None:
    house.answers({"body": {
        "object": "list",
        "data": [{"object": "embedding", "index": 0, "embedding": base64.b64encode(b"\0\0\x80?\0\0\0\xc0").decode()}],
        "model": "text-embedding-3-small",
        "usage": {"prompt_tokens": 2, "total_tokens": 2},
    }})  # fmt: skip
    reply = client.embeddings.create(model="text-embedding-3-small", input=["x"], dimensions=2)
    assert reply.data[0].embedding == [1.0, -2.0] and reply.usage.total_tokens == 2
    assert json.loads(house.sent()[0]["body"])["encoding_format"] == "base64"


def test_replies_are_kept_looked_at_and_deleted(house: House, client: Any) -> None:
    item = {"id": "msg_0", "type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}
    stream = [
        {"type": "response.created", "response": {**RESPONSE, "status": "in_progress", "output": []}},
        {"type": "response.completed", "response": RESPONSE},
    ]
    events = [{"event": one["type"], "data": {**one, "sequence_number": n}} for n, one in enumerate(stream)]
    gone = {"id": "resp_1", "object": "response", "deleted": True}
    cancelled = {**RESPONSE, "status": "cancelled"}
    house.answers(
        {"body": RESPONSE}, {"body": RESPONSE}, {"sse": events}, {"body": page(item)}, {"body": RESPONSE},
        {"body": cancelled}, {"body": gone},
    )  # fmt: skip
    made = client.responses.create(model="gpt-5-mini", input="hi", store=True)
    assert made.id == "resp_1" and made.output_text == "stored 🌊"
    assert client.responses.retrieve("resp_1").output_text == "stored 🌊"
    assert [event.type for event in client.responses.retrieve("resp_1", stream=True)][-1] == "response.completed"
    assert [one.id for one in client.responses.input_items.list("resp_1")] == ["msg_0"]
    assert client.responses.create(model="gpt-5-mini", input="more", previous_response_id="resp_1").id == "resp_1"
    assert client.responses.cancel("resp_1").status == "cancelled"
    client.responses.delete("resp_1")
    assert house.lines(7) == [
        "POST /v1/responses",
        "GET /v1/responses/resp_1",
        "GET /v1/responses/resp_1?stream=true",
        "GET /v1/responses/resp_1/input_items",
        "POST /v1/responses",
        "POST /v1/responses/resp_1/cancel",
        "DELETE /v1/responses/resp_1",
    ]


def test_stored_completions(house: House, client: Any) -> None:
    stored = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m", "choices": []}
    gone = {"id": "chatcmpl-1", "object": "chat.completion.deleted", "deleted": True}
    message = {"id": "m1", "role": "user", "content": "hi"}
    house.answers({"body": stored}, {"body": page(stored)}, {"body": page(message)}, {"body": stored}, {"body": gone})
    kept = client.chat.completions
    assert kept.retrieve("chatcmpl-1").id == "chatcmpl-1"
    assert [one.id for one in kept.list(limit=5)] == ["chatcmpl-1"]
    assert [one.content for one in kept.messages.list("chatcmpl-1")] == ["hi"]
    assert kept.update("chatcmpl-1", metadata={"a": "b"}).id == "chatcmpl-1"
    assert kept.delete("chatcmpl-1").deleted
    assert house.lines(5) == [
        "GET /v1/chat/completions/chatcmpl-1",
        "GET /v1/chat/completions?limit=5",
        "GET /v1/chat/completions/chatcmpl-1/messages",
        "POST /v1/chat/completions/chatcmpl-1",
        "DELETE /v1/chat/completions/chatcmpl-1",
    ]


def test_what_only_the_vendor_knows_passes(house: House, client: Any) -> None:
    store = {"id": "vs_1", "object": "vector_store", "created_at": 1, "name": "n", "status": "completed"}
    found = {"file_id": "file-1", "filename": "a", "score": 0.5, "attributes": {}, "content": []}
    job = {"id": "ftjob-1", "object": "fine_tuning.job", "status": "queued", "model": "m"}
    talk = {"id": "conv_1", "object": "conversation", "created_at": 1, "metadata": {}}
    house.answers(
        {"body": store}, {"body": page(found)}, {"body": page(store)}, {"body": {**store, "deleted": True}},
        {"body": job}, {"body": talk}, {"body": {"id": "cntr_1", "object": "container", "name": "c"}},
        {"body": {"id": "m", "object": "model", "created": 1, "owned_by": "x"}}, {"body": {"odd": [1, 2.50]}},
    )  # fmt: skip
    assert client.vector_stores.create(name="n", file_ids=["file-1"]).id == "vs_1"
    assert next(iter(client.vector_stores.search("vs_1", query="q"))).score == 0.5
    assert next(iter(client.vector_stores.list())).name == "n"
    assert client.vector_stores.delete("vs_1").id == "vs_1"
    assert client.fine_tuning.jobs.create(model="gpt-4.1-mini", training_file="file-1").status == "queued"
    assert client.conversations.create(metadata={}).id == "conv_1"
    assert client.containers.create(name="c").id == "cntr_1"
    assert client.models.retrieve("gpt-5-mini").owned_by == "x"
    assert client.post("/brand/new?x=1", body={"é": 1}, cast_to=object) == {"odd": [1, 2.5]}
    assert house.lines(9) == [
        "POST /v1/vector_stores",
        "POST /v1/vector_stores/vs_1/search",
        "GET /v1/vector_stores",
        "DELETE /v1/vector_stores/vs_1",
        "POST /v1/fine_tuning/jobs",
        "POST /v1/conversations",
        "POST /v1/containers",
        "GET /v1/models/gpt-5-mini",
        "POST /v1/brand/new?x=1",
    ]


CALLS: list[tuple[str, Any]] = [
    ("images", lambda c: c.images.generate(model="draw", prompt="x")),
    ("edits", lambda c: c.images.edit(model="draw", prompt="x", image=PNG)),
    ("speech", lambda c: c.audio.speech.create(model="tts-1", voice="alloy", input="x")),
    ("sound", lambda c: c.audio.transcriptions.create(model="hear", file=("a.wav", b"RIFF"))),
    ("files", lambda c: c.files.create(file=b"{}", purpose="batch")),
    ("content", lambda c: c.files.content("file-1")),
    ("batches", lambda c: c.batches.retrieve("batch_1")),
    ("moderations", lambda c: c.moderations.create(model="omni-moderation-latest", input="x")),
    ("completions", lambda c: c.completions.create(model="gpt-3.5-turbo-instruct", prompt="x")),
    ("embeddings", lambda c: c.embeddings.create(model="text-embedding-3-small", input="x")),
    ("responses", lambda c: c.responses.retrieve("resp_1")),
    ("stores", lambda c: c.vector_stores.retrieve("vs_1")),
]
calls = pytest.mark.parametrize("call", [call for _, call in CALLS], ids=[name for name, _ in CALLS])


@calls
@pytest.mark.parametrize(
    ("status", "name"),
    [(400, "BadRequestError"), (404, "NotFoundError"), (429, "RateLimitError"), (500, "InternalServerError")],
)
def test_refusals_keep_class_and_words(house: House, client: Any, call: Any, status: int, name: str) -> None:
    body = {"error": {"message": "the vendor's words", "type": "t", "code": "some_code", "param": "p"}}
    house.answers({"status": status, "body": body, "headers": {"retry-after": "0"}, **FOREVER})
    with pytest.raises(openai.APIStatusError) as caught:
        call(client)
    assert type(caught.value) is getattr(openai, name)
    assert caught.value.body == body["error"] and caught.value.code == "some_code"


@calls
def test_timeouts_are_the_packages_own(house: House, client: Any, call: Any) -> None:
    house.answers({"stall_head": True, **FOREVER})
    with pytest.raises(openai.APITimeoutError):
        call(client.with_options(timeout=0.1))
    assert house.left()


def test_one_megabyte_of_every_kind(house: House, client: Any) -> None:
    big = bytes(range(256)) * 4096
    text = "Größe ⚓ " * 80_000
    reply = {"hex": big.hex(), "headers": {"content-type": "application/octet-stream"}}
    house.answers({"body": FILE}, reply, {"body": {"text": text}}, reply)
    client.files.create(file=("big", big), purpose="user_data")
    assert client.files.content("file-1").read() == big
    assert client.audio.transcriptions.create(model="hear", file=("big.wav", big)).text == text
    assert client.audio.speech.create(model="tts-1", voice="alloy", input=text).read() == big
    stored, _, heard, spoken = house.sent(4)
    assert ("file", "big", big) in form(stored) and ("file", "big.wav", big) in form(heard)
    assert text.encode() == json.loads(octets(spoken))["input"].encode()


def test_threads_keep_apart(house: House, client: Any) -> None:
    house.answers(
        {"when": {"path": "/v1/images/generations"}, "body": PICTURES, **FOREVER},
        {"when": {"path": "/v1/audio/transcriptions"}, "body": {"text": "heard"}, **FOREVER},
        {"when": {"path": "/v1/files/f"}, "body": FILE, **FOREVER},
    )
    asks: list[Any] = [
        lambda: client.images.generate(model="draw", prompt="x").created == 1700000000,
        lambda: client.audio.transcriptions.create(model="hear", file=("a.wav", PNG)).text == "heard",
        lambda: client.files.retrieve("f").id == "file-1",
    ]
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(lambda n: asks[n % 3](), range(48)))


def test_the_awaited_client_does_it_too(upstream: Upstream) -> None:
    spoken = sound()
    vendor = upstream.vendor([
        {"when": {"path": "/v1/images/edits"}, "body": PICTURES, **FOREVER},
        {"when": {"path": "/v1/audio/transcriptions"}, "body": {"text": "heard"}, **FOREVER},
        {"when": {"path": "/v1/audio/speech"}, "hex": spoken.hex(), "split": 999, **FOREVER},
        {"when": {"path": "/v1/files?after=x"}, "body": page(FILE), **FOREVER},
        {"when": {"path": "/v1/batches/slow"}, "stall_head": True, **FOREVER},
    ])  # fmt: skip

    async def main() -> None:
        async with AsyncGateway(vendor.config()) as gw:
            client = openai.AsyncOpenAI(http_client=gw.async_http_client(), api_key="any", max_retries=0)
            ears = client.audio.transcriptions
            edits = [client.images.edit(model="gpt-image-1", image=PNG, prompt="x") for _ in range(10)]
            heard = [ears.create(model="whisper-1", file=("a.wav", spoken)) for _ in range(10)]
            assert all(picture.data for picture in await asyncio.gather(*edits))
            assert [one.text for one in await asyncio.gather(*heard)] == ["heard"] * 10
            made = client.audio.speech.with_streaming_response.create(model="tts-1", voice="alloy", input="x")
            async with made as stream:
                assert b"".join([piece async for piece in stream.iter_bytes()]) == spoken
            assert [file.id async for file in client.files.list(after="x")] == ["file-1"]
            task = asyncio.create_task(client.batches.retrieve("slow"))
            await asyncio.to_thread(vendor.log, requests=23)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await asyncio.to_thread(vendor.left, 1)

    asyncio.run(main())


def test_azures_client_reaches_its_deployments(house: House) -> None:
    client = openai.AzureOpenAI(
        azure_endpoint=house.server.url, api_key="any", api_version="2025-04-01-preview", max_retries=0
    )
    house.answers({"say": "from a deployment"}, {"body": PICTURES}, {"body": {"text": "heard"}})
    reply = client.chat.completions.create(model="chat", messages=[{"role": "user", "content": "hi"}])
    assert reply.choices[0].message.content == "from a deployment"
    assert client.images.generate(model="draw", prompt="x").data
    assert client.audio.transcriptions.create(model="hear", file=("a.wav", b"RIFF")).text == "heard"
    assert [json.loads(entry["body"])["model"] for entry in house.sent(3)[:2]] == ["gpt-5-mini", "gpt-image-1"]


def test_a_stream_is_left_at_once(house: House, client: Any) -> None:
    house.answers({"sse": [{"data": {"id": "c", "choices": [{"index": 0, "text": "a"}]}}] * 3, "stall_after": 2})
    with client.completions.create(model="gpt-3.5-turbo-instruct", prompt="x", stream=True) as stream:
        next(iter(stream))
    assert house.left()
