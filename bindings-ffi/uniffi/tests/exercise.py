"""Runs the generated bindings. Called by python.rs with the folder they are in."""

import asyncio
import json
import sys
import threading
import time

sys.path.insert(0, sys.argv[1])

import tidegate_uniffi as tg  # noqa: E402

CONFIG = json.dumps({
    "providers": {
        "mock": {
            "dialect": "openai",
            "prices": {"*": {"input": 1, "output": 2}},
            "mock": {"replies": [{"text": "one two three", "input_tokens": 1000, "output_tokens": 500}]},
        },
        "slow": {"dialect": "openai", "mock": {"replies": [{"text": "a b c d", "pace": "30ms"}]}},
        "late": {"dialect": "openai", "mock": {"replies": [{"text": "late", "delay": "1m"}]}},
    },
    "keys": [{"id": "poor", "value": "tg-poor", "budgets": [{"limit": "0.000000001", "per": "1d"}]}],
})


def ask(model, key=None, **more):
    body = {"model": model, "messages": [{"role": "user", "content": "hello"}], **more}
    return tg.CallRequest(target="/v1/chat/completions", body=json.dumps(body).encode(), key=key)


async def read(stream):
    frames = []
    while batch := await stream.next_batch():
        frames += [json.loads(frame.data) for frame in batch]
    return frames


def text_of(frames):
    return "".join(c["delta"].get("content") or "" for f in frames for c in f["choices"])


async def calls_answer_with_body_and_facts(engine):
    reply = await engine.call(ask("mock/small"))
    assert reply.status == 200, reply
    assert json.loads(reply.body)["choices"][0]["message"]["content"] == "one two three"
    assert reply.headers["x-tidegate-target"] == "mock/small"
    assert reply.headers["x-tidegate-cost"] == "0.002"


async def streams_give_batches_until_an_empty_one(engine):
    for model, text in [("mock/small", "one two three"), ("slow/m", "a b c d")]:
        stream = await engine.open_stream(ask(model, stream=True))
        frames = await read(stream)
        assert text_of(frames) == text, frames
        assert await stream.next_batch() == []
        assert "x-tidegate-cost" in stream.headers(), stream.headers()
    whole = await engine.open_stream(ask("mock/small"))
    assert len(await read(whole)) == 1


async def errors_are_flat_and_named(engine):
    for request, slug, status in [
        (ask("nowhere"), "unknown_model", 404),
        (ask("mock/small", key="tg-poor"), "budget_exhausted", 402),
        (ask("mock/small", key="tg-nobody"), "unknown_key", 401),
        (ask("mock/small", stream=True), "invalid_request", 400),
    ]:
        try:
            await engine.call(request)
        except tg.TidegateError.Failed as error:
            assert (error.slug, error.status) == (slug, status), error
            assert json.loads(error.json)["code"] == error.code
        else:
            raise AssertionError(f"{slug} was not raised")
    try:
        tg.Engine.open("{\"providers\": 7}")
    except tg.TidegateError.Failed as error:
        assert error.slug == "invalid_config"
    else:
        raise AssertionError("a bad configuration was opened")


async def cancelling_ends_streams_and_calls(engine):
    stream = await engine.open_stream(ask("slow/m", stream=True))
    await stream.next_batch()
    asyncio.get_running_loop().call_later(0.01, stream.cancel)
    try:
        while await stream.next_batch():
            pass
    except tg.TidegateError.Failed as error:
        assert error.slug == "cancelled"
    else:
        raise AssertionError("the stream was not cancelled")
    # The host's own cancellation drops the future, which cancels the call.
    begin = time.monotonic()
    try:
        await asyncio.wait_for(engine.call(ask("late/m")), 0.05)
    except asyncio.TimeoutError:
        pass
    else:
        raise AssertionError("the call was not cancelled")
    assert time.monotonic() - begin < 10


async def many_at_the_same_time(engine):
    async def one(i):
        if i % 2:
            return text_of(await read(await engine.open_stream(ask("mock/small", stream=True))))
        return json.loads((await engine.call(ask("mock/small"))).body)["choices"][0]["message"]["content"]

    assert set(await asyncio.gather(*(one(i) for i in range(100)))) == {"one two three"}


async def everything(engine):
    await calls_answer_with_body_and_facts(engine)
    await streams_give_batches_until_an_empty_one(engine)
    await errors_are_flat_and_named(engine)
    await cancelling_ends_streams_and_calls(engine)
    await many_at_the_same_time(engine)


def main():
    engine = tg.Engine.open(CONFIG)
    assert tg.version() and json.loads(engine.health())
    asyncio.run(everything(engine))
    # Another loop in another thread, with the same engine.
    failures = []

    def other():
        try:
            asyncio.run(everything(engine))
        except BaseException as error:  # noqa: BLE001
            failures.append(error)

    threads = [threading.Thread(target=other) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    engine.shutdown(1000)
    try:
        asyncio.run(engine.call(ask("mock/small")))
    except tg.TidegateError.Failed as error:
        assert error.slug == "closed"
    else:
        raise AssertionError("a closed engine answered")
    print("all good")


main()
