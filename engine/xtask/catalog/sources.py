"""Reads the two public tables of prices into one neutral shape.

`genai-prices` (MIT, a Python package of data) and LiteLLM's `model_prices_and_context_window` (MIT, JSON
inside its package). Facts are taken over, nothing else. A sheet is a list of `(when, rates)`; `when` is a
tuple `(service, since, hours, above)`, rates are dollars per million units by dimension.
"""

import datetime
import json
import re
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

Rates = dict[str, Decimal]
When = tuple[str, str, str, int]
Sheet = dict[When, Rates]

MILLION = Decimal(1_000_000)

# genai-prices' units: our dimension, and how many of theirs a million of ours are.
GENAI: dict[str, tuple[str, Decimal]] = {
    "input_mtok": ("input", Decimal(1)),
    "output_mtok": ("output", Decimal(1)),
    "cache_read_mtok": ("cache_read", Decimal(1)),
    "cache_write_mtok": ("cache_write", Decimal(1)),
    "cache_write_1h_mtok": ("cache_write_1h", Decimal(1)),
    "input_audio_mtok": ("audio_input", Decimal(1)),
    "output_audio_mtok": ("audio_output", Decimal(1)),
    "cache_audio_read_mtok": ("audio_cache_read", Decimal(1)),
    "input_image_mtok": ("image_input", Decimal(1)),
    "output_image_mtok": ("image_output", Decimal(1)),
    "cache_image_read_mtok": ("image_cache_read", Decimal(1)),
    "input_video_mtok": ("video_input", Decimal(1)),
    "output_video_mtok": ("video_output", Decimal(1)),
    "output_reasoning_mtok": ("reasoning", Decimal(1)),
    "output_citation_mtok": ("citation", Decimal(1)),
    "input_mchars": ("character", Decimal(1)),
    "audio_hours": ("second", MILLION / 3600),
    "input_audio_hours": ("second", MILLION / 3600),
    "input_document_kpages": ("page", Decimal(1000)),
    "input_annotated_document_kpages": ("annotated_page", Decimal(1000)),
    "web_searches_kcount": ("search", Decimal(1000)),
    "storage_searches_kcount": ("file_search", Decimal(1000)),
    "rerank_searches_kcount": ("search_unit", Decimal(1000)),
    "requests_kcount": ("request", Decimal(1000)),
    "input_text_messages_kcount": ("message", Decimal(1000)),
}

# LiteLLM's members: our dimension, and their price's factor to a million units.
LITELLM: dict[str, tuple[str, Decimal]] = {
    "input_cost_per_token": ("input", MILLION),
    "output_cost_per_token": ("output", MILLION),
    "cache_read_input_token_cost": ("cache_read", MILLION),
    "cache_creation_input_token_cost": ("cache_write", MILLION),
    "cache_creation_input_token_cost_above_1hr": ("cache_write_1h", MILLION),
    "input_cost_per_audio_token": ("audio_input", MILLION),
    "output_cost_per_audio_token": ("audio_output", MILLION),
    "cache_read_input_audio_token_cost": ("audio_cache_read", MILLION),
    "input_cost_per_image_token": ("image_input", MILLION),
    "output_cost_per_image_token": ("image_output", MILLION),
    "cache_read_input_image_token_cost": ("image_cache_read", MILLION),
    "input_cost_per_video_token": ("video_input", MILLION),
    "output_cost_per_video_token": ("video_output", MILLION),
    "output_cost_per_reasoning_token": ("reasoning", MILLION),
    "citation_cost_per_token": ("citation", MILLION),
    "input_cost_per_character": ("character", MILLION),
    "input_cost_per_second": ("second", MILLION),
    "output_cost_per_second": ("second", MILLION),
    "output_cost_per_image": ("image", MILLION),
    "ocr_cost_per_page": ("page", MILLION),
    "annotation_cost_per_page": ("annotated_page", MILLION),
    "input_cost_per_request": ("request", MILLION),
}
SUFFIXES = {"_batches": "batch", "_flex": "flex", "_priority": "priority"}
SIZE = re.compile(r"(\d+)-?x-?(\d+)")
ABOVE = re.compile(r"_above_(\d+)k_tokens")

CAPABILITIES = {
    "supports_function_calling": "tools",
    "supports_parallel_function_calling": "parallel_tools",
    "supports_tool_choice": "tool_choice",
    "supports_response_schema": "schema",
    "supports_reasoning": "reasoning",
    "supports_prompt_caching": "cache",
    "supports_web_search": "search",
    "supports_computer_use": "computer",
    "supports_assistant_prefill": "prefill",
    "supports_system_messages": "system",
}
TAKES = {
    "supports_vision": "image",
    "supports_image_input": "image",
    "supports_embedding_image_input": "image",
    "supports_pdf_input": "pdf",
    "supports_audio_input": "audio",
    "supports_video_input": "video",
}
KINDS = {
    "chat": "chat",
    "responses": "chat",
    "completion": "completion",
    "embedding": "embedding",
    "image_generation": "image",
    "image_edit": "image",
    "video_generation": "video",
    "audio_transcription": "transcription",
    "audio_speech": "speech",
    "rerank": "rerank",
    "realtime": "realtime",
    "ocr": "ocr",
    "moderation": "moderation",
    "search": "search",
}
GIVES = {
    "embedding": "vector",
    "image": "image",
    "video": "video",
    "speech": "audio",
    "rerank": "score",
    "moderation": "score",
    "search": "text",
}


class Fact:
    """What one source says about a model."""

    def __init__(self) -> None:
        self.sheet: Sheet = {}
        self.kind = ""
        self.context = 0
        self.max_output = 0
        self.takes: set[str] = set()
        self.gives: set[str] = set()
        self.can: set[str] = set()
        self.regional = 0
        self.search_once = False
        # Dollars per picture, by `QUALITY/SIZE`.
        self.pictures: dict[str, Decimal] = {}


class Genai:
    """genai-prices, at one moment."""

    def __init__(self, folder: Path, today: datetime.date) -> None:
        sys.path.insert(0, str(folder))
        from genai_prices.data import providers  # noqa: PLC0415

        self.today = today
        self.providers: dict[str, Any] = {provider.id: provider for provider in providers}

    def names(self, provider: str) -> set[str]:
        """Every name of a model that the provider's rules spell out."""
        found: set[str] = set()
        for model in self.providers[provider].models:
            found.add(model.id)
            clauses = [model.match]
            while clauses:
                clause = clauses.pop()
                clauses.extend(getattr(clause, "or_", []))
                for key in ("equals", "starts_with"):
                    if hasattr(clause, key):
                        found.add(getattr(clause, key))
        return {name for name in found if self.model(provider, name)}

    def model(self, provider: str, name: str) -> Any:
        return self.providers[provider].find_model(name, all_providers=list(self.providers.values()))

    def fact(self, model: Any) -> Fact:
        fact = Fact()
        fact.context = model.context_window or 0
        base: dict[str, Any] = {}
        conditional = model.prices if isinstance(model.prices, list) else None
        for entry in conditional or [None]:
            prices = entry.prices if entry else model.prices
            if isinstance(prices, list):
                continue
            values = {key: value for key, value in prices.__dict__.items() if value is not None}
            constraint = entry.constraint if entry else None
            if constraint is None:
                base = values
                add(fact.sheet, ("", "", ""), values)
            elif hasattr(constraint, "start_date"):
                if constraint.start_date <= self.today:
                    # It replaced what was before it altogether.
                    fact.sheet.clear()
                    base = values
                    add(fact.sheet, ("", "", ""), values)
                else:
                    add(fact.sheet, ("", constraint.start_date.isoformat(), ""), values)
            else:
                hours = f"{constraint.start_time:%H:%M}-{constraint.end_time:%H:%M}"
                add(fact.sheet, ("", "", hours), values)
        taken: set[tuple[str, str]] = set()
        for variant in model.price_variants or ():
            service = variant.when.get("service_tier") or variant.when.get("processing") or variant.when.get("speed")
            if len(variant.when) != 1 or service not in ("batch", "flex", "priority", "fast"):
                continue
            since = ""
            if variant.constraint is not None:
                if not hasattr(variant.constraint, "start_date"):
                    continue
                if variant.constraint.start_date > self.today:
                    since = variant.constraint.start_date.isoformat()
            if (service, since) in taken:
                continue
            taken.add((service, since))
            values = {key: value for key, value in variant.prices.__dict__.items() if value is not None}
            add(fact.sheet, (service, since, ""), base | values)
        return fact


def add(sheet: Sheet, when: tuple[str, str, str], values: dict[str, Any]) -> None:
    """Adds prices of genai-prices, of which each may have tiers of its own."""
    bars = {0}
    for value in values.values():
        bars |= {tier.start for tier in getattr(value, "tiers", [])}
    for bar in sorted(bars):
        rates: Rates = {}
        for key, value in values.items():
            if key not in GENAI:
                continue
            price = value
            if hasattr(value, "tiers"):
                price = value.base
                for tier in value.tiers:
                    price = tier.price if bar >= tier.start else price
            dimension, factor = GENAI[key]
            rates[dimension] = price * factor
        sheet[(*when, bar)] = rates


class Litellm:
    """LiteLLM's table."""

    def __init__(self, file: Path) -> None:
        table = json.loads(file.read_text(), parse_float=Decimal, parse_int=Decimal)
        self.table: dict[str, dict[str, Any]] = {
            name: entry for name, entry in table.items() if name not in ("sample_spec", "fallback_rules")
        }

    def fact(self, entry: dict[str, Any]) -> Fact:
        fact = Fact()
        fact.kind = KINDS.get(str(entry.get("mode")), "")
        fact.context = whole(entry.get("max_input_tokens"))
        fact.max_output = whole(entry.get("max_output_tokens"))
        fact.can = {word for flag, word in CAPABILITIES.items() if entry.get(flag) is True}
        fact.takes = {"text"} | {word for flag, word in TAKES.items() if entry.get(flag) is True}
        fact.takes |= {str(word) for word in entry.get("supported_modalities") or []} & {"image", "audio", "video"}
        if fact.kind in ("transcription",):
            fact.takes.add("audio")
        fact.gives = {GIVES.get(fact.kind, "text")}
        fact.gives |= {str(word) for word in entry.get("supported_output_modalities") or []} & {"image", "audio"}
        if entry.get("supports_audio_output") is True:
            fact.gives.add("audio")
        multipliers = entry.get("provider_specific_entry") or {}
        fact.regional = whole((Decimal(multipliers.get("us", 1)) - 1) * 1000)
        fact.sheet = self.sheet(entry, fact.kind)
        if "fast" in multipliers and fact.sheet:
            base = fact.sheet[("", "", "", 0)]
            fact.sheet[("fast", "", "", 0)] = scaled(base, Decimal(multipliers["fast"]))
        fact.search_once = entry.get("web_search_billing_unit") == "per_prompt"
        return fact

    def picture(self, entry: dict[str, Any], kind: str) -> Decimal | None:
        """What one picture costs of the kind that stands in front of an entry's name."""
        each = entry.get("output_cost_per_image") or entry.get("input_cost_per_image")
        size = SIZE.fullmatch(kind.rsplit("/", 1)[-1])
        if each is None and size and entry.get("input_cost_per_pixel"):
            pixels = Decimal(size.group(1)) * Decimal(size.group(2))
            each = (Decimal(entry["input_cost_per_pixel"]) * pixels).quantize(Decimal("0.0001"))
        return Decimal(each) if each else None

    def sheet(self, entry: dict[str, Any], kind: str) -> Sheet:
        rates: dict[tuple[str, int], Rates] = {}
        for key, value in entry.items():
            if not isinstance(value, Decimal):
                continue
            name, service, above = key, "", 0
            for suffix, word in SUFFIXES.items():
                if name.endswith(suffix):
                    name, service = name.removesuffix(suffix), word
            if bar := ABOVE.search(name):
                name = name.replace(bar.group(0), "")
                above = int(bar.group(1)) * 1000
            if name == "input_cost_per_query":
                dimension = "search_unit" if kind == "rerank" else "request"
                rates.setdefault((service, above), {})[dimension] = value * MILLION
            elif name == "input_cost_per_image" and kind == "image" and value > 0:
                rates.setdefault((service, above), {}).setdefault("image", value * MILLION)
            elif name == "file_search_cost_per_1k_calls":
                rates.setdefault((service, above), {})["file_search"] = value * 1000
            elif name in LITELLM:
                dimension, factor = LITELLM[name]
                if dimension == "second" and kind not in ("transcription", "speech", "video", "realtime", "chat"):
                    continue
                if dimension in ("image", "second") and value == 0:
                    continue
                rates.setdefault((service, above), {})[dimension] = value * factor
        for tier in entry.get("tiered_pricing") or []:
            span = tier.get("range")
            if not span:
                continue
            for key, value in tier.items():
                if key in LITELLM and isinstance(value, Decimal):
                    dimension, factor = LITELLM[key]
                    rates.setdefault(("", int(span[0])), {})[dimension] = value * factor
        search = (entry.get("search_context_cost_per_query") or {}).get("search_context_size_medium")
        if search:
            rates.setdefault(("", 0), {})["search"] = Decimal(search) * MILLION
        base = rates.get(("", 0))
        if not base:
            return {}
        sheet: Sheet = {("", "", "", 0): base}
        for (service, above), own in sorted(rates.items()):
            if (service, above) == ("", 0):
                continue
            # A service's long prompts start from its short ones.
            start = base | rates.get((service, 0), {}) if above else base
            sheet[(service, "", "", above)] = start | own
        return sheet


def scaled(rates: Rates, factor: Decimal) -> Rates:
    """Prices of tokens times a factor; what is charged by the piece stays."""
    return {key: value * factor if is_token(key) else value for key, value in rates.items()}


def is_token(dimension: str) -> bool:
    return dimension not in (
        "cache_storage",
        "character",
        "second",
        "image",
        "page",
        "annotated_page",
        "search",
        "file_search",
        "search_unit",
        "message",
        "request",
    )


def whole(value: Any) -> int:
    try:
        return int(Decimal(value or 0))
    except (ArithmeticError, ValueError):
        return 0
