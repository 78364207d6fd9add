"""LlamaIndex, PydanticAI and instructor, unmodified: in process where they take a client, and by base URL."""

from __future__ import annotations

from typing import Any

import pytest
from house import House
from shapes import ARGUMENTS, REPORT, VECTORS, Report, calls, refusal, tide
from tools import TOOL_CALLS, UNICODE

WAYS = ("process", "http")
REPORTED = Report(city="Zürich 🌊", days=[1, 2])


# LlamaIndex


def index(house: House, way: str, name: str) -> Any:
    url = house.server.url
    if name == "openai":
        from llama_index.llms.openai import OpenAI

        gw = house.gw
        http = {"http_client": gw.http_client(lib="httpx"), "async_http_client": gw.async_http_client(lib="httpx")}
        where: dict[str, Any] = http if way == "process" else {"api_base": f"{url}/v1"}
        return OpenAI(model="gpt-5-mini", api_key="any", max_retries=0, **where)
    from llama_index.llms.anthropic import Anthropic

    return Anthropic(model="claude-haiku-4-5", api_key="any", base_url=url, max_retries=0)


indexes = pytest.mark.parametrize(("way", "name"), [("process", "openai"), ("http", "openai"), ("http", "anthropic")])


@indexes
def test_llama_index_chats_and_streams(house: House, wait: Any, way: str, name: str) -> None:
    from llama_index.core.llms import ChatMessage

    llm = index(house, way, name)
    house.answers({"say": UNICODE, "times": "forever"})
    talk = [ChatMessage(role="system", content="brief"), ChatMessage(role="user", content="hi")]
    assert llm.chat(talk).message.content == UNICODE
    assert "".join(chunk.delta or "" for chunk in llm.stream_chat(talk)) == UNICODE

    async def main() -> None:
        assert (await llm.achat(talk)).message.content == UNICODE
        stream = await llm.astream_chat(talk)
        assert "".join([chunk.delta or "" async for chunk in stream]) == UNICODE

    wait(main())


@pytest.mark.parametrize(("way", "name"), [("process", "openai"), ("http", "openai")])
def test_llama_index_calls_tools_and_gives_shapes(house: House, way: str, name: str) -> None:
    from llama_index.core.prompts import PromptTemplate
    from llama_index.core.tools import FunctionTool

    llm = index(house, way, name)
    asked: list[Any] = []

    def tell(city: str, days: list[int], deep: dict[str, Any]) -> str:
        """The tide."""
        asked.append((city, days, deep))
        return "high"

    house.answers(calls(name), {"say": REPORT})
    told = llm.predict_and_call([FunctionTool.from_defaults(tell, name="tide")], "the tide?")
    assert str(told) == "high"
    assert asked == [tuple(ARGUMENTS.values())]
    made = llm.structured_predict(tide, PromptTemplate("the tide?"))
    assert (made.city, made.days) == ("Zürich 🌊", [1, 2])


@indexes
def test_llama_index_raises_the_vendors_classes(house: House, way: str, name: str) -> None:
    house.answers(refusal(429))
    with pytest.raises(Exception, match="slow down") as caught:
        index(house, way, name).complete("hi")
    assert type(caught.value).__name__ == "RateLimitError"


@pytest.mark.parametrize("way", WAYS)
def test_llama_index_embeds(house: House, way: str) -> None:
    from llama_index.embeddings.openai import OpenAIEmbedding

    http = {"http_client": house.gw.http_client(lib="httpx")}
    where: dict[str, Any] = http if way == "process" else {"api_base": f"{house.server.url}/v1"}
    made = OpenAIEmbedding(model="text-embedding-3-small", api_key="any", max_retries=0, **where)
    house.answers({"body": VECTORS})
    assert made.get_text_embedding_batch(["a", "⚓"]) == [[0.5, -1.0], [0.5, -2.0]]


# PydanticAI


def pydantic_model(house: House, way: str, name: str) -> Any:
    url = house.server.url
    http: dict[str, Any] = {"http_client": house.gw.async_http_client(lib="httpx")}
    if name in ("openai", "responses"):
        from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
        from pydantic_ai.providers.openai import OpenAIProvider

        make: Any = OpenAIChatModel if name == "openai" else OpenAIResponsesModel
        where = http if way == "process" else {"base_url": f"{url}/v1"}
        return make("gpt-5-mini", provider=OpenAIProvider(api_key="any", **where))
    if name == "anthropic":
        from anthropic import AsyncAnthropic
        from pydantic_ai.models.anthropic import AnthropicModel
        from pydantic_ai.providers.anthropic import AnthropicProvider

        client = AsyncAnthropic(api_key="any", max_retries=0, base_url=url)
        return AnthropicModel("claude-haiku-4-5", provider=AnthropicProvider(anthropic_client=client))
    if name == "gemini":
        from pydantic_ai.models.google import GoogleModel
        from pydantic_ai.providers.google import GoogleProvider

        where = http if way == "process" else {"base_url": f"{url}/genai"}
        return GoogleModel("gemini-2.5-flash", provider=GoogleProvider(api_key="any", **where))
    if name == "cohere":
        from cohere import AsyncClientV2
        from pydantic_ai.models.cohere import CohereModel
        from pydantic_ai.providers.cohere import CohereProvider

        where = {"httpx_client": http["http_client"]} if way == "process" else {"base_url": f"{url}/cohere"}
        return CohereModel("command-a-03-2025", provider=CohereProvider(cohere_client=AsyncClientV2("any", **where)))
    from pydantic_ai.models.bedrock import BedrockConverseModel
    from pydantic_ai.providers.bedrock import BedrockProvider

    provider = BedrockProvider(bedrock_client=house.sdk("bedrock", way))
    return BedrockConverseModel("anthropic.claude-haiku-4-5-20251001-v1:0", provider=provider)


PYDANTIC = ("openai", "responses", "anthropic", "gemini", "cohere", "bedrock")
MODELS = [(way, name) for way in WAYS for name in PYDANTIC if (way, name) != ("process", "anthropic")]
models = pytest.mark.parametrize(("way", "name"), MODELS)
# The framework streams nothing of Cohere's.
streams = pytest.mark.parametrize(("way", "name"), [(way, name) for way, name in MODELS if name != "cohere"])


@models
def test_pydantic_ai_closes_the_loop_of_a_tool(house: House, wait: Any, way: str, name: str) -> None:
    from pydantic_ai import Agent

    house.answers(calls(name), {"say": "it is high", "usage": [10, 5]})
    asked: list[Any] = []

    async def main() -> None:
        agent = Agent(pydantic_model(house, way, name), instructions="brief")

        @agent.tool_plain(name="tide")
        def tell(city: str, days: list[int], deep: dict[str, Any]) -> str:
            """The tide."""
            asked.append((city, days, deep))
            return "high 🌊"

        run = await agent.run("the tide?")
        assert run.output == "it is high"
        assert asked == [tuple(ARGUMENTS.values())]
        used = run.usage() if callable(run.usage) else run.usage
        # Of Cohere's two counts the framework reads the one that nobody pays.
        total = (530, 15, 2) if name == "cohere" else (30, 12, 2)
        assert (used.input_tokens, used.output_tokens, used.requests) == total

    wait(main())
    assert "brief" in house.sent(2)[0]["body"]


@streams
def test_pydantic_ai_streams(house: House, wait: Any, way: str, name: str) -> None:
    from pydantic_ai import Agent

    house.answers({"say": UNICODE})

    async def main() -> None:
        async with Agent(pydantic_model(house, way, name)).run_stream("hi") as run:
            assert "".join([piece async for piece in run.stream_text(delta=True, debounce_by=None)]) == UNICODE

    wait(main())


@models
def test_pydantic_ai_gives_shapes_and_its_own_errors(house: House, wait: Any, way: str, name: str) -> None:
    from pydantic_ai import Agent, ToolOutput
    from pydantic_ai.exceptions import ModelHTTPError

    async def main() -> None:
        house.answers(calls(name))
        agent = Agent(pydantic_model(house, way, name), output_type=ToolOutput(Report, name="tide"), retries=0)
        assert (await agent.run("the tide?")).output == REPORTED
        # Two tries by the vendors' packages at most.
        house.answers(refusal(400))
        with pytest.raises(ModelHTTPError) as caught:
            await agent.run("hi")
        assert caught.value.status_code == 400

    wait(main())


# instructor


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["openai", "bedrock"])
def test_instructor_gives_shapes(house: House, way: str, name: str) -> None:
    import instructor

    house.answers(calls(name))
    if name == "bedrock":
        client = instructor.from_bedrock(house.sdk("bedrock", way), mode=instructor.Mode.TOOLS)
        made = client.chat.completions.create(
            modelId="anthropic.claude-haiku-4-5-20251001-v1:0",
            messages=[{"role": "user", "content": [{"text": "the tide?"}]}],
            response_model=tide,
            max_retries=1,
        )
    else:
        client = instructor.from_openai(openai_client(house, way))
        talk = [{"role": "user", "content": "the tide?"}]
        made = client.chat.completions.create(model="gpt-5-mini", messages=talk, response_model=tide, max_retries=1)
    assert (made.city, made.days) == ("Zürich 🌊", [1, 2])


EXTRACTORS = [(way, name) for way in WAYS for name in ("anthropic", "gemini", "cohere")]


@pytest.mark.parametrize(("way", "name"), [pair for pair in EXTRACTORS if pair != ("process", "anthropic")])
def test_instructor_gives_shapes_in_every_vendors_words(house: House, way: str, name: str) -> None:
    import instructor

    # Cohere's models it tells to write the shape down.
    house.answers({"say": REPORT} if name == "cohere" else calls(name))
    talk = [{"role": "user", "content": "the tide?"}]
    asked: dict[str, Any] = {"messages": talk, "response_model": tide, "max_retries": 1}
    if name == "anthropic":
        from anthropic import Anthropic

        vendor = Anthropic(api_key="any", max_retries=0, base_url=house.server.url)
        made = instructor.from_anthropic(vendor).messages.create(model="claude-haiku-4-5", max_tokens=100, **asked)
    elif name == "gemini":
        tools = instructor.from_genai(house.sdk("gemini", way), mode=instructor.Mode.GENAI_TOOLS)
        made = tools.chat.completions.create(model="gemini-2.5-flash", **asked)
    else:
        own = instructor.from_cohere(house.sdk("cohere", way), mode=instructor.Mode.COHERE_TOOLS)
        made = own.chat.completions.create(model="command-a-03-2025", **asked)
    assert (made.city, made.days) == ("Zürich 🌊", [1, 2])


def openai_client(house: House, way: str) -> Any:
    import openai

    where: dict[str, Any] = {"base_url": f"{house.server.url}/v1"}
    if way == "process":
        where = {"http_client": house.gw.http_client(lib="httpx")}
    return openai.OpenAI(api_key="any", max_retries=0, **where)


@pytest.mark.parametrize("way", WAYS)
def test_instructor_streams_half_of_a_shape(house: House, way: str) -> None:
    import instructor

    house.answers({**TOOL_CALLS["openai"][0], "times": 1})
    client = instructor.from_openai(openai_client(house, way))
    parts = client.chat.completions.create_partial(
        model="gpt-5-mini", messages=[{"role": "user", "content": "the tide?"}], response_model=tide
    )
    assert list(parts)[-1].model_dump() == REPORTED.model_dump()


@pytest.mark.parametrize("way", WAYS)
def test_instructor_asks_again_where_the_shape_is_wrong(house: House, way: str) -> None:
    import instructor

    wrong = TOOL_CALLS["openai"][1]["body"]
    call = {**wrong["choices"][0]["message"]["tool_calls"][0], "function": {"name": "tide", "arguments": '{"city": 1}'}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
    house.answers({"body": {**wrong, "choices": [choice]}}, calls("openai"))
    client = instructor.from_openai(openai_client(house, way))
    talk = [{"role": "user", "content": "the tide?"}]
    made = client.chat.completions.create(model="gpt-5-mini", messages=talk, response_model=tide, max_retries=2)
    assert made.city == "Zürich 🌊"
    assert len(house.sent(2)) == 2
