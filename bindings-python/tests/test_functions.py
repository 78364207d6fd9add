"""Functions of the program in the place of vendors: threads, loops, forks, exits."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
import time
import weakref
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import tidegate
from support import python, scale, until
from tidegate import AsyncGateway, Gateway, ProviderError, ProviderRequest

MESSAGES = [{"role": "user", "content": "hi"}]
ONE_TRY = {"retry": {"attempts": 1}}


def ask(gateway: Gateway, model: str = "mine/m", **more: Any) -> str:
    reply = gateway.chat.completions.create(model=model, messages=MESSAGES, **more)
    return reply.choices[0].message.content  # type: ignore[no-any-return]


async def aask(gateway: AsyncGateway, model: str = "mine/m") -> str:
    reply = await gateway.chat.completions.create(model=model, messages=MESSAGES)
    return reply.choices[0].message.content  # type: ignore[no-any-return]


def words(stream: Any) -> list[str]:
    return [text for chunk in stream if chunk.choices and (text := chunk.choices[0].delta.content)]


def test_a_plain_function_sees_the_request_and_answers_with_a_text() -> None:
    seen: list[ProviderRequest] = []

    def mine(request: ProviderRequest) -> str:
        seen.append(request)
        assert request["messages"] == MESSAGES
        assert request.get("nothing") is None
        return f"hello {request.model}"

    gateway = Gateway(providers={"mine": mine})
    assert ask(gateway, "mine/a/b") == "hello a/b"
    (request,) = seen
    assert (request.name, request.dialect, request.path, request.stream) == (
        "mine",
        "openai",
        "/chat/completions",
        False,
    )
    assert b'"hi"' in request.body
    assert request.headers["content-type"] == "application/json"
    assert request.timeout > 0


def test_every_kind_of_answer_is_understood() -> None:
    class Own:
        def to_dict(self) -> dict[str, Any]:
            return {"text": "own"}

    def generator(_: ProviderRequest) -> Iterator[Any]:
        yield "a"
        yield {"text": "b"}
        yield {"usage": {"input": 3, "output": 2}}

    async def coroutine(_: ProviderRequest) -> str:
        await asyncio.sleep(0)
        return "awaited"

    async def agenerator(_: ProviderRequest) -> AsyncIterator[str]:
        for word in ("x", "y"):
            await asyncio.sleep(0)
            yield word

    answers = {
        "text": (lambda _: "text", "text"),
        "object": (lambda _: {"text": "object"}, "object"),
        "bytes": (lambda _: b'{"text":"bytes"}', "bytes"),
        "own": (lambda _: Own(), "own"),
        "generator": (generator, "ab"),
        "iterator": (lambda _: iter(["i", "j"]), "ij"),
        "coroutine": (coroutine, "awaited"),
        "future": (lambda _: coroutine(_), "awaited"),
        "agenerator": (agenerator, "xy"),
        "aiterator": (lambda _: agenerator(_), "xy"),
    }
    gateway = Gateway(providers={name: function for name, (function, _) in answers.items()})
    for name, (_, text) in answers.items():
        assert ask(gateway, f"{name}/m") == text, name
        stream = gateway.chat.completions.create(model=f"{name}/m", messages=MESSAGES, stream=True)
        assert "".join(words(stream)) == text, name


def test_the_decorator_works_before_and_after_the_first_call_and_replaces() -> None:
    gateway = Gateway({"providers": {"first": {"function": "first"}}})

    @gateway.provider("first")
    def first(_: ProviderRequest) -> str:
        return "one"

    assert ask(gateway, "first/m") == "one"
    gateway.provider("second", lambda _: "two")
    assert ask(gateway, "second/m") == "two"
    gateway.provider("first", lambda _: "three")
    assert ask(gateway, "first/m") == "three"
    assert first(None) == "one"  # type: ignore[arg-type]
    gateway.reload({"providers": {"first": {}}})
    assert ask(gateway, "second/m") == "two"


def test_mistakes_are_told_at_once() -> None:
    gateway = Gateway({"providers": {"a": {"function": "a"}}})
    with pytest.raises(TypeError, match="function"):
        Gateway(providers={"a": "no function"})  # type: ignore[dict-item]
    with pytest.raises(TypeError, match="names are str"):
        Gateway(providers={1: ask})  # type: ignore[dict-item]
    with pytest.raises(tidegate.errors.InvalidRequest, match="cannot name a provider"):
        gateway.provider("a/b", lambda _: "")
    with pytest.raises(tidegate.errors.InvalidRequest, match="its own functions"):
        Gateway.connect("http://127.0.0.1:1").provider("a", lambda _: "")
    with pytest.raises(tidegate.errors.InvalidConfig, match="not several"):
        Gateway({"providers": {"a": {"function": "a", "base_url": "http://127.0.0.1:1"}}})


def test_failures_have_the_status_they_say_and_unexpected_ones_go_to_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Theirs(Exception):
        status_code = 404

    failures: dict[str, tuple[BaseException | None, type[Exception], int]] = {
        "limited": (ProviderError("slow down", status=429, retry_after=60), tidegate.errors.UpstreamRateLimited, 429),
        "rejected": (ProviderError("bad", status=400), tidegate.errors.UpstreamRejected, 400),
        "odd": (ProviderError("odd", status=7), tidegate.errors.UpstreamFailed, 500),
        "theirs": (Theirs("secret"), tidegate.errors.UpstreamNotFound, 404),
        "value": (ValueError("secret"), tidegate.errors.UpstreamFailed, 500),
        "exit": (SystemExit(3), tidegate.errors.UpstreamFailed, 500),
        "interrupt": (KeyboardInterrupt(), tidegate.errors.UpstreamFailed, 500),
        "stop": (StopIteration(), tidegate.errors.UpstreamFailed, 500),
        "cancelled": (asyncio.CancelledError(), tidegate.errors.UpstreamFailed, 500),
        "none": (None, tidegate.errors.UpstreamFailed, 500),
    }

    def failing(request: ProviderRequest) -> None:
        error = failures[request.model][0]
        if error is not None:
            raise error

    async def afailing(request: ProviderRequest) -> None:
        failing(request)

    config = {
        "unpriced": "allow",
        "models": {
            f"{kind}-{name}": {"targets": [f"{kind}/{name}"], **ONE_TRY}
            for kind in ("sync", "async")
            for name in failures
        },
    }
    gateway = Gateway(config, providers={"sync": failing, "async": afailing})
    for kind in ("sync", "async"):
        for name, (_, cls, status) in failures.items():
            if (kind, name) == ("async", "limited"):
                continue
            with caplog.at_level(logging.ERROR, "tidegate"), pytest.raises(cls) as raised:
                ask(gateway, f"{kind}-{name}")
            assert raised.value.status == status, (kind, name)
            assert "secret" not in str(raised.value)
    assert "ValueError: secret" in caplog.text
    with pytest.raises(tidegate.errors.UpstreamRateLimited) as limited:
        ask(gateway, "async-limited")
    assert limited.value.retry_after == 60


def test_a_function_may_call_the_gateway_to_any_depth() -> None:
    gateway = Gateway()

    @gateway.provider("deep")
    def deep(request: ProviderRequest) -> str:
        left = int(request.model)
        return "0" if left == 0 else str(int(ask(gateway, f"deep/{left - 1}")) + 1)

    @gateway.provider("adeep")
    async def adeep(request: ProviderRequest) -> str:
        left = int(request.model)
        # On purpose the blocking client on a loop: it holds up its own loop and must find another.
        return "0" if left == 0 else str(int(ask(gateway, f"adeep/{left - 1}")) + 1)

    # More than there are threads for functions.
    assert ask(gateway, "deep/70") == "70"
    assert ask(gateway, "adeep/5") == "5"
    results: list[str] = []
    threads = [threading.Thread(target=lambda: results.append(ask(gateway, "deep/3"))) for _ in range(80)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert results == ["3"] * 80


def test_coroutine_functions_run_on_the_loop_that_calls_each_on_its_own() -> None:
    seen: set[Any] = set()

    async def mine(_: ProviderRequest) -> str:
        await asyncio.sleep(0.001)
        seen.add(asyncio.get_running_loop())
        return "ok"

    gateway = AsyncGateway(providers={"mine": mine})
    loops: list[Any] = []

    async def many() -> None:
        loops.append(asyncio.get_running_loop())
        assert await asyncio.gather(*(aask(gateway) for _ in range(20))) == ["ok"] * 20

    threads = [threading.Thread(target=asyncio.run, args=(many(),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(loops) == 2
    assert seen == set(loops)
    # A blocking call has no loop: one of the package's own runs it, even when ours is held up.
    blocking = Gateway(providers={"mine": mine})

    async def held_up() -> str:
        return ask(blocking)

    with pytest.warns(RuntimeWarning) if not tidegate._core._warned else _nothing():  # type: ignore[attr-defined]
        assert asyncio.run(held_up()) == "ok"
    assert len(seen) == 3


def _nothing() -> Any:
    import contextlib

    return contextlib.nullcontext()


def test_uvloop_runs_them_too() -> None:
    uvloop = pytest.importorskip("uvloop")

    async def mine(_: ProviderRequest) -> AsyncIterator[str]:
        for _ in range(3):
            await asyncio.sleep(0)
            yield "x"

    async def main() -> str:
        gateway = AsyncGateway(providers={"mine": mine})
        return await aask(gateway)

    assert uvloop.run(main()) == "xxx"


def test_a_caller_who_goes_cancels_the_coroutine_and_closes_the_generator() -> None:
    ended: list[str] = []
    begun: list[str] = []

    async def slow(_: ProviderRequest) -> str:
        begun.append("coroutine")
        try:
            await asyncio.sleep(30)
        finally:
            ended.append("coroutine")
        return ""

    def endless(_: ProviderRequest) -> Iterator[str]:
        try:
            while True:
                yield "x" * 1000
        finally:
            ended.append("generator")

    async def aendless(_: ProviderRequest) -> AsyncIterator[str]:
        try:
            while True:
                yield "x" * 1000
        finally:
            ended.append("agenerator")

    gateway = AsyncGateway(providers={"slow": slow, "endless": endless, "aendless": aendless})

    async def main() -> None:
        calls = [asyncio.ensure_future(aask(gateway, "slow/m")) for _ in range(100)]
        await asyncio.sleep(0.1)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        for name in ("endless", "aendless"):
            stream = await gateway.chat.completions.create(model=f"{name}/m", messages=MESSAGES, stream=True)
            async for _ in stream:
                break
            stream.close()
        for _ in range(100):
            if len(ended) == 102:
                break
            await asyncio.sleep(0.02)

    asyncio.run(main())
    assert begun
    assert sorted(ended) == ["agenerator", *begun, "generator"]


def test_a_function_that_never_answers_is_given_up_and_told() -> None:
    told = threading.Event()

    def silent(request: ProviderRequest) -> str:
        while not request.cancelled:
            time.sleep(0.005)
        told.set()
        return "too late"

    config = {
        "providers": {"silent": {"timeouts": {"first_byte": "100ms"}}},
        "models": {"m": {"targets": ["silent/m"], **ONE_TRY}},
        "unpriced": "allow",
    }
    gateway = Gateway(config, providers={"silent": silent})
    with pytest.raises(tidegate.errors.FirstByteTimeout):
        ask(gateway, "m")
    assert told.wait(5)


def test_a_slow_reader_holds_the_generator_back() -> None:
    made = 0

    def fast(_: ProviderRequest) -> Iterator[str]:
        nonlocal made
        for _ in range(20_000):
            made += 1
            yield "x" * 100

    gateway = Gateway(providers={"fast": fast})
    stream = gateway.chat.completions.create(model="fast/m", messages=MESSAGES, stream=True)
    next(iter(stream))
    time.sleep(0.3)
    assert made < 15_000
    assert sum(map(len, words(stream))) > 1_990_000
    assert made == 20_000


def test_the_server_serves_functions_and_remote_clients_reach_them() -> None:
    async def mine(_: ProviderRequest) -> str:
        await asyncio.sleep(0)
        return "served"

    gateway = Gateway(providers={"mine": mine, "plain": lambda _: iter(["a", "b"])})
    with gateway.serve(port=0) as server:
        remote = Gateway.connect(server.url)
        assert ask(remote) == "served"
        stream = remote.chat.completions.create(model="plain/m", messages=MESSAGES, stream=True)
        assert words(stream) == ["a", "b"]


def test_a_gateway_whose_functions_refer_to_it_is_collected() -> None:
    gateway = Gateway()

    class Marker:
        pass

    marker = Marker()
    gone = weakref.ref(marker)

    def mine(_: ProviderRequest, marker: Marker = marker, gateway: Gateway = gateway) -> str:
        return "ok"

    gateway.provider("mine", mine)
    assert ask(gateway) == "ok"
    del mine, marker, gateway
    assert until(lambda: gc.collect() is not None and gone() is None)
    assert until(lambda: not [t for t in threading.enumerate() if t.name == "tidegate-function"])


def test_functions_outlive_the_gateway_that_only_a_client_holds() -> None:
    httpx = pytest.importorskip("httpx")
    del httpx
    client = Gateway(providers={"mine": lambda _: "still"}).http_client(lib="httpx")
    gc.collect()
    body = {"model": "mine/m", "messages": MESSAGES}
    reply = client.post("http://gateway.invalid/v1/chat/completions", json=body)
    assert reply.json()["choices"][0]["message"]["content"] == "still"


def test_functions_work_in_forked_children() -> None:
    done = python(
        """
import asyncio, os, sys
from tidegate import Gateway
async def amine(request):
    await asyncio.sleep(0)
    return "async"
gw = Gateway(providers={"mine": lambda request: "sync", "amine": amine})
def ask(model):
    return gw.chat.completions.create(model=model, messages=[]).choices[0].message.content
def both():
    assert (ask("mine/m"), ask("amine/m")) == ("sync", "async")
def fork():
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        both()
        os._exit(0)
    return os.waitpid(pid, 0)[1]
codes = [fork()]   # before anything was started
both()
codes += [fork(), fork()]
both()
print(codes)
""",
        timeout=60,
    )
    assert done.stdout.strip() == "[0, 0, 0]", done.stderr


@pytest.mark.parametrize("way", ["sync", "async", "stream"])
def test_the_interpreter_leaves_with_questions_in_flight(way: str) -> None:
    for _ in range(scale("TIDEGATE_EXIT_REPEAT", 25) // 5):
        done = python(
            f"""
import asyncio, threading, time
from tidegate import Gateway
WAY = {way!r}
async def sleepy(request):
    await asyncio.sleep(60)
def stream(request):
    while True:
        yield "x"
        time.sleep(0.001)
gw = Gateway(providers={{"mine": {{"sync": lambda request: time.sleep(60), "async": sleepy, "stream": stream}}[WAY]}})
def one():
    for _ in gw.chat.completions.create(model="mine/m", messages=[], stream=True):
        pass
for _ in range(100):
    threading.Thread(target=one, daemon=True).start()
time.sleep(0.3)
print("leaving")
""",
            timeout=30,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() == "leaving"


def test_ten_thousand_questions_leave_memory_flat() -> None:
    count = scale("TIDEGATE_FUNCTION_CALLS", 10_000)
    done = python(
        f"""
import asyncio, gc, json
from tidegate import AsyncGateway, Gateway
def rss():
    for line in open("/proc/self/status"):
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
async def amine(request):
    yield "a"
    yield "b"
functions = {{"mine": lambda request: "x" * 100, "amine": amine}}
gw, agw = Gateway(providers=functions), AsyncGateway(providers=functions)
async def many(n):
    for _ in range(n):
        async for _ in await agw.chat.completions.create(model="amine/m", messages=[], stream=True):
            pass
figures = []
for _ in range(5):
    for _ in range({count} // 10):
        gw.chat.completions.create(model="mine/m", messages=[])
    asyncio.run(many({count} // 10))
    gc.collect()
    figures.append(rss())
print(json.dumps(figures))
""",
        timeout=170,
    )
    import json

    figures = json.loads(done.stdout)
    assert figures[-1] - figures[1] < 6, figures
