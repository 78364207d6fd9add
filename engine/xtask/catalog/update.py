"""Writes `engine/providers/catalog/` from the sources; `cargo xtask catalog` starts it.

    python update.py SOURCES CATALOG

SOURCES is a folder into which the packages `genai-prices` and `litellm` were installed.
"""

import datetime
import re
import sys
from decimal import Decimal
from importlib.metadata import distributions
from pathlib import Path

from sources import Fact, Genai, Litellm, Rates, Sheet, scaled

# Vendor: genai-prices' provider, LiteLLM's providers, and what stands before a name in LiteLLM.
VENDORS: dict[str, tuple[str, list[str]]] = {
    "ai21": ("", ["ai21"]),
    "aimlapi": ("", ["aiml"]),
    "amazon-nova": ("", ["amazon_nova"]),
    "anthropic": ("anthropic", ["anthropic"]),
    "arcee": ("arcee", []),
    "avian": ("avian", []),
    "azure": ("azure", ["azure", "azure_text", "azure_ai"]),
    "baseten": ("baseten", ["baseten"]),
    "bedrock": ("aws", ["bedrock", "bedrock_converse"]),
    "bigmodel": ("zhipuai", ["bigmodel"]),
    "cerebras": ("cerebras", ["cerebras"]),
    "cloudflare": ("cloudflare", ["cloudflare"]),
    "codestral": ("", ["codestral", "text-completion-codestral"]),
    "cohere": ("cohere", ["cohere", "cohere_chat"]),
    "dashscope": ("", ["dashscope", "qwencloud"]),
    "dashscope-cn": ("", ["qwen_ai_platform"]),
    "databricks": ("databricks", ["databricks"]),
    "deepseek": ("deepseek", ["deepseek"]),
    "doubleword": ("doubleword", []),
    "elevenlabs": ("elevenlabs", ["elevenlabs"]),
    "fal": ("", ["fal_ai"]),
    "featherless": ("", ["featherless_ai"]),
    "fireworks": ("fireworks", ["fireworks_ai", "fireworks_ai-embedding-models"]),
    "friendli": ("", ["friendliai"]),
    "gemini": ("google", ["gemini"]),
    "github-copilot": ("github-copilot", ["github_copilot"]),
    "groq": ("groq", ["groq"]),
    "inception": ("", ["inception", "text-completion-inception"]),
    "jina": ("", ["jina_ai"]),
    "lambda": ("", ["lambda_ai"]),
    "meta": ("meta", ["meta"]),
    "minimax": ("minimax", ["minimax"]),
    "mistral": ("mistral", ["mistral"]),
    "modal": ("modal", []),
    "moonshot": ("moonshotai", ["moonshot"]),
    "novita": ("novita", ["novita"]),
    "nvidia": ("", ["nvidia_nim"]),
    "openai": ("openai", ["openai", "text-completion-openai"]),
    "openrouter": ("openrouter", ["openrouter"]),
    "ovhcloud": ("ovhcloud", ["ovhcloud"]),
    "perplexity": ("perplexity", ["perplexity"]),
    "quicksilverpro": ("quicksilverpro", []),
    "together": ("together", ["together_ai"]),
    "typesafe": ("typesafe", ["typesafe"]),
    "vercel": ("", ["vercel_ai_gateway"]),
    "vertex": (
        "google",
        [
            "vertex_ai",
            "vertex_ai-language-models",
            "vertex_ai-anthropic_models",
            "vertex_ai-mistral_models",
            "vertex_ai-llama_models",
            "vertex_ai-embedding-models",
            "vertex_ai-video-models",
            "vertex_ai-ai21_models",
            "vertex_ai-deepseek_models",
            "vertex_ai-qwen_models",
            "vertex_ai-zai_models",
            "vertex_ai-openai_models",
            "vertex_ai-minimax_models",
            "vertex_ai-moonshot_models",
            "vertex_ai-text-models",
        ],
    ),
    "voyage": ("voyageai", ["voyage"]),
    "xai": ("x-ai", ["xai"]),
    "xiaomi": ("", ["xiaomi_mimo"]),
    "zai": ("zai", ["zai"]),
}
# Not vendors of models that are called by name, or priced by a subscription.
LEFT_OUT = {
    "agentcore",
    "bing_grounding",
    "chatgpt",
    "lemonade",
    "microsoft_365_copilot",
    "ollama",
    "sagemaker",
    "strands_decider",
    "bedrock_mantle",
}
# Whose model a hosted name such as `openai/gpt-5` is.
MAKERS = {
    "ai21": "ai21",
    "anthropic": "anthropic",
    "cohere": "cohere",
    "deepseek": "deepseek",
    "deepseek-ai": "deepseek",
    "google": "gemini",
    "minimax": "minimax",
    "minimaxai": "minimax",
    "mistral": "mistral",
    "mistralai": "mistral",
    "moonshot": "moonshot",
    "moonshotai": "moonshot",
    "openai": "openai",
    "perplexity": "perplexity",
    "x-ai": "xai",
    "xai": "xai",
    "z-ai": "zai",
    "zai": "zai",
    "zai-org": "zai",
}
# What the engine takes off a name before it looks it up.
SPACES = ("regional.", "accounts/fireworks/models/", "models/")
REGIONS = ("us-gov.", "global.", "apac.", "us.", "eu.", "jp.", "au.", "in.", "ca.")
PICTURE = re.compile(r"(?=(?:low|medium|high|xhigh|max|hd|standard|\d+-x-\d+)/)(?:(low|medium|high|xhigh|max|hd|standard)/)?(?:(\d+-x-\d+)/)?")
ORDER = (
    "input output cache_read cache_write cache_write_1h cache_storage reasoning citation audio_input audio_cache_read audio_output "
    "image_input image_cache_read image_output video_input video_output character hour second image page annotated_page "
    "search file_search search_unit message request"
).split()
PIECES = {"second", "image", "page", "annotated_page", "search", "file_search", "search_unit", "message", "request"}


FILES_RS = """//! The files of models, sorted by vendor. Written by `cargo xtask catalog`.

macro_rules! files {
    ($($vendor:literal,)*) => {
        /// Vendor, and a line per model.
        pub(super) static FILES: &[(&str, &str)] = &[$(
            ($vendor, include_str!(concat!("../../catalog/models/", $vendor, ".txt"))),
        )*];
    };
}

files! {
LISTED
}
"""


class Row:
    """What is known of a model, and from where."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.fact = Fact()
        self.source: object = None

    def content(self) -> tuple[object, ...]:
        fact = self.fact
        return (self.limits(), self.prices(), fact.regional, fact.search_once, tuple(fact.pictures.items()))

    def limits(self) -> str:
        fact = self.fact
        words = []
        if fact.kind and fact.kind != "chat":
            words.append(f"kind={fact.kind}")
        if fact.context:
            words.append(f"context={fact.context}")
        if fact.max_output:
            words.append(f"max={fact.max_output}")
        for key, values, usual in (("takes", fact.takes, {"text"}), ("gives", fact.gives, {"text"}), ("can", fact.can, set())):
            if values and values != usual:
                words.append(f"{key}={','.join(sorted(values))}")
        return " ".join(words)

    def prices(self) -> str:
        fact = self.fact
        words: list[str] = []
        plain = ("", "", "", 0)
        base = fact.sheet.get(plain, {})
        words.extend(spelled(base))
        if fact.pictures:
            words.append("pictures=" + ",".join(f"{kind}:{number(each)}" for kind, each in sorted(fact.pictures.items())))
        if fact.regional:
            words.append(f"regional={fact.regional}")
        if fact.search_once:
            words.append("search_once")
        halved = is_half(fact.sheet)
        for when in sorted(fact.sheet, key=lambda when: (when[0], when[1], when[2], when[3])):
            service, since, hours, above = when
            if when == plain or (halved and service == "batch"):
                continue
            rates = fact.sheet[when]
            own = {key: value for key, value in rates.items() if key not in base or number(base[key]) != number(value)}
            conditions = [f"@{service}"] if service else []
            if since:
                conditions.append(f"since={since}")
            if hours:
                conditions.append(f"hours={hours}")
            if above:
                conditions.append(f">{above}")
            if own or above or since:
                words.extend(conditions + (spelled(own) or spelled({"input": rates.get("input", Decimal(0))})))
        if halved:
            words.append("@batch*0.5")
        return " ".join(words)


def is_half(sheet: Sheet) -> bool:
    """Whether every batch price of tokens is half the usual one."""
    usual = {when: rates for when, rates in sheet.items() if when[0] == ""}
    batch = {when: rates for when, rates in sheet.items() if when[0] == "batch"}
    if not batch or len(usual) != len(batch):
        return False
    half = Decimal("0.5")
    return all(
        ("batch", *when[1:]) in batch and texts(batch[("batch", *when[1:])]) == texts(scaled(rates, half))
        for when, rates in usual.items()
    )


def texts(rates: Rates) -> dict[str, str]:
    return {key: number(value) for key, value in rates.items()}


def number(value: Decimal) -> str:
    text = f"{value.quantize(Decimal('0.000000001')):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def spelled(rates: Rates) -> list[str]:
    words = {}
    for key, value in rates.items():
        unit = value / 1_000_000 if key in PIECES else value
        if key == "second" and len(number(unit * 3600)) < len(number(unit)):
            words["hour"] = number(unit * 3600)
        else:
            words[key] = number(unit)
    return [f"{key}={words[key]}" for key in ORDER if key in words]


def shorter(vendor: str, name: str) -> list[str]:
    """The names under which a name is looked up when it has no row, as the engine does it."""
    names = []
    bare = next((name.removeprefix(region) for region in REGIONS if vendor == "bedrock" and name.startswith(region)), None)
    if bare:
        names.append(bare)
    for start in (bare, name):
        rest = start or ""
        while match := re.fullmatch(r"(.+)[-@]([^-@]+)", rest):
            rest, part = match.group(1), match.group(2)
            if part not in ("latest", "preview") and not re.fullmatch(r"\d{2,8}", part):
                break
            names.append(rest)
    return names


def bare(name: str) -> str:
    for space in SPACES:
        name = name.removeprefix(space)
    return name


def litellm_name(provider: str, key: str) -> str | None:
    """The vendor's own name of a model in LiteLLM's table."""
    name = key
    first = provider.split("-")[0] if provider.startswith(("vertex_ai", "fireworks_ai", "text-completion")) else provider
    prefixes = [f"{provider}/", f"{first}/", "vertex_ai/", "azure/", "azure_ai/", "cohere/"]
    for prefix in prefixes:
        if name.startswith(prefix):
            name = name.removeprefix(prefix)
            break
    if provider.startswith("bedrock") and "/" in name.removeprefix("bedrock/"):
        return None
    name = name.removeprefix("bedrock/").removeprefix("accounts/fireworks/models/").removeprefix("models/")
    if provider.startswith("azure") and name.startswith(("eu/", "us/", "global/", "global-standard/", "hd/", "standard/")):
        return None
    if PICTURE.match(name) or re.match(r"(auto|max-x-max|\d+px)/", name):
        return None
    plain = re.fullmatch(r"[!-~]+", name) and not re.search(r"[=>*]", name) and name[0] not in "#"
    return name if plain else None


def picture_of(provider: str, key: str) -> tuple[str, str] | None:
    """Quality and size of the pictures that an entry is about, and the model's name; `1024-x-1024/50-steps/m` is none."""
    rest = key
    for prefix in (f"{provider}/", "azure/", "azure_ai/", "bedrock/"):
        rest = rest.removeprefix(prefix)
    found = PICTURE.match(rest)
    if found is None:
        return None
    name = rest[found.end() :]
    quality, size = found.group(1) or "", found.group(2) or ""
    plain = re.fullmatch(r"[!-~]+", name) and not re.search(r"[=>*:,]", name) and "-steps/" not in name
    return ("/".join(part for part in (quality, size.replace("-x-", "x")) if part), name) if plain else None


def merged(genai: Fact | None, litellm: Fact | None, vendor: str) -> Fact:
    if genai is None or litellm is None:
        return genai or litellm or Fact()
    fact = litellm
    fact.context = fact.context or genai.context
    base = ("", "", "", 0)
    if base not in genai.sheet:
        return fact
    theirs = fact.sheet
    sheet = genai.sheet
    if base in theirs and vendor not in ("perplexity", "vertex"):
        agreed = all(
            number(theirs[base].get(key, Decimal(0))) == number(sheet[base].get(key, Decimal(0)))
            for key in ("input", "output")
        )
        known = {when[0] for when in sheet}
        if agreed:
            extra = {key for key in theirs[base] if key not in sheet[base]}
            for when, rates in sheet.items():
                source = theirs.get((when[0], "", "", when[3]), theirs[base])
                rates.update({key: source[key] for key in extra if key in source})
            sheet.update({when: rates for when, rates in theirs.items() if when[0] not in known})
    fact.sheet = sheet
    return fact


def disagreements(vendor: str, name: str, genai: Fact, litellm: Fact) -> list[str]:
    base = ("", "", "", 0)
    ours, theirs = genai.sheet.get(base, {}), litellm.sheet.get(base, {})
    return [
        f"{vendor} {name} {key} {number(ours[key])} {number(theirs[key])}"
        for key in ("input", "output", "cache_read", "cache_write", "cache_write_1h")
        if key in ours and key in theirs and number(ours[key]) != number(theirs[key])
    ]


def rows_of(vendor: str, genai: Genai, litellm: Litellm, notes: list[str]) -> dict[str, Row]:
    provider, providers = VENDORS[vendor]
    entries: dict[str, dict[str, object]] = {}
    pictures: dict[str, dict[str, Decimal]] = {}
    aliases: dict[str, str] = {}
    for key, entry in litellm.table.items():
        owner = str(entry.get("litellm_provider"))
        if alias := entry.get("alias_of"):
            owner = str(litellm.table.get(str(alias), {}).get("litellm_provider"))
        if owner not in providers:
            continue
        if kind := picture_of(owner, key):
            if each := litellm.picture(entry, kind[0]):
                pictures.setdefault(kind[1], {})[kind[0]] = each
            continue
        name = litellm_name(owner, key)
        if name and alias:
            target = litellm_name(owner, str(alias))
            if target:
                aliases[name] = target
        elif name:
            entries.setdefault(name, entry)
    for name, target in aliases.items():
        if target in entries:
            entries.setdefault(name, entries[target])
    names = set(entries) | set(pictures)
    if provider:
        names |= {bare(name) for name in genai.names(provider)}
    rows = {}
    for name in sorted(names):
        if not re.fullmatch(r"[!-~]+", name) or re.search(r"[=>*#]", name) or name.endswith(("-", ".", "/")):
            continue
        model = genai.model(provider, name) if provider else None
        if provider and model is None and name in aliases:
            model = genai.model(provider, aliases[name])
        for space in SPACES:
            if provider and model is None:
                model = genai.model(provider, space + name)
        entry = entries.get(name)
        if entry is None:
            entry = next((entries[other] for other in shorter(vendor, name) if other in entries), None)
        first = genai.fact(model) if model else None
        second = litellm.fact(entry) if entry else None
        if first and second and name in entries:
            notes.extend(disagreements(vendor, name, first, second))
        row = Row(name)
        row.fact = merged(first, second, vendor)
        row.fact.pictures = pictures.get(name, {})
        if row.fact.pictures:
            row.fact.kind = row.fact.kind or "image"
            row.fact.gives |= {"image"}
        row.source = model.id if model else aliases.get(name, name)
        if row.fact.sheet or row.fact.context or row.fact.pictures:
            rows[name] = row
    return rows


def maker_of(vendor: str, name: str, all_rows: dict[str, dict[str, Row]]) -> tuple[str, Row] | None:
    """The model of its maker that a hosted name stands for."""
    if vendor == "bedrock":
        for region in REGIONS:
            name = name.removeprefix(region)
        name = re.sub(r"-v\d+(:\d+)?$", "", name).replace("anthropic.", "anthropic/", 1)
    if "/" not in name:
        if vendor in ("azure", "vertex", "github-copilot", "databricks"):
            for maker in ("openai", "anthropic", "gemini", "mistral", "xai", "deepseek"):
                for candidate in (name, *shorter("", name)):
                    if candidate in all_rows[maker]:
                        return maker, all_rows[maker][candidate]
        return None
    owner, rest = name.lower().split("/", 1)
    maker = MAKERS.get(owner)
    if maker is None or maker == vendor:
        return None
    for candidate in (rest, rest.replace(".", "-"), *shorter("", rest)):
        if candidate in all_rows[maker]:
            return maker, all_rows[maker][candidate]
    return None


def lines_of(vendor: str, all_rows: dict[str, dict[str, Row]]) -> list[str]:
    rows = all_rows[vendor]
    lines = {}
    kept: dict[object, str] = {}
    for name in sorted(rows, key=lambda name: (len(name), name)):
        row = rows[name]
        found = next((other for other in shorter(vendor, name) if other in lines), None)
        if found and rows[found].content() == row.content():
            continue
        same = kept.get((row.source, row.content()))
        if same:
            lines[name] = f"{name} = {same}"
            continue
        kept[(row.source, row.content())] = name
        words = [name]
        limits, prices = row.limits(), row.prices()
        if made := maker_of(vendor, name, all_rows):
            maker, model = made
            if limits == model.limits() or not row.fact.can:
                words.append(f"like={maker}/{model.name}")
                limits = ""
                if prices == model.prices():
                    prices = ""
        words.extend(part for part in (limits, prices) if part)
        lines[name] = " ".join(words)
    return [lines[name] for name in sorted(lines)]


def corrected(lines: list[str], own: list[str]) -> list[str]:
    """Corrections by hand: members of a row replaced or added, or a row of its own."""
    rows = {line.split(" ", 1)[0]: line for line in lines}
    for correction in own:
        name, *members = correction.split()
        words = rows.get(name, name).split()
        conditions = ("@", ">", "since=", "hours=")
        at = next((index for index, word in enumerate(words) if index and word.startswith(conditions)), len(words))
        for member in members:
            key = member.split("=", 1)[0]
            place = next((index for index in range(1, at) if words[index].split("=", 1)[0] == key), None)
            if place is None:
                words.insert(at, member)
                at += 1
            else:
                words[place] = member
        rows[name] = " ".join(words)
    return [rows[name] for name in sorted(rows)]


def corrections(file: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in file.read_text().splitlines():
        if line and not line.startswith("#"):
            vendor, rest = line.split(" ", 1)
            found.setdefault(vendor, []).append(rest)
    return found


def report(folder: Path, vendor: str, lines: list[str]) -> str:
    file = folder / f"{vendor}.txt"
    before = set(file.read_text().splitlines()) if file.exists() else set()
    before = {line for line in before if not line.startswith("#")}
    names = [{line.split(" ", 1)[0] for line in side} for side in (before, lines)]
    changed = {line.split(" ", 1)[0] for line in set(lines) - before} & names[0]
    gone, new = len(names[0] - names[1]), len(names[1] - names[0])
    return f"{vendor}: {new} new, {len(changed)} changed, {gone} gone" if gone or new or changed else ""


def main() -> None:
    sources, catalog = Path(sys.argv[1]), Path(sys.argv[2])
    versions = {found.name: found.version for found in distributions(path=[str(sources)])}
    today = datetime.datetime.now(datetime.UTC).date()
    genai = Genai(sources, today)
    litellm = Litellm(sources / "litellm" / "model_prices_and_context_window_backup.json")
    known = {provider for _, providers in VENDORS.values() for provider in providers} | LEFT_OUT
    for entry in litellm.table.values():
        provider = str(entry.get("litellm_provider"))
        if provider not in known and provider != "None":
            VENDORS.setdefault(provider.replace("_", "-"), ("", [provider]))
            known.add(provider)
    for provider in genai.providers:
        if provider.startswith("huggingface_"):
            VENDORS[provider.replace("_", "-")] = (provider, [])
    notes: list[str] = []
    all_rows = {vendor: rows_of(vendor, genai, litellm, notes) for vendor in sorted(VENDORS)}
    own = corrections(catalog / "corrections.txt")
    folder = catalog / "models"
    total = 0
    written = set()
    for vendor in sorted(VENDORS):
        lines = corrected(lines_of(vendor, all_rows), own.get(vendor, []))
        if not lines:
            continue
        total += len(lines)
        written.add(f"{vendor}.txt")
        if change := report(folder, vendor, lines):
            print(change)
        head = f"# {vendor}. Written by `cargo xtask catalog`: see ../README.md. Corrections go into ../corrections.txt.\n"
        (folder / f"{vendor}.txt").write_text(head + "\n".join(lines) + "\n")
    for file in folder.glob("*.txt"):
        if file.name not in written:
            print(f"{file.stem}: no longer known to any source")
            file.unlink()
    listed = "\n".join(f'    "{Path(name).stem}",' for name in sorted(written, key=lambda name: Path(name).stem))
    (catalog.parent / "src" / "catalogue" / "files.rs").write_text(FILES_RS.replace("LISTED", listed))
    (catalog / "sources.txt").write_text(
        f"genai-prices {versions['genai-prices']} (MIT)\nLiteLLM {versions['litellm']} (MIT)\nread on {today}\n"
    )
    head = "# Where the sources differ: vendor, model, price, genai-prices, LiteLLM. The first is taken.\n"
    (catalog / "disagreements.txt").write_text(head + "\n".join(sorted(set(notes))) + "\n")
    print(f"{total} rows of {len(written)} vendors; {len(set(notes))} disagreements")


if __name__ == "__main__":
    main()
