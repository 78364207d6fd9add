"""Vendors' bodies and streams, written for the tests."""

from __future__ import annotations

import json
from typing import Any


def openai_error(message: str, kind: str, code: str | None = None, param: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def anthropic_error(message: str, kind: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_vendor"}


def _chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    return {
        "data": {
            "id": "chatcmpl-2",
            "object": "chat.completion.chunk",
            "created": 1700000000,
            "model": "gpt-5-mini-2025-08-07",
            "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}],
            "usage": None,
        }
    }


def _call(index: int, arguments: str, **more: Any) -> dict[str, Any]:
    function: dict[str, Any] = {"arguments": arguments}
    call: dict[str, Any] = {"index": index, "function": function}
    if more:
        call |= {"id": more["id"], "type": "function"}
        function["name"] = more["name"]
    return _chunk({"tool_calls": [call]})


#: A stream of two tool calls whose arguments come in pieces, with usage at the end.
OPENAI_TOOLS = [
    _chunk({"role": "assistant", "content": None, "refusal": None}),
    _call(0, "", id="call_a", name="weather"),
    _call(0, '{"city": "Z'),
    _call(0, 'ürich"}'),
    _call(1, "", id="call_b", name="time"),
    _call(1, '{"zone": "CET"}'),
    _chunk({}, "tool_calls"),
    {
        "data": {
            "id": "chatcmpl-2",
            "object": "chat.completion.chunk",
            "created": 1700000000,
            "model": "gpt-5-mini-2025-08-07",
            "choices": [],
            "usage": {"prompt_tokens": 81, "completion_tokens": 34, "total_tokens": 115},
        }
    },
    {"data": "[DONE]"},
]


def _event(kind: str, **more: Any) -> dict[str, Any]:
    return {"event": kind, "data": {"type": kind, **more}}


#: Text, then a tool call whose input comes in pieces.
ANTHROPIC_TOOLS = [
    _event(
        "message_start",
        message={
            "id": "msg_2",
            "type": "message",
            "role": "assistant",
            "model": "claude-haiku-4-5-20251001",
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {"input_tokens": 377, "output_tokens": 1},
        },
    ),
    _event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
    _event("ping"),
    _event("content_block_delta", index=0, delta={"type": "text_delta", "text": "Let me "}),
    _event("content_block_delta", index=0, delta={"type": "text_delta", "text": "look 🔎"}),
    _event("content_block_stop", index=0),
    _event(
        "content_block_start",
        index=1,
        content_block={"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {}},
    ),
    _event("content_block_delta", index=1, delta={"type": "input_json_delta", "partial_json": '{"city": "Z'}),
    _event("content_block_delta", index=1, delta={"type": "input_json_delta", "partial_json": 'ürich"}'}),
    _event("content_block_stop", index=1),
    _event("message_delta", delta={"stop_reason": "tool_use", "stop_sequence": None}, usage={"output_tokens": 65}),
    _event("message_stop"),
]


def anthropic_message(text: str) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-haiku-4-5-20251001",
        "content": [{"type": "text", "text": text}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 10, "output_tokens": 5},
    }


def spelled(value: object) -> str:
    """JSON with spaces where no encoder of ours would put them."""
    return json.dumps(value, indent=1, ensure_ascii=False)
