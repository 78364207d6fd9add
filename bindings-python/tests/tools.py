"""One tool call as each of the six formats gives it, whole and streamed."""

from __future__ import annotations

import json
from typing import Any

UNICODE = 'Grüezi 日本 🌊 "quoted" \\ back\nline'
_ARGUMENTS = {"city": "Zürich 🌊", "days": [1, 2], "deep": {"a": None}}
_TEXT = json.dumps(_ARGUMENTS, ensure_ascii=False)
_PIECES = [_TEXT[:7], _TEXT[7:20], _TEXT[20:]]

_OPENAI_USAGE = {"prompt_tokens": 20, "completion_tokens": 7, "total_tokens": 27}
_RESPONSES_USAGE = {
    "input_tokens": 20,
    "output_tokens": 7,
    "total_tokens": 27,
    "input_tokens_details": {"cached_tokens": 0},
    "output_tokens_details": {"reasoning_tokens": 0},
}
_COHERE_USAGE = {
    "billed_units": {"input_tokens": 20, "output_tokens": 7},
    "tokens": {"input_tokens": 20, "output_tokens": 7},
}
_BEDROCK_USAGE = {"inputTokens": 20, "outputTokens": 7, "totalTokens": 27}


def _openai() -> list[dict[str, Any]]:
    head = {"id": "chatcmpl-t", "created": 1700000000, "model": "m"}

    def call(arguments: str, **more: Any) -> dict[str, Any]:
        return {"function": {**more.pop("function", {}), "arguments": arguments}, **more}

    named = {"id": "call_1", "type": "function", "function": {"name": "tide"}}
    message = {"role": "assistant", "content": None, "tool_calls": [call(_TEXT, **named)]}
    body = {
        **head,
        "object": "chat.completion",
        "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}],
        "usage": _OPENAI_USAGE,
    }
    deltas = [
        {"role": "assistant", "content": None, "tool_calls": [call("", index=0, **named)]},
        *({"tool_calls": [call(piece, index=0)]} for piece in _PIECES),
    ]
    choices = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    choices.append({"index": 0, "delta": {}, "finish_reason": "tool_calls"})
    chunk = {**head, "object": "chat.completion.chunk"}
    events = [{"data": {**chunk, "choices": [choice]}} for choice in choices]
    events += [{"data": {**chunk, "choices": [], "usage": _OPENAI_USAGE}}, {"data": "[DONE]"}]
    return _both(body, {"sse": events}, stream='"stream":true')


def _responses() -> list[dict[str, Any]]:
    item = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "tide", "status": "completed"}
    base = {
        "id": "resp_1",
        "object": "response",
        "created_at": 1700000000,
        "model": "m",
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
    }
    body = {**base, "status": "completed", "output": [{**item, "arguments": _TEXT}], "usage": _RESPONSES_USAGE}
    running = {**base, "status": "in_progress", "output": [], "usage": None}
    place = {"item_id": "fc_1", "output_index": 0}
    steps: list[dict[str, Any]] = [
        {"type": "response.created", "response": running},
        {
            "type": "response.output_item.added",
            "output_index": 0,
            "item": {**item, "status": "in_progress", "arguments": ""},
        },
        *({"type": "response.function_call_arguments.delta", **place, "delta": piece} for piece in _PIECES),
        {"type": "response.function_call_arguments.done", **place, "name": "tide", "arguments": _TEXT},
        {"type": "response.output_item.done", "output_index": 0, "item": {**item, "arguments": _TEXT}},
        {"type": "response.completed", "response": body},
    ]
    events = [{"event": step["type"], "data": {**step, "sequence_number": n}} for n, step in enumerate(steps)]
    return _both(body, {"sse": events}, stream='"stream":true')


def _anthropic() -> list[dict[str, Any]]:
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_sequence": None}
    usage = {"input_tokens": 20, "output_tokens": 7}
    block = {"type": "tool_use", "id": "toolu_1", "name": "tide"}
    body = {**head, "content": [{**block, "input": _ARGUMENTS}], "stop_reason": "tool_use", "usage": usage}
    start = {**head, "content": [], "stop_reason": None, "usage": {"input_tokens": 20, "output_tokens": 1}}
    steps: list[dict[str, Any]] = [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": {**block, "input": {}}},
        *(
            {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": piece}}
            for piece in _PIECES
        ),
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "tool_use", "stop_sequence": None},
            "usage": {"output_tokens": 7},
        },
        {"type": "message_stop"},
    ]
    events = [{"event": step["type"], "data": step} for step in steps]
    return _both(body, {"sse": events}, stream='"stream":true')


def _gemini() -> list[dict[str, Any]]:
    part = {"functionCall": {"name": "tide", "args": _ARGUMENTS}}
    body = {
        "candidates": [{"content": {"role": "model", "parts": [part]}, "finishReason": "STOP", "index": 0}],
        "usageMetadata": {"promptTokenCount": 20, "candidatesTokenCount": 7, "totalTokenCount": 27},
        "modelVersion": "m",
        "responseId": "r1",
    }
    return _both(body, {"sse": [{"data": body}]}, path="/v1beta/models/m:streamGenerateContent?alt=sse")


def _cohere() -> list[dict[str, Any]]:
    call = {"id": "tide_1", "type": "function", "function": {"name": "tide", "arguments": _TEXT}}
    message = {"role": "assistant", "tool_plan": "I look.", "tool_calls": [call]}
    body = {"id": "c1", "finish_reason": "TOOL_CALL", "message": message, "usage": _COHERE_USAGE}

    def calls(value: dict[str, Any]) -> dict[str, Any]:
        return {"message": {"tool_calls": value}}

    started = {"id": "tide_1", "type": "function", "function": {"name": "tide", "arguments": ""}}
    opened = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
    steps: list[dict[str, Any]] = [
        {"type": "message-start", "id": "c1", "delta": {"message": opened}},
        {"type": "tool-call-start", "index": 0, "delta": calls(started)},
        *(
            {"type": "tool-call-delta", "index": 0, "delta": calls({"function": {"arguments": piece}})}
            for piece in _PIECES
        ),
        {"type": "tool-call-end", "index": 0},
        {"type": "message-end", "delta": {"finish_reason": "TOOL_CALL", "usage": _COHERE_USAGE}},
    ]
    events = [{"event": step["type"], "data": step} for step in steps]
    return _both(body, {"sse": events}, stream='"stream":true')


def _bedrock() -> list[dict[str, Any]]:
    use = {"toolUseId": "tooluse_1", "name": "tide"}
    body = {
        "output": {"message": {"role": "assistant", "content": [{"toolUse": {**use, "input": _ARGUMENTS}}]}},
        "stopReason": "tool_use",
        "usage": _BEDROCK_USAGE,
        "metrics": {"latencyMs": 5},
    }
    steps: list[tuple[str, dict[str, Any]]] = [
        ("messageStart", {"role": "assistant"}),
        ("contentBlockStart", {"contentBlockIndex": 0, "start": {"toolUse": use}}),
        *(("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"toolUse": {"input": p}}}) for p in _PIECES),
        ("contentBlockStop", {"contentBlockIndex": 0}),
        ("messageStop", {"stopReason": "tool_use"}),
        ("metadata", {"usage": _BEDROCK_USAGE, "metrics": {"latencyMs": 5}}),
    ]
    frames = b"".join(frame(name, value) for name, value in steps)
    streamed = {"hex": frames.hex(), "headers": {"content-type": "application/vnd.amazon.eventstream"}}
    return _both(body, streamed, path="/model/m/converse-stream")


def frame(name: str, value: object) -> bytes:
    """A message of `application/vnd.amazon.eventstream`: two lengths, a checksum of them, headers, payload
    and a checksum of it all (Amazon's Transcribe and SDK pages describe it)."""
    from struct import pack
    from zlib import crc32

    payload = json.dumps(value).encode()
    headers = b""
    pairs = ((":event-type", name), (":content-type", "application/json"), (":message-type", "event"))
    for key, text in pairs:
        headers += pack(">B", len(key)) + key.encode() + pack(">BH", 7, len(text)) + text.encode()
    start = pack(">II", 16 + len(headers) + len(payload), len(headers))
    message = start + pack(">I", crc32(start)) + headers + payload
    return message + pack(">I", crc32(message))


def _both(body: Any, streamed: dict[str, Any], path: str | None = None, stream: str = "") -> list[dict[str, Any]]:
    when = {"path": path} if path else {"contains": stream}
    return [{"when": when, "times": "forever", **streamed}, {"times": "forever", "body": body}]


TOOL_CALLS = {
    "openai": _openai(),
    "responses": _responses(),
    "anthropic": _anthropic(),
    "gemini": _gemini(),
    "cohere": _cohere(),
    "bedrock": _bedrock(),
}
