"""The native client on event loops."""

from __future__ import annotations

import asyncio
import gc
import json
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from support import MESSAGES, Upstream, Vendor, python, scale
from tidegate import AsyncGateway, errors

Runner = Callable[[Coroutine[Any, Any, None]], None]


def _uvloop(main: Coroutine[Any, Any, None]) -> None:
    uvloop = pytest.importorskip("uvloop")
    uvloop.run(main)


class _NoReaders(asyncio.SelectorEventLoop):
    """A loop that cannot watch descriptors for us, as the proactor loop of Windows."""

    def add_reader(self, *args: Any) -> None:  # type: ignore[override]
        raise NotImplementedError


def _without_readers(main: Coroutine[Any, Any, None]) -> None:
    loop = _NoReaders()
    try:
        loop.run_until_complete(main)
    finally:
        loop.close()


@pytest.fixture(params=[asyncio.run, _uvloop, _without_readers], ids=["asyncio", "uvloop", "no-add-reader"])
def run(request: pytest.FixtureRequest) -> Runner:
    runner: Runner = request.param
    return runner


def test_chat_stream_messages_embeddings_models(vendor: Vendor, run: Runner) -> None:
    async def main() -> None:
        async with AsyncGateway(vendor.config()) as gw:
            r = await gw.chat.completions.create(model="fast", messages=MESSAGES)
            assert r.choices[0].message.content == "Hello from the mock upstream."
            assert r.gateway.target == "openai/gpt-5-mini"
            stream = await gw.chat.completions.create(model="fast", messages=MESSAGES, stream=True)
            text = ""
            async for chunk in stream:
                if chunk.choices:
                    text += chunk.choices[0].delta.content or ""
            assert text == "Hello from the mock upstream."
            assert stream.gateway.cost is not None and stream.gateway.cost > 0
            m = await gw.messages.create(model="claude", max_tokens=9, messages=MESSAGES)
            assert m.content[0].text == "Hello from the mock upstream."
            async with gw.messages.stream(model="claude", max_tokens=9, messages=MESSAGES) as ms:
                assert "".join([t async for t in ms.text_stream]) == "Hello from the mock upstream."
                assert (await ms.get_final_message()).stop_reason == "end_turn"
            e = await gw.embeddings.create(model="openai/text-embedding-3-small", input="a")
            assert len(e.data[0].embedding) == 3
            assert "fast" in [model.id for model in await gw.models.list()]
            raw = await gw.request("POST", "/v1/chat/completions", body={"model": "fast", "messages": MESSAGES})
            assert raw.status == 200 and json.loads(await raw.aread())["object"] == "chat.completion"

    run(main())


def test_refusals_need_no_upstream(vendor: Vendor, run: Runner) -> None:
    async def main() -> None:
        gw = AsyncGateway(vendor.config())
        with pytest.raises(errors.UnknownModel):
            await gw.chat.completions.create(model="nothing", messages=MESSAGES)
        await gw.aclose()
        with pytest.raises(errors.Closed):
            await gw.chat.completions.create(model="fast", messages=MESSAGES)

    run(main())
    assert vendor.log() == []


def test_gather_of_many_calls(vendor: Vendor, run: Runner) -> None:
    async def main() -> None:
        async with AsyncGateway(vendor.config()) as gw:
            calls = [gw.chat.completions.create(model="fast", messages=MESSAGES) for _ in range(200)]
            replies = await asyncio.gather(*calls)
        assert len({r.gateway.request_id for r in replies}) == 200

    run(main())


def test_cancelling_a_call_closes_the_upstream(upstream: Upstream, run: Runner) -> None:
    vendor = upstream.vendor([{"stall_head": True, "times": "forever"}])

    async def main() -> None:
        async with AsyncGateway(vendor.config()) as gw:
            task = asyncio.ensure_future(gw.chat.completions.create(model="fast", messages=MESSAGES))
            await asyncio.to_thread(vendor.log, 1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            now = time.monotonic()
            assert await asyncio.to_thread(vendor.left, 1)
            assert time.monotonic() - now < 1
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(gw.chat.completions.create(model="fast", messages=MESSAGES), 0.1)
            with pytest.raises(errors.TotalTimeout):
                await gw.chat.completions.create(model="fast", messages=MESSAGES, timeout=0.1)
            assert await asyncio.to_thread(vendor.left, 3)

    run(main())


def test_cancelling_a_reader_closes_the_upstream(upstream: Upstream, run: Runner) -> None:
    vendor = upstream.vendor([{"say": "a b c", "stall_after": 2, "times": "forever"}])

    async def main() -> None:
        async with AsyncGateway(vendor.config()) as gw:
            first = asyncio.Event()

            async def read() -> None:
                stream = await gw.chat.completions.create(model="fast", messages=MESSAGES, stream=True)
                async for _ in stream:
                    first.set()

            task = asyncio.ensure_future(read())
            await first.wait()
            await asyncio.sleep(0.05)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            del task
            gc.collect()
            assert await asyncio.to_thread(vendor.left, 1)

    run(main())


def test_half_read_streams_are_closed_by_the_collector(upstream: Upstream, run: Runner) -> None:
    vendor = upstream.vendor([{"say": "a b c", "stall_after": 2, "times": "forever"}])

    async def main() -> None:
        async with AsyncGateway(vendor.config()) as gw:
            for _ in range(20):
                stream = await gw.chat.completions.create(model="fast", messages=MESSAGES, stream=True)
                await stream.__anext__()
            del stream
            gc.collect()
            assert await asyncio.to_thread(vendor.left, 20)

    run(main())


def test_cancellation_storm_leaves_nothing_open(upstream: Upstream, run: Runner) -> None:
    rounds, width = scale("TIDEGATE_STORM_ROUNDS", 5), 100
    vendor = upstream.vendor([{"say": "a b c", "delay_ms": 20, "pace_ms": 5, "times": "forever"}])

    async def one(gw: AsyncGateway, stream: bool) -> None:
        if not stream:
            await gw.chat.completions.create(model="fast", messages=MESSAGES)
            return
        async for _ in await gw.chat.completions.create(model="fast", messages=MESSAGES, stream=True):
            pass

    async def main() -> None:
        async with AsyncGateway(vendor.config()) as gw:
            for _ in range(rounds):
                tasks = [asyncio.ensure_future(one(gw, i % 2 == 0)) for i in range(width)]
                for i, task in enumerate(tasks):
                    asyncio.get_running_loop().call_later(0.0007 * i, task.cancel)
                done = await asyncio.gather(*tasks, return_exceptions=True)
                odd = [d for d in done if d is not None and not isinstance(d, asyncio.CancelledError)]
                assert not odd, odd[:3]
            # The gateway is as good as new.
            assert (await gw.chat.completions.create(model="fast", messages=MESSAGES)).choices

    run(main())
    left = [e for e in vendor.log() if not e["answered"] and e["closed_ms"] is None]
    assert not left


def test_one_gateway_serves_two_loops_in_two_threads(vendor: Vendor) -> None:
    gw = AsyncGateway(vendor.config())
    failures: list[BaseException] = []

    async def main() -> None:
        for _ in range(20):
            calls = [gw.chat.completions.create(model="fast", messages=MESSAGES) for _ in range(5)]
            for r in await asyncio.gather(*calls):
                assert r.choices
            async for _ in await gw.chat.completions.create(model="fast", messages=MESSAGES, stream=True):
                pass

    def thread() -> None:
        try:
            asyncio.run(main())
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=thread) for _ in range(2)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
    assert not failures and not any(t.is_alive() for t in threads)


def test_one_gateway_serves_loop_after_loop_without_leaking(vendor: Vendor) -> None:
    import os

    gw = AsyncGateway(vendor.config())

    async def main() -> None:
        assert (await gw.chat.completions.create(model="fast", messages=MESSAGES)).choices

    asyncio.run(main())
    gc.collect()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(30):
        asyncio.run(main())
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) <= before + 2


def test_loop_that_ends_with_calls_in_flight_closes_their_upstreams(upstream: Upstream) -> None:
    vendor = upstream.vendor([{"stall_head": True, "times": "forever"}])
    gw = AsyncGateway(vendor.config())
    loop = asyncio.new_event_loop()
    tasks = [loop.create_task(gw.chat.completions.create(model="fast", messages=MESSAGES)) for _ in range(10)]
    loop.run_until_complete(asyncio.sleep(0.2))
    loop.close()
    for task in tasks:
        task._log_destroy_pending = False  # type: ignore[attr-defined]
    del task, tasks, loop
    gc.collect()
    assert vendor.left(10)


def test_context_variables_are_the_callers(vendor: Vendor) -> None:
    import contextvars

    name: contextvars.ContextVar[str] = contextvars.ContextVar("name", default="none")

    async def one(gw: AsyncGateway, value: str) -> None:
        name.set(value)
        await gw.chat.completions.create(model="fast", messages=MESSAGES)
        assert name.get() == value
        async for _ in await gw.chat.completions.create(model="fast", messages=MESSAGES, stream=True):
            assert name.get() == value

    async def main() -> None:
        async with AsyncGateway(vendor.config()) as gw:
            await asyncio.gather(*(one(gw, str(i)) for i in range(20)))
        assert name.get() == "none"

    asyncio.run(main())


def test_aclose_lets_running_calls_finish(upstream: Upstream) -> None:
    vendor = upstream.vendor([{"say": "done", "delay_ms": 300}])

    async def main() -> None:
        gw = AsyncGateway(vendor.config())
        task = asyncio.ensure_future(gw.chat.completions.create(model="fast", messages=MESSAGES))
        await asyncio.to_thread(vendor.log, 1)
        await gw.aclose(deadline=5)
        assert (await task).choices[0].message.content == "done"

    asyncio.run(main())


def test_two_gateways_share_a_loop(upstream: Upstream) -> None:
    vendors = [upstream.vendor([{"say": name, "times": "forever"}]) for name in ("one", "two")]

    async def main() -> None:
        async with AsyncGateway(vendors[0].config()) as a, AsyncGateway(vendors[1].config()) as b:
            calls = [gw.chat.completions.create(model="fast", messages=MESSAGES) for gw in (a, b) * 50]
            texts = [r.choices[0].message.content for r in await asyncio.gather(*calls)]
        assert texts == ["one", "two"] * 50

    asyncio.run(main())


def test_blocking_calls_inside_a_loop_are_warned_of_once(vendor: Vendor) -> None:
    done = python(
        """
        import asyncio
        from tidegate import Gateway
        gw = Gateway(CONFIG)
        async def main():
            for _ in range(3):
                gw.chat.completions.create(model="fast", messages=MESSAGES)
        gw.chat.completions.create(model="fast", messages=MESSAGES)
        asyncio.run(main())
        """,
        config=vendor.config(),
    )
    assert done.stderr.count("RuntimeWarning") == 1
    assert "AsyncGateway" in done.stderr
