"""What users' type checkers see."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import httpx
import httpx2
import tidegate
from tidegate import AsyncGateway, Gateway, errors
from tidegate.types import ChatCompletion, ChatCompletionChunk, Message, ToolCall
from typing_extensions import assert_type


def blocking() -> None:
    with Gateway(Path("tidegate.yaml")) as gw:
        r = gw.chat.completions.create(model="m", messages=[{"role": "user", "content": "x"}], temperature=0.1)
        assert_type(r, ChatCompletion)
        assert_type(r.choices[0].message.content, str | None)
        assert_type(r.choices[0].message.tool_calls, list[ToolCall] | None)
        assert_type(r.usage.total_tokens, int)
        assert_type(r.gateway.cost, Decimal | None)
        assert_type(r.gateway.target, str | None)
        for chunk in gw.chat.completions.create(model="m", messages=[], stream=True):
            assert_type(chunk, ChatCompletionChunk)
            assert_type(chunk.choices[0].delta.content, str | None)
        maybe = bool(r)
        either = gw.chat.completions.create(model="m", messages=[], stream=maybe)
        if isinstance(either, ChatCompletion):
            assert_type(either, ChatCompletion)
        m = gw.messages.create(model="m", max_tokens=1, messages=[])
        assert_type(m, Message)
        with gw.messages.stream(model="m", max_tokens=1, messages=[]) as stream:
            for text in stream.text_stream:
                assert_type(text, str)
            assert_type(stream.get_final_message(), Message)
        assert_type(gw.embeddings.create(model="m", input="x").data[0].embedding, list[float])
        assert_type([model.id for model in gw.models.list()], list[str])
        assert_type(gw.with_key("k"), Gateway)
        assert_type(gw.http_client(), httpx2.Client)
        assert_type(gw.http_client("httpx"), httpx.Client)
        assert_type(gw.async_http_client(lib="httpx"), httpx.AsyncClient)
        with gw.serve(port=0) as server:
            assert_type(server.url, str)
        assert_type(gw.request("GET", "/v1/models").read(), bytes)
    assert_type(Gateway.connect("http://x", key="k"), Gateway)
    try:
        Gateway({})
    except errors.BudgetExhausted as error:
        assert_type(error.retry_after, float | None)
        assert_type(error.code, int)
    except tidegate.TidegateError as error:
        print(error.slug)


async def loops() -> None:
    async with AsyncGateway() as gw:
        r = await gw.chat.completions.create(model="m", messages=[])
        assert_type(r, ChatCompletion)
        async for chunk in await gw.chat.completions.create(model="m", messages=[], stream=True):
            assert_type(chunk, ChatCompletionChunk)
        async with gw.messages.stream(model="m", max_tokens=1, messages=[]) as stream:
            async for text in stream.text_stream:
                assert_type(text, str)
            assert_type(await stream.get_final_message(), Message)
        raw = await gw.request("GET", "/v1/models", headers={"a": "b"})
        async for piece in raw:
            assert_type(piece, bytes)
        assert_type([model.id for model in await gw.models.list()], list[str])
"""

WRONG = """
from tidegate import Gateway

gw = Gateway(42)
gw.chat.completions.create(messages=[])
gw.messages.create(model="m", messages=[])
gw.http_client("requests")
"""


def mypy(tmp_path: Path, program: str) -> subprocess.CompletedProcess[str]:
    pytest.importorskip("mypy")
    cache = tmp_path.parent / "mypy-cache"
    file = tmp_path / "program.py"
    file.write_text(program)
    return subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", f"--cache-dir={cache}", str(file)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=170,
    )


def test_a_users_program_is_clean_under_strict(tmp_path: Path) -> None:
    done = mypy(tmp_path, PROGRAM)
    assert done.returncode == 0, done.stdout


def test_wrong_calls_are_found(tmp_path: Path) -> None:
    done = mypy(tmp_path, WRONG)
    for line in (4, 5, 6, 7):
        assert f"program.py:{line}: error" in done.stdout, done.stdout
