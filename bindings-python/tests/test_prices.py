"""What calls cost, beside an independent reckoning: `genai-prices` reads the same answers and prices them itself.

Both know the same list of prices, but read answers, choose models, tiers and services, and add up each in its own
way. They agree to the nano-dollar, or the difference is listed in `DIFFERENCES` with its reason.
"""

from __future__ import annotations

import datetime
import json
import os
import random
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from support import MESSAGES, Upstream
from tidegate import Gateway

genai = pytest.importorskip("genai_prices")

NANO = Decimal("0.000000001")

# Ours: theirs, the format that is spoken, and what they call it.
VENDORS = {
    "anthropic": ("anthropic", "anthropic", "default"),
    "arcee": ("arcee", "openai", "chat"),
    "baseten": ("baseten", "openai", "chat"),
    "cerebras": ("cerebras", "openai", "chat"),
    "cohere": ("cohere", "cohere", "default"),
    "databricks": ("databricks", "openai", "chat"),
    "deepseek": ("deepseek", "openai", "chat"),
    "fireworks": ("fireworks", "openai", "chat"),
    "gemini": ("google", "gemini", "default"),
    "groq": ("groq", "openai", "default"),
    "meta": ("meta", "openai", "chat"),
    "minimax": ("minimax", "openai", "chat"),
    "mistral": ("mistral", "openai", "default"),
    "moonshot": ("moonshotai", "openai", "chat"),
    "openai": ("openai", "openai", "chat"),
    "openrouter": ("openrouter", "openai", "chat"),
    "ovhcloud": ("ovhcloud", "openai", "chat"),
    "perplexity": ("perplexity", "sonar", "default"),
    "xai": ("x-ai", "grok", "chat"),
    "zai": ("zai", "openai", "chat"),
    "bedrock": ("aws", "bedrock", "default"),
}


def openai(chance: random.Random, model: str) -> dict[str, Any]:
    asked, answered = chance.randint(1, 400_000), chance.randint(1, 20_000)
    usage = {
        "prompt_tokens": asked,
        "completion_tokens": answered,
        "total_tokens": asked + answered,
        "prompt_tokens_details": {"cached_tokens": chance.choice([0, chance.randint(0, asked)])},
        "completion_tokens_details": {"reasoning_tokens": chance.choice([0, chance.randint(0, answered)])},
    }
    message = {"role": "assistant", "content": "ok"}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return {"id": "c", "object": "chat.completion", "created": 1, "model": model, "choices": [choice], "usage": usage}


def grok(chance: random.Random, model: str) -> dict[str, Any]:
    """xAI leaves reasoning out of the answer's tokens, and counts it in the sum."""
    payload = openai(chance, model)
    usage = payload["usage"]
    thought = chance.choice([0, chance.randint(0, 9_999)])
    usage["completion_tokens_details"]["reasoning_tokens"] = thought
    usage["total_tokens"] = usage["prompt_tokens"] + usage["completion_tokens"] + thought
    return payload


def sonar(chance: random.Random, model: str) -> dict[str, Any]:
    """Perplexity's own models neither cache nor reason, but for one that counts all it does apart."""
    payload = openai(chance, model)
    if "/" in model:
        return payload
    usage = {key: value for key, value in payload["usage"].items() if not key.endswith("_details")}
    if "deep-research" in model:
        more = {"citation_tokens": 9_999, "num_search_queries": 30, "reasoning_tokens": 99_999}
        usage |= {key: chance.randint(1, most) for key, most in more.items()}
    return payload | {"usage": usage}


def responses(chance: random.Random, model: str) -> dict[str, Any]:
    asked, answered = chance.randint(1, 400_000), chance.randint(1, 20_000)
    usage = {
        "input_tokens": asked,
        "output_tokens": answered,
        "total_tokens": asked + answered,
        "input_tokens_details": {"cached_tokens": chance.choice([0, chance.randint(0, asked)])},
        "output_tokens_details": {"reasoning_tokens": chance.choice([0, chance.randint(0, answered)])},
    }
    content = [{"type": "output_text", "text": "ok", "annotations": []}]
    item = {"id": "i", "type": "message", "role": "assistant", "status": "completed", "content": content}
    head = {"id": "r", "object": "response", "created_at": 1, "status": "completed", "model": model}
    return {**head, "output": [item], "usage": usage}


def embeddings(chance: random.Random, model: str) -> dict[str, Any]:
    asked = chance.randint(1, 400_000)
    vector = {"object": "embedding", "index": 0, "embedding": [0.5]}
    usage = {"prompt_tokens": asked, "total_tokens": asked}
    return {"object": "list", "data": [vector], "model": model, "usage": usage}


def anthropic(chance: random.Random, model: str) -> dict[str, Any]:
    short, long = chance.choice(
        [(0, 0), (chance.randint(0, 9_999), 0), (chance.randint(0, 999), chance.randint(0, 9_999))]
    )
    usage = {
        "input_tokens": chance.randint(1, 400_000),
        "output_tokens": chance.randint(1, 20_000),
        "cache_read_input_tokens": chance.choice([0, chance.randint(0, 90_000)]),
        "cache_creation_input_tokens": short + long,
        "cache_creation": {"ephemeral_5m_input_tokens": short, "ephemeral_1h_input_tokens": long},
    }
    content = [{"type": "text", "text": "ok"}]
    head = {"id": "m", "type": "message", "role": "assistant", "model": model, "stop_reason": "end_turn"}
    return {**head, "content": content, "usage": usage}


def gemini(chance: random.Random, model: str) -> dict[str, Any]:
    asked, answered = chance.randint(1, 400_000), chance.randint(1, 20_000)
    usage = {
        "promptTokenCount": asked,
        "candidatesTokenCount": answered,
        "thoughtsTokenCount": chance.choice([0, chance.randint(0, 9_999)]),
        "cachedContentTokenCount": chance.choice([0, chance.randint(0, asked)]),
    }
    content = {"role": "model", "parts": [{"text": "ok"}]}
    candidate = {"content": content, "finishReason": "STOP", "index": 0}
    return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": model}


def cohere(chance: random.Random, model: str) -> dict[str, Any]:
    units = {"input_tokens": chance.randint(1, 99_999), "output_tokens": chance.randint(1, 9_999)}
    message = {"role": "assistant", "content": [{"type": "text", "text": "ok"}]}
    usage = {"billed_units": units, "tokens": units}
    return {"id": "c", "finish_reason": "COMPLETE", "message": message, "usage": usage}


def bedrock(chance: random.Random, model: str) -> dict[str, Any]:
    usage = {
        "inputTokens": chance.randint(1, 99_999),
        "outputTokens": chance.randint(1, 9_999),
        "cacheReadInputTokens": chance.choice([0, chance.randint(0, 90_000)]),
        "cacheWriteInputTokens": chance.choice([0, chance.randint(0, 90_000)]),
    }
    usage["totalTokens"] = sum(usage.values())
    content = [{"text": "ok"}]
    return {"output": {"message": {"role": "assistant", "content": content}}, "stopReason": "end_turn", "usage": usage}


FORMATS: dict[str, Callable[[random.Random, str], dict[str, Any]]] = {
    "openai": openai,
    "anthropic": anthropic,
    "gemini": gemini,
    "cohere": cohere,
    "bedrock": bedrock,
    "grok": grok,
    "sonar": sonar,
    "responses": responses,
    "embeddings": embeddings,
}


# What differs, since when, and why. A name that no longer differs must go.
CACHED = "2026-11-28: cached tokens have a price in LiteLLM's list, which the catalogue takes in, and none in theirs"
DIFFERENCES = dict.fromkeys(
    [
        "databricks/databricks-deepseek-v4-1-flash",
        "databricks/databricks-deepseek-v4-flash-0731",
        "databricks/databricks-glm-5-3",
        "databricks/databricks-inkling",
        "databricks/databricks-kimi-k2-7-code",
        "databricks/databricks-kimi-k3",
        "gemini/gemini-2.5-flash-image",
        "gemini/gemini-3.8-flash-lite-tts",
        "gemini/gemini-3.8-flash-tts",
        "mistral/mistral-tiny",
        "openai/gpt-4o-search-preview",
        "perplexity/perplexity/deepseek-v4-pro-0813",
        "perplexity/perplexity/glm-5.3",
        "perplexity/perplexity/glm-5.3-flash",
        "perplexity/perplexity/kimi-k3",
        "perplexity/perplexity/nemotron-3.5-super-120b-a12b",
        "perplexity/perplexity/sonar",
    ],
    CACHED,
)


@dataclass
class Call:
    vendor: str
    model: str
    format: str
    flavor: str
    payload: dict[str, Any]

    def theirs(self) -> Decimal | None:
        """What the other reckoning says; `None` where it does not know the model or its usage."""
        provider = VENDORS[self.vendor][0]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                usage = genai.extract_usage(self.payload, provider_id=provider, api_flavor=self.flavor).usage
                now = datetime.datetime.now(datetime.timezone.utc)
                price = genai.calc_price(usage, self.model, provider_id=provider, genai_request_timestamp=now)
            except (LookupError, ValueError):
                return None
        return Decimal(price.total_price)

    def ours(self, gw: Gateway) -> Decimal:
        model = f"{self.vendor}/{self.model}"
        if self.format == "responses":
            return Decimal(str(gw.responses.create(model=model, input="hi").gateway.cost))
        if self.format == "embeddings":
            return Decimal(str(gw.embeddings.create(model=model, input="hi").gateway.cost))
        return Decimal(str(gw.chat.completions.create(model=model, messages=MESSAGES).gateway.cost))


def compare(upstream: Upstream, vendor: str, calls: list[Call]) -> Iterable[tuple[Call, Decimal, Decimal]]:
    """Both sums of every call whose price both know."""
    place = upstream.vendor([{"body": call.payload} for call in calls])
    plain = VENDORS[vendor][1] in ("openai", "grok", "sonar")
    own: dict[str, Any] = {"base_url": place.openai if plain else place.anthropic, "api_key": "k"}
    if vendor == "bedrock":
        own = {"base_url": place.anthropic}
        own["aws"] = {"region": "us-east-1", "access_key_id": "a", "secret_access_key": "s"}
    with Gateway({"providers": {vendor: own}, "unpriced": "allow"}) as gw:
        for call in calls:
            ours, theirs = call.ours(gw), call.theirs()
            if theirs is not None:
                yield call, ours, theirs


def generated(vendor: str, chance: random.Random) -> list[Call]:
    from genai_prices.data import providers

    provider, spoken, flavor = VENDORS[vendor]
    models = next(known.models for known in providers if known.id == provider)
    # A tuned model's name goes on, a region is no part of one, and Bedrock serves OpenAI's models in their own format.
    names = [model.id for model in models if not model.id.endswith("-") and not model.id.startswith("regional.")]
    names = [name for name in names if vendor != "bedrock" or not name.startswith("openai.")]
    names = chance.sample(names, min(len(names), 120))
    ways = [(spoken, flavor)]
    if vendor == "openai":
        ways += [("responses", "responses")]
    calls = []
    for name in names:
        for way, called in ways:
            calls += [Call(vendor, name, way, called, FORMATS[way](chance, name)) for _ in range(2)]
        if "embed" in name and vendor == "openai":
            calls.append(Call(vendor, name, "embeddings", "embeddings", embeddings(chance, name)))
    return calls


def test_generated_usage_costs_what_an_independent_reckoning_says(upstream: Upstream) -> None:
    chance = random.Random(20261128)
    wrong: dict[str, str] = {}
    equal = 0
    for vendor in VENDORS:
        for call, ours, theirs in compare(upstream, vendor, generated(vendor, chance)):
            name = f"{vendor}/{call.model}"
            if abs(ours - theirs) <= NANO:
                equal += 1
            else:
                wrong[name] = f"{ours} and {theirs} for {json.dumps(call.payload)}"
    print(f"{equal} sums are equal, {len(wrong)} models differ")
    assert equal > 1_000
    surprising = {name: text for name, text in wrong.items() if name not in DIFFERENCES}
    assert not surprising, "\n".join(f"{name}: {text}" for name, text in surprising.items())
    assert not DIFFERENCES.keys() - wrong.keys(), "listed, but equal"


EXTRA = {"openai": ("responses",)}
CHARGED = "2026-11-28: the vendor says what it charges, and is believed"
SEARCHED = "2026-11-28: searches of the web or of files were made for the answer, which they do not read"
UNREAD = "2026-11-28: cached tokens are told under a name that they do not read"
SOUND = "2026-11-28: sound in the prompt has a price of its own, which they do not read"
RECORDED = {
    "gemini/gemini-3.5-flash": SEARCHED,
    "mistral/mistral-medium-latest": UNREAD,
    "mistral/mistral-tiny": CACHED,
    "mistral/voxtral-small-latest": SOUND,
    "moonshot/kimi-k2.6": UNREAD,
    "openai/gpt-4o-2024-08-06": SEARCHED,
    "openai/gpt-4o-audio-preview-2025-06-03": SOUND,
    "openai/gpt-5.2-2025-12-11": SEARCHED,
    "openai/gpt-5.6-sol": SEARCHED,
    "openrouter/deepseek/deepseek-chat": CHARGED,
    "openrouter/openai/gpt-5.2": CHARGED,
    "openrouter/openai/gpt-oss-120b": CHARGED,
    "openrouter/perplexity/sonar": CHARGED,
    "perplexity/sonar": CHARGED,
    "perplexity/sonar-reasoning-pro": CHARGED,
}


@pytest.mark.skipif("TIDEGATE_CASSETTES" not in os.environ, reason="TIDEGATE_CASSETTES is not set")
def test_recorded_answers_cost_what_an_independent_reckoning_says(upstream: Upstream) -> None:
    from recordings import recordings

    names = {ours: ours for ours in VENDORS} | {"moonshotai": "moonshot"}
    calls: dict[str, list[Call]] = {}
    for recording in recordings():
        vendor = names.get(recording.vendor)
        if vendor is None or recording.stream:
            continue
        payload = json.loads(recording.body)
        model = payload.get("model") or payload.get("modelVersion")
        spoken, flavor = VENDORS[vendor][1:]
        if spoken in ("grok", "sonar"):
            spoken = "openai"
        # Bedrock's answers do not name their model.
        if model is None or vendor == "bedrock" or recording.dialect not in (spoken, *EXTRA.get(vendor, ())):
            continue
        if recording.dialect != spoken:
            flavor = recording.dialect
        calls.setdefault(vendor, []).append(Call(vendor, model, recording.dialect, flavor, payload))
    wrong: dict[str, str] = {}
    equal = 0
    for vendor, own in calls.items():
        for call, ours, theirs in compare(upstream, vendor, own):
            if abs(ours - theirs) <= NANO:
                equal += 1
            else:
                usage = call.payload.get("usage") or call.payload.get("usageMetadata")
                wrong[f"{vendor}/{call.model}"] = f"{ours} and {theirs} for {json.dumps(usage)}"
    print(f"{equal} sums of {len(calls)} vendors are equal, {len(wrong)} models differ")
    assert len(calls) >= 8 and equal > 100
    surprising = {name: text for name, text in wrong.items() if name not in RECORDED}
    assert not surprising, "\n".join(f"{name}: {text}" for name, text in surprising.items())
