"""The unmodified packages of Google, Cohere and AWS: in process where they take an HTTP client, else by
base URL. Each is answered by a vendor of its own format and by one of another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from support import Upstream
from tidegate import Gateway

REFUSAL = {"times": "forever", "status": 429, "body": {"error": {"message": "slow down", "type": "rate_limit_error"}}}
TOOL = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
CALL = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1700000000,
    "model": "m",
    "choices": [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {
                        "id": "call_1",
                        "type": "function",
                        "function": {"name": "tide", "arguments": '{"city":"Ky\u014dto"}'},
                    }
                ],
            },
            "finish_reason": "tool_calls",
        }
    ],
    "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
}


@pytest.fixture
def gw(upstream: Upstream) -> Iterator[Gateway]:
    own, other = upstream.vendor(), upstream.vendor()
    tool = upstream.vendor([{"body": CALL}])
    limited = upstream.vendor([REFUSAL])
    url = lambda vendor, path="": f"{upstream.origin}/{vendor.name}{path}"  # noqa: E731
    config = {
        "providers": {
            "gemini": {"base_url": url(own), "api_key": "k"},
            "cohere": {"base_url": url(own), "api_key": "k"},
            "bedrock": {"base_url": url(own), "api_key": "k"},
            "other": {"dialect": "openai", "base_url": url(other, "/v1"), "api_key": "k"},
            "tool": {"dialect": "openai", "base_url": url(tool, "/v1"), "api_key": "k"},
            "limited": {"dialect": "openai", "base_url": url(limited, "/v1"), "api_key": "k"},
        },
        "models": {name: {"targets": [f"{name}/m"], "retry": {"attempts": 1}} for name in ("other", "tool", "limited")},
    }
    with Gateway(config) as gateway:
        yield gateway


@pytest.mark.parametrize("model", ["some-model", "other"])
def test_google_genai_works_in_process(gw: Gateway, model: str) -> None:
    genai = pytest.importorskip("google.genai")
    client = genai.Client(api_key="any", http_options={"httpx_client": gw.http_client()})
    reply = client.models.generate_content(model=model, contents="hi")
    assert reply.text and reply.candidates[0].finish_reason.name == "STOP"
    assert reply.usage_metadata.prompt_token_count == 10
    chunks = list(client.models.generate_content_stream(model=model, contents="hi"))
    assert "".join(chunk.text or "" for chunk in chunks) == reply.text
    assert chunks[-1].usage_metadata.prompt_token_count == 10


def test_google_genai_calls_tools_and_raises_its_own_errors(gw: Gateway) -> None:
    genai = pytest.importorskip("google.genai")
    client = genai.Client(api_key="any", http_options={"httpx_client": gw.http_client()})
    tools = [{"function_declarations": [{"name": "tide", "parameters_json_schema": TOOL}]}]
    reply = client.models.generate_content(model="tool", contents="hi", config={"tools": tools})
    assert reply.function_calls[0].name == "tide" and reply.function_calls[0].args == {"city": "Ky\u014dto"}
    with pytest.raises(genai.errors.ClientError) as caught:
        client.models.generate_content(model="limited", contents="hi")
    assert caught.value.code == 429 and "slow down" in str(caught.value)


@pytest.mark.parametrize("model", ["some-model", "other"])
def test_cohere_works_in_process(gw: Gateway, model: str) -> None:
    cohere = pytest.importorskip("cohere")
    client = cohere.ClientV2(api_key="any", httpx_client=gw.http_client(lib="httpx"))
    ask: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": "hi"}]}
    reply = client.chat(**ask)
    assert reply.finish_reason == "COMPLETE" and reply.usage.billed_units.input_tokens == 10
    events = list(client.chat_stream(**ask))
    text = "".join(event.delta.message.content.text for event in events if event.type == "content-delta")
    assert text == reply.message.content[0].text
    with pytest.raises(cohere.TooManyRequestsError):
        client.chat(model="limited", messages=ask["messages"])


@pytest.mark.parametrize("model", ["some-model:0", "other"])
def test_boto3_works_by_base_url(gw: Gateway, model: str) -> None:
    boto3 = pytest.importorskip("boto3")
    messages = [{"role": "user", "content": [{"text": "hi"}]}]
    with gw.serve(port=0) as server:
        client = boto3.client(
            "bedrock-runtime",
            region_name="eu-west-3",
            endpoint_url=f"{server.url}/bedrock",
            aws_access_key_id="any",
            aws_secret_access_key="any",
        )
        reply = client.converse(modelId=model, messages=messages)
        text = reply["output"]["message"]["content"][0]["text"]
        assert reply["stopReason"] == "end_turn" and reply["usage"]["inputTokens"] == 10
        events = list(client.converse_stream(modelId=model, messages=messages)["stream"])
        deltas = [event["contentBlockDelta"]["delta"]["text"] for event in events if "contentBlockDelta" in event]
        assert "".join(deltas) == text
        assert events[-1]["metadata"]["usage"]["inputTokens"] == 10
        with pytest.raises(client.exceptions.ThrottlingException):
            client.converse(modelId="limited", messages=messages)


def test_openai_responses_are_answered_by_any_vendor(gw: Gateway) -> None:
    openai = pytest.importorskip("openai")
    client = openai.OpenAI(api_key="any", http_client=gw.http_client(), max_retries=0)
    reply = client.responses.create(model="other", input="hi")
    assert reply.output_text and reply.status == "completed" and reply.usage.input_tokens == 10
    with client.responses.stream(model="other", input="hi") as stream:
        deltas = [event.delta for event in stream if event.type == "response.output_text.delta"]
        assert "".join(deltas) == stream.get_final_response().output_text == reply.output_text
    call = client.responses.create(
        model="tool", input="hi", tools=[{"type": "function", "name": "tide", "parameters": TOOL}]
    )
    assert call.output[0].type == "function_call" and call.output[0].name == "tide"
    with pytest.raises(openai.RateLimitError):
        client.responses.create(model="limited", input="hi")
    native = gw.responses.create(model="other", input="hi")
    assert native.output_text == reply.output_text and native.gateway.target == "other/m"
