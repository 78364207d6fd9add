"""The vendors' own packages behind one way of asking, so that a test can be put to each of them.

Every `Sdk` is the unmodified package with its own words for a question, a stream and a tool. What it
made of an answer is told as a `Said`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

TOOL = {
    "name": "tide",
    "description": "The tide at a place.",
    "schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


@dataclass
class Said:
    """What a package read out of an answer."""

    text: str = ""
    thinking: str = ""
    tools: list[tuple[str, Any]] = field(default_factory=list)
    #: `stop`, `length`, `tools` or the package's own word.
    finish: str | None = None
    usage: tuple[int | None, int | None] = (None, None)
    #: Events of a stream; 0 for a whole answer.
    events: int = 0


def arguments_of(value: Any) -> Any:
    """Arguments of a tool call: what their JSON stands for, or the text when it is none."""
    if not isinstance(value, str):
        return value or {}
    try:
        return json.loads(value) if value.strip() else {}
    except ValueError:
        return value


class Sdk:
    name: str
    package: str
    finishes: Mapping[str, str]

    def ask(self, model: str, text: str = "hi", *, tool: bool = False, stream: bool = False, **more: Any) -> Said:
        raise NotImplementedError

    def finish(self, word: Any) -> str | None:
        word = getattr(word, "value", word)
        return self.finishes.get(word, word)


class OpenAi(Sdk):
    name, package = "openai", "openai"
    finishes = MappingProxyType({"tool_calls": "tools", "function_call": "tools"})
    base = "/v1"

    def __init__(self, http_client: Any = None, url: str | None = None, key: str = "any", **options: Any) -> None:
        import openai

        base_url = None if url is None else url + self.base
        self.client = openai.OpenAI(
            api_key=key, base_url=base_url, http_client=http_client, **{"max_retries": 0, **options}
        )

    def ask(self, model: str, text: str = "hi", *, tool: bool = False, stream: bool = False, **more: Any) -> Said:
        ask: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": text}], **more}
        if tool:
            function = {"name": TOOL["name"], "description": TOOL["description"], "parameters": TOOL["schema"]}
            ask["tools"] = [{"type": "function", "function": function}]
        if not stream:
            reply = self.client.chat.completions.create(**ask)
            message = reply.choices[0].message
            said = Said(
                (message.content or "") + (message.refusal or ""), finish=self.finish(reply.choices[0].finish_reason)
            )
            said.thinking = getattr(message, "reasoning_content", None) or ""
            said.tools = [(c.function.name, arguments_of(c.function.arguments)) for c in message.tool_calls or ()]
            if reply.usage:
                said.usage = (reply.usage.prompt_tokens, reply.usage.completion_tokens)
            return said
        said, calls = Said(), {}
        for chunk in self.client.chat.completions.create(**ask, stream=True, stream_options={"include_usage": True}):
            said.events += 1
            if chunk.usage:
                said.usage = (chunk.usage.prompt_tokens, chunk.usage.completion_tokens)
            for choice in chunk.choices:
                said.text += (choice.delta.content or "") + (choice.delta.refusal or "")
                said.thinking += getattr(choice.delta, "reasoning_content", None) or ""
                said.finish = self.finish(choice.finish_reason) or said.finish
                for call in choice.delta.tool_calls or ():
                    name, arguments = calls.get(call.index, ("", ""))
                    calls[call.index] = (name or call.function.name, arguments + (call.function.arguments or ""))
        said.tools = [(name, arguments_of(arguments)) for name, arguments in calls.values()]
        return said


class OpenAiResponses(OpenAi):
    name = "responses"
    finishes = MappingProxyType({"completed": "stop", "max_output_tokens": "length"})

    def ask(self, model: str, text: str = "hi", *, tool: bool = False, stream: bool = False, **more: Any) -> Said:
        ask: dict[str, Any] = {"model": model, "input": text, **more}
        if tool:
            ask["tools"] = [
                {"type": "function", "name": "tide", "description": TOOL["description"], "parameters": TOOL["schema"]}
            ]
        events, reply = 0, None
        if stream:
            deltas = ""
            # The package's helper knows no end but `response.completed`.
            for event in self.client.responses.create(**ask, stream=True):
                events += 1
                deltas += event.delta if event.type == "response.output_text.delta" else ""
                if event.type in ("response.completed", "response.incomplete"):
                    reply = event.response
            assert reply is not None and deltas == reply.output_text
        else:
            reply = self.client.responses.create(**ask)
        said = Said(reply.output_text, events=events, finish=self.finish(reply.status))
        if reply.incomplete_details:
            said.finish = self.finish(reply.incomplete_details.reason)
        for item in reply.output:
            if item.type == "message":
                said.text += "".join(part.refusal for part in item.content if part.type == "refusal")
            if item.type == "function_call":
                said.tools.append((item.name, arguments_of(item.arguments)))
            if item.type == "reasoning":
                parts = [*item.summary, *(item.content or ())]
                said.thinking += "".join(part.text for part in parts)
        if said.tools:
            said.finish = "tools"
        if reply.usage:
            said.usage = (reply.usage.input_tokens, reply.usage.output_tokens)
        return said


class Anthropic(Sdk):
    name, package = "anthropic", "anthropic"
    finishes = MappingProxyType(
        {"end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length", "tool_use": "tools"}
    )

    def __init__(self, http_client: Any = None, url: str | None = None, key: str = "any", **options: Any) -> None:
        import anthropic

        self.client = anthropic.Anthropic(
            api_key=key, base_url=url, http_client=http_client, **{"max_retries": 0, **options}
        )

    def ask(self, model: str, text: str = "hi", *, tool: bool = False, stream: bool = False, **more: Any) -> Said:
        ask: dict[str, Any] = {
            "model": model,
            "max_tokens": 500,
            "messages": [{"role": "user", "content": text}],
            **more,
        }
        if tool:
            ask["tools"] = [
                {"name": "tide", "description": TOOL["description"], "input_schema": TOOL["schema"]},
            ]
        events = 0
        if stream:
            with self.client.messages.stream(**ask) as opened:
                for _ in opened:
                    events += 1
                reply = opened.get_final_message()
        else:
            reply = self.client.messages.create(**ask)
        said = Said(events=events, finish=self.finish(reply.stop_reason))
        for block in reply.content:
            said.text += block.text if block.type == "text" else ""
            said.thinking += block.thinking if block.type == "thinking" else ""
            if block.type == "tool_use":
                said.tools.append((block.name, block.input))
        usage = reply.usage
        cached = (usage.cache_read_input_tokens or 0) + (usage.cache_creation_input_tokens or 0)
        said.usage = (usage.input_tokens + cached, usage.output_tokens)
        return said


class Google(Sdk):
    name, package = "gemini", "google.genai"
    finishes = MappingProxyType({"STOP": "stop", "MAX_TOKENS": "length"})

    def __init__(self, http_client: Any = None, url: str | None = None, key: str = "any", **options: Any) -> None:
        from google import genai

        http: dict[str, Any] = {**options}
        if http_client is not None:
            http["httpx_client"] = http_client
        if url is not None:
            http["base_url"] = url + "/genai"
        self.client = genai.Client(api_key=key, http_options=http)

    def ask(self, model: str, text: str = "hi", *, tool: bool = False, stream: bool = False, **more: Any) -> Said:
        config: dict[str, Any] = {**more}
        if tool:
            declaration = {"name": "tide", "description": TOOL["description"], "parameters_json_schema": TOOL["schema"]}
            config["tools"] = [{"function_declarations": [declaration]}]
        ask: dict[str, Any] = {"model": model, "contents": text, "config": config}
        if stream:
            chunks = list(self.client.models.generate_content_stream(**ask))
        else:
            chunks = [self.client.models.generate_content(**ask)]
        said = Said(events=len(chunks) if stream else 0)
        for chunk in chunks:
            for candidate in chunk.candidates or ():
                said.finish = self.finish(candidate.finish_reason) or said.finish
                for part in (candidate.content and candidate.content.parts) or ():
                    if part.function_call:
                        said.tools.append((part.function_call.name, dict(part.function_call.args or {})))
                    elif part.thought:
                        said.thinking += part.text or ""
                    else:
                        said.text += part.text or ""
            usage = chunk.usage_metadata
            if usage and usage.prompt_token_count is not None:
                out = (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0)
                said.usage = (usage.prompt_token_count + (usage.tool_use_prompt_token_count or 0), out)
        if said.tools and said.finish == "stop":
            said.finish = "tools"
        return said


class Cohere(Sdk):
    name, package = "cohere", "cohere"
    finishes = MappingProxyType(
        {"COMPLETE": "stop", "STOP_SEQUENCE": "stop", "MAX_TOKENS": "length", "TOOL_CALL": "tools"}
    )

    def __init__(self, http_client: Any = None, url: str | None = None, key: str = "any", **options: Any) -> None:
        import cohere

        base_url = None if url is None else url + "/cohere"
        self.client = cohere.ClientV2(api_key=key, base_url=base_url, httpx_client=http_client, **options)

    def ask(self, model: str, text: str = "hi", *, tool: bool = False, stream: bool = False, **more: Any) -> Said:
        ask: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": text}], **more}
        if tool:
            function = {"name": "tide", "description": TOOL["description"], "parameters": TOOL["schema"]}
            ask["tools"] = [{"type": "function", "function": function}]
        said = Said()
        if not stream:
            reply = self.client.chat(**ask)
            for part in reply.message.content or ():
                said.text += part.text if part.type == "text" else ""
                said.thinking += part.thinking if part.type == "thinking" else ""
            said.finish = self.finish(reply.finish_reason)
            said.tools = [(c.function.name, arguments_of(c.function.arguments)) for c in reply.message.tool_calls or ()]
            said.usage = self.used(reply.usage)
            return said
        calls: dict[int, list[str]] = {}
        for event in self.client.chat_stream(**ask):
            said.events += 1
            if event.type == "content-delta":
                said.text += event.delta.message.content.text or ""
                said.thinking += getattr(event.delta.message.content, "thinking", None) or ""
            elif event.type == "tool-call-start":
                function = event.delta.message.tool_calls.function
                calls[event.index] = [function.name, function.arguments or ""]
            elif event.type == "tool-call-delta":
                calls[event.index][1] += event.delta.message.tool_calls.function.arguments or ""
            elif event.type == "message-end":
                said.finish = self.finish(event.delta.finish_reason)
                said.usage = self.used(event.delta.usage)
        said.tools = [(name, arguments_of(arguments)) for name, arguments in calls.values()]
        return said

    @staticmethod
    def used(usage: Any) -> tuple[int | None, int | None]:
        tokens = usage and (usage.billed_units or usage.tokens)
        return (int(tokens.input_tokens or 0), int(tokens.output_tokens or 0)) if tokens else (None, None)


class Bedrock(Sdk):
    name, package = "bedrock", "boto3"
    finishes = MappingProxyType(
        {"end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length", "tool_use": "tools"}
    )

    def __init__(self, handler: Any = None, url: str | None = None, key: str | None = None, **options: Any) -> None:
        import boto3
        from botocore.config import Config

        self.client = boto3.client(
            "bedrock-runtime",
            region_name="eu-west-3",
            endpoint_url=None if url is None else url + "/bedrock",
            aws_access_key_id="any",
            aws_secret_access_key="any",
            config=Config(retries={"total_max_attempts": 1}, **options),
        )
        if handler is not None:
            self.client.meta.events.register("before-send.bedrock-runtime", handler)
        if key is not None:
            self.client.meta.events.register(
                "before-sign.bedrock-runtime", lambda request, **_: request.headers.add_header("x-tidegate-key", key)
            )

    def ask(self, model: str, text: str = "hi", *, tool: bool = False, stream: bool = False, **more: Any) -> Said:
        ask: dict[str, Any] = {"modelId": model, "messages": [{"role": "user", "content": [{"text": text}]}], **more}
        if tool:
            spec = {"name": "tide", "description": TOOL["description"], "inputSchema": {"json": TOOL["schema"]}}
            ask["toolConfig"] = {"tools": [{"toolSpec": spec}]}
        said = Said()
        if not stream:
            reply = self.client.converse(**ask)
            for block in reply["output"]["message"]["content"]:
                self.block(said, block)
                if "toolUse" in block:
                    said.tools.append((block["toolUse"]["name"], block["toolUse"]["input"]))
            said.finish = self.finish(reply["stopReason"])
            said.usage = self.used(reply["usage"])
            return said
        calls: dict[int, list[str]] = {}
        for event in self.client.converse_stream(**ask)["stream"]:
            said.events += 1
            if "contentBlockStart" in event:
                start = event["contentBlockStart"]
                if "toolUse" in start["start"]:
                    calls[start["contentBlockIndex"]] = [start["start"]["toolUse"]["name"], ""]
            elif "contentBlockDelta" in event:
                delta = event["contentBlockDelta"]["delta"]
                self.block(said, delta)
                if "toolUse" in delta:
                    calls[event["contentBlockDelta"]["contentBlockIndex"]][1] += delta["toolUse"]["input"]
            elif "messageStop" in event:
                said.finish = self.finish(event["messageStop"]["stopReason"])
            elif "metadata" in event:
                said.usage = self.used(event["metadata"]["usage"])
        said.tools = [(name, arguments_of(arguments)) for name, arguments in calls.values()]
        return said

    @staticmethod
    def block(said: Said, block: dict[str, Any]) -> None:
        said.text += block.get("text", "")
        said.text += "".join(part.get("text", "") for part in block.get("citationsContent", {}).get("content", ()))
        reasoning = block.get("reasoningContent", {})
        said.thinking += reasoning.get("text", "") or reasoning.get("reasoningText", {}).get("text", "")

    @staticmethod
    def used(usage: dict[str, int]) -> tuple[int, int]:
        cached = usage.get("cacheReadInputTokens", 0) + usage.get("cacheWriteInputTokens", 0)
        return usage["inputTokens"] + cached, usage["outputTokens"]


SDKS: dict[str, Any] = {sdk.name: sdk for sdk in (OpenAi, OpenAiResponses, Anthropic, Google, Cohere, Bedrock)}


def in_process(name: str, gw: Any, **options: Any) -> Any:
    """The package with the engine in the place of the network."""
    if name == "bedrock":
        return Bedrock(gw.botocore_handler(read_timeout=options.get("read_timeout")), **options)
    lib = {"cohere": "httpx"}.get(name)
    return SDKS[name](gw.http_client(lib=lib), **options)
