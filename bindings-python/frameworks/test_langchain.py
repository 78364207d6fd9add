"""LangChain's packages for five vendors, unmodified: in process where they take a client, and by base URL."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from house import House
from shapes import ARGUMENTS, REPORT, VECTORS, calls, refusal, tide
from tools import UNICODE

pytest.importorskip("langchain_core")

#: Where each can go, and a model of its vendor's.
OWN = {
    "openai": "gpt-5-mini",
    "responses": "gpt-5-mini",
    "anthropic": "claude-haiku-4-5",
    "gemini": "gemini-2.5-flash",
    "bedrock": "anthropic.claude-haiku-4-5-20251001-v1:0",
    "cohere": "command-a-03-2025",
}
IN_PROCESS = ("openai", "responses", "bedrock")
PLACES = [("process", name) for name in IN_PROCESS] + [("http", name) for name in OWN]
places = pytest.mark.parametrize(("way", "name"), PLACES)


def chat(house: House, way: str, name: str, model: str | None = None) -> Any:
    url, model = house.server.url, model or OWN[name]
    if name in ("openai", "responses"):
        from langchain_openai import ChatOpenAI

        http = {
            "http_client": house.gw.http_client(lib="httpx"),
            "http_async_client": house.gw.async_http_client(lib="httpx"),
        }
        where = http if way == "process" else {"base_url": f"{url}/v1"}
        return ChatOpenAI(model=model, api_key="any", max_retries=0, use_responses_api=name == "responses", **where)
    if name == "anthropic":
        from langchain_anthropic import ChatAnthropic

        return ChatAnthropic(model=model, api_key="any", base_url=url, max_retries=0, max_tokens=500)
    if name == "gemini":
        from langchain_google_genai import ChatGoogleGenerativeAI

        return ChatGoogleGenerativeAI(model=model, google_api_key="any", base_url=f"{url}/genai", max_retries=1)
    if name == "bedrock":
        from langchain_aws import ChatBedrockConverse

        return ChatBedrockConverse(
            model=model, client=house.sdk("bedrock", way), bedrock_client=object(), provider="anthropic"
        )
    from langchain_cohere import ChatCohere

    return ChatCohere(model=model, cohere_api_key="any", base_url=f"{url}/cohere")


@places
@pytest.mark.parametrize("other", [False, True], ids=["own", "other"])
def test_text_comes_whole_and_streamed(house: House, way: str, name: str, other: bool) -> None:
    llm = chat(house, way, name, {"openai": "claude", "responses": "claude"}.get(name, "chat") if other else None)
    house.answers({"say": UNICODE, "usage": [10, 5], "times": "forever"})
    reply = llm.invoke([("system", "brief"), ("human", "hi")])
    assert reply.text == UNICODE
    used = reply.usage_metadata
    # Of Cohere's two counts the framework reads the one that nobody pays.
    asked = (510, 8) if name == "cohere" and not other else (10, 5)
    assert (used["input_tokens"], used["output_tokens"]) == asked
    whole: Any = None
    for chunk in llm.stream("hi"):
        whole = chunk if whole is None else whole + chunk
    assert whole.text == UNICODE
    assert "brief" in house.sent(2)[0]["body"]


@places
def test_the_loop_of_a_tool_closes(house: House, way: str, name: str) -> None:
    from langchain_core.messages import HumanMessage, ToolMessage

    llm = chat(house, way, name).bind_tools([tide])
    house.answers(calls(name), {"say": "it is high"})
    talk: list[Any] = [HumanMessage("the tide?")]
    talk.append(llm.invoke(talk))
    (call,) = talk[-1].tool_calls
    assert (call["name"], call["args"]) == ("tide", ARGUMENTS)
    talk.append(ToolMessage("high 🌊", tool_call_id=call["id"]))
    assert llm.invoke(talk).text == "it is high"
    first, second = house.sent(2)
    assert "tide" in first["body"]
    assert "high 🌊" in json.dumps(json.loads(second["body"]), ensure_ascii=False)


@places
def test_output_has_the_shape_asked_for(house: House, way: str, name: str) -> None:
    by_schema = name in ("openai", "responses", "gemini", "cohere")
    house.answers({"say": REPORT} if by_schema else calls(name))
    made = chat(house, way, name).with_structured_output(tide).invoke("the tide?")
    assert made == tide(city="Zürich 🌊", days=[1, 2])


@places
def test_awaited_calls_and_streams(house: House, wait: Any, way: str, name: str) -> None:
    llm = chat(house, way, name)
    house.answers({"say": UNICODE, "times": "forever"})

    async def main() -> None:
        replies = await asyncio.gather(*(llm.ainvoke("hi") for _ in range(4)))
        assert {reply.text for reply in replies} == {UNICODE}
        assert "".join([chunk.text async for chunk in llm.astream("hi")]) == UNICODE

    wait(main())


@places
def test_refusals_are_the_vendors_classes(house: House, way: str, name: str) -> None:
    llm = chat(house, way, name)
    house.answers(refusal(429))
    with pytest.raises(Exception, match="slow down") as caught:
        llm.invoke("hi")
    names = {
        "gemini": "ChatGoogleGenerativeAIError",
        "bedrock": "ThrottlingException",
        "cohere": "TooManyRequestsError",
    }
    kinds = [kind.__name__ for kind in type(caught.value).__mro__]
    assert names.get(name, "RateLimitError") in kinds, kinds


def test_embeddings(house: House, way: str) -> None:
    from langchain_openai import OpenAIEmbeddings

    http = {"http_client": house.gw.http_client(lib="httpx")}
    where: dict[str, Any] = http if way == "process" else {"base_url": f"{house.server.url}/v1"}
    made = OpenAIEmbeddings(model="text-embedding-3-small", api_key="any", check_embedding_ctx_length=False, **where)
    house.answers({"body": VECTORS})
    assert made.embed_documents(["a", "⚓"]) == [[0.5, -1.0], [0.5, -2.0]]
