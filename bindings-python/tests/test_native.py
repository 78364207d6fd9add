"""The native client, blocking."""

from __future__ import annotations

import copy
import json
import pickle
import threading
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support import MESSAGES, Upstream, Vendor, chat_body, python
from tidegate import Gateway, errors


def test_chat_replies_with_attributes_items_and_facts(vendor: Vendor) -> None:
    with Gateway(vendor.config()) as gw:
        r = gw.chat.completions.create(model="fast", messages=MESSAGES, temperature=0.5)
    assert r.choices[0].message.content == "Hello from the mock upstream."
    assert r["choices"][0]["message"]["role"] == "assistant"
    assert r.usage.prompt_tokens == 10
    assert r.choices[0].message.tool_calls is None
    with pytest.raises(AttributeError):
        _ = r.choices[0].mesage
    assert r.to_dict() == r.model_dump() == json.loads(r.to_json())
    assert "Hello from the mock" in repr(r)
    facts = r.gateway
    assert facts.target == "openai/gpt-5-mini"
    assert facts.attempts == 1
    assert isinstance(facts.cost, Decimal) and facts.cost > 0
    assert facts.cache == "off" and not facts.cached
    assert facts.request_id is not None and facts.request_id.startswith("req_")
    assert "target='openai/gpt-5-mini'" in repr(facts)


def test_body_carries_every_parameter_and_extra(vendor: Vendor) -> None:
    with Gateway(vendor.config()) as gw:
        gw.chat.completions.create(
            model="fast",
            messages=MESSAGES,
            seed=7,
            tools=[{"type": "function", "function": {"name": "f", "parameters": {}}}],
            extra_headers={"x-tidegate-tags": "a=b"},
            extra_body={"vendor_field": {"é": "ü"}},
        )
    (entry,) = vendor.log(requests=1)
    body = json.loads(entry["body"])
    assert body["model"] == "gpt-5-mini"
    assert body["seed"] == 7
    assert body["vendor_field"] == {"é": "ü"}
    assert "stream" not in body and "extra_body" not in body


def test_a_reply_message_goes_back_in_as_it_is(vendor: Vendor) -> None:
    with Gateway(vendor.config()) as gw:
        r = gw.chat.completions.create(model="fast", messages=MESSAGES)
        message: Any = r.choices[0].message
        gw.chat.completions.create(model="fast", messages=[*MESSAGES, message, *MESSAGES])
    assert json.loads(vendor.log(requests=2)[1]["body"])["messages"][1] == message
    assert pickle.loads(pickle.dumps(message)) == message
    twin = copy.deepcopy(r)
    twin.choices[0].message.content = "changed"
    assert r.choices[0].message.content == message.content
    assert twin.gateway.target == r.gateway.target
    assert pickle.loads(pickle.dumps(r)) == r


def test_stream_yields_chunks_and_facts_at_the_end(vendor: Vendor) -> None:
    with Gateway(vendor.config()) as gw:
        stream = gw.chat.completions.create(model="fast", messages=MESSAGES, stream=True)
        text = ""
        for chunk in stream:
            if chunk.choices:
                text += chunk.choices[0].delta.content or ""
        assert text == "Hello from the mock upstream."
        assert stream.gateway.target == "openai/gpt-5-mini"
        assert stream.gateway.cost is not None and stream.gateway.cost > 0
        with pytest.raises(StopIteration):
            next(stream)


def test_stream_reports_usage_when_asked(vendor: Vendor) -> None:
    with Gateway(vendor.config()) as gw:
        chunks = list(
            gw.chat.completions.create(
                model="fast", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
            )
        )
    assert chunks[-1].usage is not None and chunks[-1].usage.prompt_tokens == 10
    assert chunks[0].usage is None


def test_messages_create_and_stream(vendor: Vendor) -> None:
    with Gateway(vendor.config()) as gw:
        r = gw.messages.create(model="claude", max_tokens=64, messages=MESSAGES)
        assert r.content[0].text == "Hello from the mock upstream."
        assert r.stop_reason == "end_turn"
        events = list(gw.messages.create(model="claude", max_tokens=64, messages=MESSAGES, stream=True))
        assert events[0].type == "message_start" and events[-1].type == "message_stop"
        with gw.messages.stream(model="claude", max_tokens=64, messages=MESSAGES) as stream:
            assert "".join(stream.text_stream) == "Hello from the mock upstream."
            final = stream.get_final_message()
        assert final.content[0].text == "Hello from the mock upstream."
        assert final.usage.output_tokens == 5
        assert final.gateway.target == "anthropic/claude-haiku-4-5"
        assert pickle.loads(pickle.dumps(final)).content == final.content
        assert copy.copy(final).gateway.cost == final.gateway.cost
        assert json.loads(final.to_json()) == final.to_dict()


def test_message_stream_assembles_tool_input(upstream: Upstream) -> None:
    def event(kind: str, **more: Any) -> dict[str, Any]:
        return {"event": kind, "data": {"type": kind, **more}}

    message: dict[str, Any] = {
        "id": "m", "type": "message", "role": "assistant", "model": "c", "content": [], "stop_reason": None,
        "stop_sequence": None, "usage": {"input_tokens": 3, "output_tokens": 1},
    }  # fmt: skip
    block = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
    pieces = ['{"city": "Zür', 'ich", "n"', ": 3}"]
    vendor = upstream.vendor(
        [
            {
                "sse": [
                    event("message_start", message=message),
                    event("content_block_start", index=0, content_block=block),
                    *(
                        event("content_block_delta", index=0, delta={"type": "input_json_delta", "partial_json": p})
                        for p in pieces
                    ),
                    event("content_block_stop", index=0),
                    event("message_delta", delta={"stop_reason": "tool_use"}, usage={"output_tokens": 9}),
                    event("message_stop"),
                ]
            }
        ]
    )
    with Gateway(vendor.config()) as gw, gw.messages.stream(model="claude", max_tokens=9, messages=MESSAGES) as s:
        final = s.get_final_message()
    assert final.content[0].input == {"city": "Zürich", "n": 3}
    assert (final.stop_reason, final.usage.output_tokens, final.usage.input_tokens) == ("tool_use", 9, 3)


def test_embeddings_and_models(vendor: Vendor) -> None:
    with Gateway(vendor.config()) as gw:
        r = gw.embeddings.create(model="openai/text-embedding-3-small", input=["a"])
        assert r.data[0].embedding == [0.25, -0.5, 1.0]
        assert "fast" in [model.id for model in gw.models.list()]


def test_cache_hit_costs_nothing(vendor: Vendor) -> None:
    config = vendor.config()
    config["models"]["fast"]["cache"] = {"mode": "exact", "ttl": "1h"}
    with Gateway(config) as gw:
        gw.chat.completions.create(model="fast", messages=MESSAGES)
        r = gw.chat.completions.create(model="fast", messages=MESSAGES)
    assert r.gateway.cached and r.gateway.attempts == 0 and r.gateway.cost == 0
    assert len(vendor.log()) == 1


def test_with_key_is_a_view_with_its_own_budget(vendor: Vendor) -> None:
    keys = [{"id": "alice", "value": "tg-alice", "budgets": [{"limit": "0.000001", "per": "1d"}]}]
    with Gateway(vendor.config(keys=keys)) as gw:
        alice = gw.with_key("tg-alice")
        with pytest.raises(errors.BudgetExhausted) as caught:
            alice.chat.completions.create(model="fast", messages=MESSAGES, max_tokens=4000)
        assert (caught.value.code, caught.value.slug, caught.value.status) == (1205, "budget_exhausted", 402)
        alice.close()
        assert gw.chat.completions.create(model="fast", messages=MESSAGES).choices
        with pytest.raises(errors.UnknownKey):
            gw.with_key("tg-nobody").chat.completions.create(model="fast", messages=MESSAGES)


def test_errors_carry_the_upstream_and_the_attempts(upstream: Upstream) -> None:
    refusal = {"error": {"message": "slow down", "type": "rate_limit", "param": None, "code": "rate_limited"}}
    vendor = upstream.vendor([{"status": 429, "headers": {"retry-after": "7"}, "body": refusal}])
    with Gateway(vendor.config()) as gw, pytest.raises(errors.UpstreamRateLimited) as caught:
        gw.chat.completions.create(model="fast", messages=MESSAGES)
    error = caught.value
    assert isinstance(error, errors.TidegateError)
    assert (error.status, error.retry_after, error.origin) == (429, 7.0, "upstream")
    assert error.upstream is not None and json.loads(error.upstream["body"]) == refusal
    assert error.attempts[0]["target"] == "openai/gpt-5-mini"
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is errors.UpstreamRateLimited and again.retry_after == 7.0


def test_configuration_mistakes_are_named_with_their_path(tmp_path: Path) -> None:
    with pytest.raises(errors.InvalidConfig, match=r"models\.fast\.targets\[0\]"):
        Gateway({"models": {"fast": {"targets": ["opnai/gpt-5-mini"]}}})
    with pytest.raises(errors.UnreadableConfig):
        Gateway(tmp_path / "absent.yaml")
    with pytest.raises(TypeError):
        Gateway(42)  # type: ignore[arg-type]


def test_configuration_from_files_and_text(vendor: Vendor, tmp_path: Path) -> None:
    text = json.dumps(vendor.config())
    path = tmp_path / "tidegate.yaml"
    path.write_text(text)
    for gateway in (Gateway(path), Gateway(str(path)), Gateway.from_text(text, format="json")):
        with gateway as gw:
            assert gw.chat.completions.create(model="fast", messages=MESSAGES).choices


def test_reload_replaces_the_configuration_or_keeps_the_old_one(vendor: Vendor) -> None:
    with Gateway(vendor.config()) as gw:
        config = vendor.config()
        config["models"]["slow"] = {"targets": ["openai/gpt-5-mini"]}
        gw.reload(config)
        assert gw.chat.completions.create(model="slow", messages=MESSAGES).choices
        with pytest.raises(errors.InvalidConfig):
            gw.reload({"models": {"x": {"targets": ["nobody/x"]}}})
        assert gw.chat.completions.create(model="slow", messages=MESSAGES).choices
        assert gw.health()["targets"]["openai/gpt-5-mini"]["in_flight"] == 0
        counted = 'tidegate_requests_total{route="slow",target="openai/gpt-5-mini",code="2xx"} 2'
        assert counted in gw.metrics()
        assert "sk-upstream" not in json.dumps(gw.config())


def test_closed_gateway_refuses(vendor: Vendor) -> None:
    gw = Gateway(vendor.config())
    gw.close()
    gw.close()
    with pytest.raises(errors.Closed):
        gw.chat.completions.create(model="fast", messages=MESSAGES)


def test_timeout_ends_the_call_and_the_upstream(upstream: Upstream) -> None:
    vendor = upstream.vendor([{"stall_head": True}])
    with Gateway(vendor.config()) as gw:
        start = time.monotonic()
        with pytest.raises(errors.TotalTimeout):
            gw.chat.completions.create(model="fast", messages=MESSAGES, timeout=0.2)
        assert time.monotonic() - start < 2
    assert vendor.left(1)


def test_broken_stream_raises_after_what_arrived(upstream: Upstream) -> None:
    vendor = upstream.vendor([{"say": "one two three four", "cut_after": 600}])
    with Gateway(vendor.config()) as gw:
        stream = gw.chat.completions.create(model="fast", messages=MESSAGES, stream=True)
        seen = []
        with pytest.raises(errors.TidegateError) as caught:
            for chunk in stream:
                seen.append(chunk)
        assert seen and caught.value.slug in ("stream_interrupted", "connection_lost")


def test_closing_a_stream_closes_the_upstream(upstream: Upstream) -> None:
    vendor = upstream.vendor([{"say": "a b c", "stall_after": 2, "times": "forever"}])
    with Gateway(vendor.config()) as gw:
        with gw.chat.completions.create(model="fast", messages=MESSAGES, stream=True) as stream:
            next(stream)
        assert vendor.left(1)
        half_read = gw.chat.completions.create(model="fast", messages=MESSAGES, stream=True)
        next(half_read)
        start = time.monotonic()
        del half_read
        assert time.monotonic() - start < 0.05
        assert vendor.left(2)


def test_ctrl_c_interrupts_a_waiting_call_and_a_waiting_stream(upstream: Upstream) -> None:
    vendor = upstream.vendor(
        [{"stall_head": True}, {"say": "a b c", "stall_after": 2}],
    )
    done = python(
        """
        import signal, threading, time
        from tidegate import Gateway
        gw = Gateway(CONFIG)
        # A shell that starts the tests in the background has them ignore the signal.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        def interrupt():
            time.sleep(0.3)
            os.kill(os.getpid(), signal.SIGINT)
        for stream in (False, True):
            threading.Thread(target=interrupt).start()
            start = time.monotonic()
            try:
                for chunk in gw.chat.completions.create(model="fast", messages=MESSAGES, stream=stream):
                    pass
            except KeyboardInterrupt:
                print("interrupted", time.monotonic() - start < 2)
        """,
        config=vendor.config(),
        timeout=30,
    )
    assert done.stdout.split("\n")[:2] == ["interrupted True"] * 2
    assert vendor.left(2)


def test_parallel_threads_share_one_gateway(vendor: Vendor) -> None:
    failures: list[BaseException] = []

    def work(gw: Gateway) -> None:
        try:
            for _ in range(20):
                assert gw.chat.completions.create(model="fast", messages=MESSAGES).usage.prompt_tokens == 10
        except BaseException as error:
            failures.append(error)

    with Gateway(vendor.config()) as gw:
        threads = [threading.Thread(target=work, args=(gw,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not failures


def test_raw_door_speaks_http(upstream: Upstream) -> None:
    vendor = upstream.vendor([{"body": chat_body("raw"), "headers": {"x-vendor": "1"}}, {"status": 418, "text": "tea"}])
    with Gateway(vendor.config()) as gw:
        r = gw.request("POST", "/v1/chat/completions", body={"model": "fast", "messages": MESSAGES})
        assert r.status == 200
        assert r.headers["x-vendor"] == "1"
        assert r.json()["choices"][0]["message"]["content"] == "raw"
        r = gw.request("POST", "/openai/v1/anything", body=b"{}")
        assert (r.status, r.read()) == (418, b"tea")
        r = gw.request("POST", "/v1/chat/completions", body={"model": "fast", "messages": MESSAGES, "stream": True})
        assert r.status == 501  # the script is used up, and the raw door does not raise
        r.close()


def test_raw_door_streams_bytes(vendor: Vendor) -> None:
    with Gateway(vendor.config()) as gw:
        body = {"model": "fast", "messages": MESSAGES, "stream": True}
        with gw.request("POST", "/v1/chat/completions", body=body) as r:
            raw = b"".join(r)
    assert raw.startswith(b"data: {") and raw.endswith(b"data: [DONE]\n\n")


def test_unicode_survives_every_split(upstream: Upstream) -> None:
    text = "naïve 日本語 🎉 café 👩‍👩‍👧 \\u0000 end"
    vendor = upstream.vendor([{"say": text, "split": n} for n in (1, 2, 3, 5, 7)])
    with Gateway(vendor.config()) as gw:
        for _ in range(5):
            stream = gw.chat.completions.create(model="fast", messages=MESSAGES, stream=True)
            assert "".join(c.choices[0].delta.content or "" for c in stream if c.choices) == text


def test_one_megabyte_both_ways(upstream: Upstream) -> None:
    text = "x" * 1_000_000
    vendor = upstream.vendor([{"body": chat_body(text)}])
    with Gateway(vendor.config()) as gw:
        r = gw.chat.completions.create(model="fast", messages=[{"role": "user", "content": text}])
    assert r.choices[0].message.content == text
    assert json.loads(vendor.log(requests=1)[0]["body"])["messages"][0]["content"] == text


def test_connect_speaks_to_a_server(vendor: Vendor) -> None:
    keys = [{"id": "alice", "value": "tg-alice"}]
    with (
        Gateway(vendor.config(keys=keys)) as gw,
        gw.serve(port=0) as server,
        Gateway.connect(server.url, key="tg-alice") as remote,
    ):
        r = remote.chat.completions.create(model="fast", messages=MESSAGES)
        assert r.choices[0].message.content == "Hello from the mock upstream."
        assert r.gateway.target == "openai/gpt-5-mini"
        chunks = list(remote.chat.completions.create(model="fast", messages=MESSAGES, stream=True))
        assert len(chunks) > 3
        with pytest.raises(errors.UnknownKey):
            Gateway.connect(server.url, key="tg-nobody").chat.completions.create(model="fast", messages=MESSAGES)


def test_what_json_cannot_say_is_refused_before_sending(vendor: Vendor) -> None:
    with Gateway(vendor.config()) as gw:
        with pytest.raises(ValueError, match="JSON"):
            gw.chat.completions.create(model="fast", messages=MESSAGES, temperature=float("nan"))
        with pytest.raises(TypeError, match="object"):
            gw.chat.completions.create(model="fast", messages=MESSAGES, user=object())
        lone = [{"role": "user", "content": "half \ud83d"}]
        assert gw.chat.completions.create(model="fast", messages=lone).choices
    (entry,) = vendor.log()
    assert "\\ud83d" in entry["body"]
