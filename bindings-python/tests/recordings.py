"""Recorded exchanges of real vendors, and a plain reading of what each answer says.

The reading is made for the test alone: it knows nothing of the engine, so that the two can disagree.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sdks import Said, arguments_of
from tools import frame


@dataclass
class Recording:
    name: str
    vendor: str
    dialect: str
    stream: bool
    body: bytes
    said: Said


def recordings() -> Iterator[Recording]:
    """All answers that are one turn of a conversation in one of the six formats."""
    for path in sorted(Path(os.environ["TIDEGATE_CASSETTES"]).glob("*.jsonl")):
        for line in path.read_text().splitlines():
            record = json.loads(line)
            response = record["response"]
            text = response.get("body") or ""
            dialect = _dialect(record, text if isinstance(text, str) else "")
            if dialect is None or response.get("status", 200) != 200:
                continue
            if response.get("body_b64"):
                body = base64.b64decode(response["body_b64"])
            elif dialect == "bedrock" and text.startswith("data:"):
                noted = [json.loads(line[5:]) for line in text.splitlines() if line.startswith("data:")]
                body = b"".join(frame(name, value) for event in noted for name, value in event.items())
            else:
                body = text.encode()
            stream = body[:5] in (b"data:", b"event") or body[:1] in (b":", b"\0")
            if not stream and body.lstrip()[:1] != b"{":
                continue
            said = READERS[dialect](_events(body) if stream else [json.loads(body)])
            # What broke off, or answers several times at once, has no counterpart elsewhere.
            if said is not None and said.finish is not None:
                yield Recording(f"{path.stem} {record['id']}", path.stem, dialect, stream, body, said)


def _dialect(record: dict[str, Any], body: str) -> str | None:
    api, url = record["api"], (record.get("request") or {}).get("url") or ""
    if api == "chat" and record["provider"] == "cohere":
        return "cohere" if not url or url.endswith("/v2/chat") else None
    known = {
        "chat.completions": "openai",
        "messages": "anthropic",
        "responses": "responses",
        "generateContent": "gemini",
        "streamGenerateContent": "gemini",
        "converse": "bedrock",
        "converse-stream": "bedrock",
    }
    if api in known:
        return known[api]
    marks = {
        '"chat.completion': "openai",
        '"message_start"': "anthropic",
        '"stop_sequence"': "anthropic",
        '"candidates"': "gemini",
        '"stopReason"': "bedrock",
        '"object":"response"': "responses",
    }
    return next((dialect for mark, dialect in marks.items() if api in ("unknown", "chat") and mark in body), None)


def _events(body: bytes) -> list[dict[str, Any]]:
    if body[:1] == b"\0":
        return list(_frames(body))
    found = [line[5:].strip() for line in body.decode().splitlines() if line.startswith("data:")]
    return [json.loads(text) for text in found if text not in ("[DONE]", "")]


def _frames(body: bytes) -> Iterator[dict[str, Any]]:
    while body:
        total, headers = int.from_bytes(body[:4], "big"), int.from_bytes(body[4:8], "big")
        name, at = "", 12
        while at < 12 + headers:
            key = body[at + 1 : at + 1 + body[at]].decode()
            at += 1 + body[at] + 1
            size = int.from_bytes(body[at : at + 2], "big")
            value = body[at + 2 : at + 2 + size].decode()
            at += 2 + size
            name = value if key in (":event-type", ":exception-type") else name
        yield {name: json.loads(body[12 + headers : total - 4])}
        body = body[total:]


def _words(content: Any) -> str:
    if isinstance(content, list):
        return "".join(part.get("text") or "" for part in content if part.get("type") == "text")
    return content or ""


FINISHES = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tools",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "tool_use": "tools",
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "COMPLETE": "stop",
    "STOP_SEQUENCE": "stop",
    "TOOL_CALL": "tools",
}


def _openai(events: list[dict[str, Any]]) -> Said | None:
    said, calls, ids, refused = Said(), {}, {}, False
    for event in events:
        if "choices" not in event:
            return None
        for choice in event["choices"]:
            if choice.get("index", 0) != 0:
                return None
            # A vendor gives both: a message beside its deltas, an empty delta beside its message.
            streamed = len(events) > 1
            message = choice.get("delta" if streamed else "message") or {}
            said.text += _words(message.get("content")) + (message.get("refusal") or "")
            refused |= bool(message.get("refusal"))
            if message.get("function_call"):
                old = message["function_call"]
                name, arguments = calls.get("", ("", ""))
                calls[""] = (name or old.get("name"), arguments + (old.get("arguments") or ""))
            for at, call in enumerate(message.get("tool_calls") or ()):
                index = call.get("index", at)
                # Some vendors give every call the same place and tell them apart by their ids.
                if call.get("id") and ids.setdefault(index, call["id"]) != call["id"]:
                    index = call["id"]
                name, arguments = calls.get(index, ("", ""))
                more = call["function"].get("arguments")
                more = more if isinstance(more, str) else json.dumps(more) if more else ""
                calls[index] = (name or call["function"].get("name"), arguments + more)
            said.finish = choice.get("finish_reason") or said.finish
        usage = event.get("usage")
        if usage and usage.get("prompt_tokens") is not None:
            # Thinking that a vendor leaves out of `completion_tokens` is in the sum.
            asked, answered = usage["prompt_tokens"], usage.get("completion_tokens", 0)
            sound = (usage.get("prompt_tokens_details") or {}).get("audio_tokens") or 0
            # Sound that a vendor does not count among the tokens of the prompt.
            asked += sound if sound > asked else 0
            said.usage = (asked, max(usage.get("total_tokens") or 0, asked + answered) - asked)
    said.finish = "refused" if refused and said.finish else said.finish
    said.tools = [(name, arguments_of(arguments)) for name, arguments in calls.values()]
    return said


def _responses(events: list[dict[str, Any]]) -> Said | None:
    final = events[-1].get("response", events[-1])
    if final.get("status") not in ("completed", "incomplete") or "output" not in final:
        return None
    said = Said(finish="stop")
    for item in final["output"]:
        if item["type"] == "message":
            said.text += "".join(part.get("text") or part.get("refusal") or "" for part in item["content"])
        elif item["type"] == "function_call":
            said.tools.append((item["name"], arguments_of(item["arguments"])))
    if any(part.get("refusal") for item in final["output"] for part in item.get("content") or ()):
        said.finish = "refused"
    if said.tools:
        said.finish = "tools"
    if final["status"] == "incomplete":
        said.finish = "length"
    if final.get("usage"):
        said.usage = (final["usage"]["input_tokens"], final["usage"]["output_tokens"])
    return said


def _anthropic(events: list[dict[str, Any]]) -> Said | None:
    said, usage, calls = Said(), {}, {}
    if "content" in events[0]:
        usage, said.finish = events[0]["usage"], events[0]["stop_reason"]
        for at, block in enumerate(events[0]["content"]):
            said.text += block["text"] if block["type"] == "text" else ""
            if block["type"] == "tool_use":
                calls[at] = (block["name"], block["input"])
    for event in events:
        kind = event.get("type")
        if kind == "error" or (kind == "message_start" and usage):
            return None
        if kind == "message_start":
            usage |= event["message"]["usage"]
        elif kind == "content_block_start" and event["content_block"]["type"] == "tool_use":
            calls[event["index"]] = (event["content_block"]["name"], "")
        elif kind == "content_block_delta" and event["delta"]["type"] == "text_delta":
            said.text += event["delta"]["text"]
        elif kind == "content_block_delta" and event["delta"]["type"] == "input_json_delta" and event["index"] in calls:
            name, arguments = calls[event["index"]]
            calls[event["index"]] = (name, arguments + event["delta"]["partial_json"])
        elif kind == "message_delta":
            said.finish = event["delta"].get("stop_reason") or said.finish
            usage |= {name: value for name, value in event.get("usage", {}).items() if value is not None}
    said.tools = [(name, arguments_of(arguments)) for name, arguments in calls.values()]
    cached = (usage.get("cache_read_input_tokens") or 0) + (usage.get("cache_creation_input_tokens") or 0)
    if "input_tokens" in usage:
        said.usage = (usage["input_tokens"] + cached, usage["output_tokens"])
    return said


def _gemini(events: list[dict[str, Any]]) -> Said | None:
    said = Said()
    for event in events:
        if len(event.get("candidates", [])) > 1:
            return None
        for candidate in event.get("candidates", []):
            said.finish = candidate.get("finishReason") or said.finish
            for part in candidate.get("content", {}).get("parts", []):
                if "functionCall" in part:
                    said.tools.append((part["functionCall"].get("name"), part["functionCall"].get("args") or {}))
                elif not part.get("thought"):
                    said.text += part.get("text") or ""
        usage = event.get("usageMetadata")
        if usage and usage.get("promptTokenCount") is not None:
            out = usage.get("candidatesTokenCount", 0) + usage.get("thoughtsTokenCount", 0)
            said.usage = (usage["promptTokenCount"] + usage.get("toolUsePromptTokenCount", 0), out)
    if said.tools and said.finish == "STOP":
        said.finish = "tool_calls"
    return said


def _cohere(events: list[dict[str, Any]]) -> Said | None:
    said, calls = Said(), {}
    for event in events:
        kind, end = event.get("type"), event if "message" in event else event.get("delta") or {}
        if "message" in event:
            said.text += _words(event["message"].get("content"))
            for at, call in enumerate(event["message"].get("tool_calls") or ()):
                calls[at] = (call["function"]["name"], call["function"]["arguments"])
        elif kind == "content-delta":
            said.text += event["delta"]["message"]["content"].get("text") or ""
        elif kind == "tool-call-start":
            function = event["delta"]["message"]["tool_calls"]["function"]
            calls[event["index"]] = (function["name"], function.get("arguments") or "")
        elif kind == "tool-call-delta":
            name, arguments = calls[event["index"]]
            more = event["delta"]["message"]["tool_calls"]["function"].get("arguments") or ""
            calls[event["index"]] = (name, arguments + more)
        said.finish = end.get("finish_reason") or said.finish
        usage = end.get("usage")
        if usage:
            counts = usage.get("billed_units") or usage["tokens"]
            said.usage = (counts.get("input_tokens", 0), counts.get("output_tokens", 0))
    said.tools = [(name, arguments_of(arguments)) for name, arguments in calls.values()]
    return said


def _cited(block: dict[str, Any]) -> str:
    return "".join(part.get("text", "") for part in block.get("citationsContent", {}).get("content", ()))


def _bedrock(events: list[dict[str, Any]]) -> Said | None:
    said, usage, calls = Said(), {}, {}
    for event in events:
        if "output" in event:
            for at, block in enumerate(event["output"]["message"]["content"]):
                said.text += block.get("text", "") + _cited(block)
                if "toolUse" in block and block["toolUse"].get("type") != "server_tool_use":
                    calls[at] = (block["toolUse"]["name"], block["toolUse"]["input"])
            said.finish, usage = event["stopReason"], event["usage"]
        start = event.get("contentBlockStart", {})
        if "toolUse" in start.get("start", {}) and start["start"]["toolUse"].get("type") != "server_tool_use":
            calls[start["contentBlockIndex"]] = (start["start"]["toolUse"]["name"], "")
        delta = event.get("contentBlockDelta", {})
        said.text += delta.get("delta", {}).get("text", "")
        if "toolUse" in delta.get("delta", {}) and delta["contentBlockIndex"] in calls:
            name, arguments = calls[delta["contentBlockIndex"]]
            calls[delta["contentBlockIndex"]] = (name, arguments + delta["delta"]["toolUse"]["input"])
        said.finish = event.get("messageStop", {}).get("stopReason") or said.finish
        usage = event.get("metadata", {}).get("usage") or usage
    said.tools = [(name, arguments_of(arguments)) for name, arguments in calls.values()]
    if usage:
        cached = usage.get("cacheReadInputTokens", 0) + usage.get("cacheWriteInputTokens", 0)
        said.usage = (usage["inputTokens"] + cached, usage["outputTokens"])
    return said


READERS: dict[str, Any] = {
    "openai": _openai,
    "responses": _responses,
    "anthropic": _anthropic,
    "gemini": _gemini,
    "cohere": _cohere,
    "bedrock": _bedrock,
}
