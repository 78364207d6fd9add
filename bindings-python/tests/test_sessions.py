"""Sessions over a WebSocket: in process, of a server, and by the vendors' own packages."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import threading
import time
from typing import Any

import pytest
from support import Upstream, Vendor, python, until
from tidegate import AsyncGateway, Gateway, errors

DONE = {
    "type": "response.done",
    "response": {
        "id": "resp_1",
        "object": "realtime.response",
        "status": "completed",
        "output": [],
        "usage": {"total_tokens": 15, "input_tokens": 10, "output_tokens": 5},
    },
}
BEGUN = {"type": "response.created", "response": {"id": "resp_1", "status": "in_progress"}}
CREATED = {"type": "session.created", "session": {"type": "realtime", "model": "m"}}
#: One response, when it is asked for.
RESPONSE = [{"hear": "response.create"}, {"say": BEGUN}, {"say": DONE}]
way = pytest.mark.parametrize("awaited", [False, True], ids=["blocking", "awaited"])


def config(vendor: Vendor, dialect: str = "openai", **more: Any) -> dict[str, Any]:
    base = vendor.openai if dialect == "openai" else vendor.anthropic
    provider = {
        "dialect": dialect,
        "base_url": base,
        "api_key": "sk-up",
        "prices": {"*": {"input": 1000, "output": 2000}},
    }
    return {"providers": {"up": provider}, "models": {"voice": {"targets": ["up/m"]}}, **more}


def keyed(vendor: Vendor, limit: str) -> dict[str, Any]:
    key = {"id": "alice", "value": "tg-alice", "budgets": [{"limit": limit, "per": "1d"}]}
    return config(vendor, keys=[key])


def messages(vendor: Vendor, count: int) -> list[Any]:
    """What the vendor was told in its first session, once it is that much."""
    assert until(lambda: len(vendor.log(requests=1)[0].get("messages", [])) >= count)
    found: list[Any] = vendor.log()[0]["messages"]
    return found


def silent(_: Any) -> Any:
    """Says nothing."""
    return iter(())


def run(awaited: bool, conf: Any, talk: Any, key: str | None = None, **how: Any) -> Any:
    """Runs `talk`, a generator of method calls, over a session of either kind; gives the session."""

    async def main() -> Any:
        async with AsyncGateway(conf) as gw:
            async with (gw.with_key(key) if key else gw).realtime.connect(model="voice", **how) as session:
                talking = talk(session)
                answer = None
                while True:
                    try:
                        answer = await talking.send(answer)
                    except StopIteration:
                        break
            return session

    if awaited:
        return asyncio.run(main())
    with Gateway(conf) as gw:
        with (gw.with_key(key) if key else gw).realtime.connect(model="voice", **how) as session:
            talking = talk(session)
            answer = None
            while True:
                try:
                    answer = talking.send(answer)
                except StopIteration:
                    break
        return session


@way
def test_messages_pass_both_ways_and_each_response_is_paid(vendor: Vendor, awaited: bool) -> None:
    vendor.script([{"session": [{"say": CREATED}, *RESPONSE, *RESPONSE]}])

    def talk(session: Any) -> Any:
        assert (yield session.recv()).session.model == "m"
        yield session.session.update(session={"instructions": "be ♥"})
        for _ in range(2):
            yield session.response.create(response={"max_output_tokens": 10})
            assert (yield session.recv()).type == "response.created"
            event = yield session.recv()
            assert event.response.usage.output_tokens == 5
        assert session.close_code is None and session.gateway.cost is None
        yield session.send_raw("as it is")

    session = run(awaited, config(vendor), talk)
    assert (session.close_code, str(session.gateway.cost), session.gateway.target) == (1000, "0.04", "up/m")
    told = messages(vendor, 5)
    assert told[0] == {"type": "session.update", "session": {"instructions": "be ♥"}}
    assert told[3:] == ["as it is", {"close": 1000, "reason": ""}]
    (handshake,) = vendor.log()
    assert handshake["path"] == "/v1/realtime?model=m"
    assert dict(handshake["headers"])["authorization"] == "Bearer sk-up"


@way
def test_bytes_stay_bytes_and_pings_are_answered(vendor: Vendor, awaited: bool) -> None:
    vendor.script([{"session": [{"ping": "are you there"}, {"binary": "00ff"}, {"long": 300_000}]}])

    def talk(session: Any) -> Any:
        assert (yield session.recv()) == b"\x00\xff"
        assert (yield session.recv_bytes()) == b"x" * 300_000
        yield session.send(b"\x01\x02")

    run(awaited, config(vendor), talk)
    assert messages(vendor, 3)[:2] == [{"pong": "are you there"}, {"binary": "0102"}]


@way
def test_a_budget_that_is_used_up_ends_the_session(vendor: Vendor, awaited: bool) -> None:
    vendor.script([{"session": [*RESPONSE, *RESPONSE]}])
    seen: list[Any] = []
    kept: list[Any] = []

    def talk(session: Any) -> Any:
        kept.append(session)
        for _ in range(2):
            yield session.response.create(response={"max_output_tokens": 5})
            for _ in range(2):
                seen.append((yield session.recv()))

    # A response costs 0.02; the second could cost more than is left of 0.1.
    with pytest.raises(errors.BudgetExhausted, match="budget"):
        run(awaited, keyed(vendor, "0.1"), talk, key="tg-alice")
    assert [event.type for event in seen] == ["response.created", "response.done", "error"]
    assert seen[2].error.code == "budget_exhausted"
    assert kept[0].close_code == 1008 and str(kept[0].gateway.cost) == "0.02"
    assert [told["type"] for told in messages(vendor, 1) if "type" in told] == ["response.create"]


@way
def test_an_upstream_that_breaks_is_an_error_and_one_that_closes_tells_why(vendor: Vendor, awaited: bool) -> None:
    vendor.script(
        [
            {"session": [{"say": CREATED}, {"cut": True}]},
            {"session": [{"say": {"type": "error", "error": {"code": "x"}}}, {"close": [4002, "no more"]}]},
            {"session": [{"close": [1000, ""]}]},
        ]
    )

    def talk(session: Any) -> Any:
        while True:
            yield session.recv()

    with pytest.raises(errors.ConnectionLost) as broken:
        run(awaited, config(vendor), talk)
    assert "up/m" in str(broken.value)
    with pytest.raises(errors.ConnectionLost, match="closed with 4002: no more"):
        run(awaited, config(vendor), talk)
    with pytest.raises(errors.ConnectionLost, match="closed with 1000"):
        run(awaited, config(vendor), talk)


def test_iterating_ends_with_a_good_end_and_raises_at_a_bad_one(vendor: Vendor) -> None:
    vendor.script(
        [{"session": [{"say": CREATED}, {"close": [code, "bye ♥"]}]} for code in (1000, 1011)],
    )
    with Gateway(config(vendor)) as gw:
        session = gw.realtime.connect(model="voice").enter()
        assert [event.type for event in session] == ["session.created"]
        assert (session.close_code, session.close_reason) == (1000, "bye ♥")
        assert list(session) == []
        with pytest.raises(errors.ConnectionLost):
            session.send({"type": "x"})
        session = gw.realtime.connect(model="voice").enter()
        with pytest.raises(errors.ConnectionLost, match="1011"):
            list(session)


@way
def test_refusals_of_the_handshake_are_raised(vendor: Vendor, awaited: bool) -> None:
    refusal = {"status": 429, "body": {"error": {"message": "slow down", "type": "x"}}}
    vendor.script([{**refusal, "times": "forever"}])
    conf = config(vendor)
    conf["models"]["voice"]["retry"] = {"attempts": 1}
    with pytest.raises(errors.UpstreamRateLimited, match="slow down"):
        run(awaited, conf, silent)
    with pytest.raises(errors.UnknownModel):
        run(awaited, {"providers": conf["providers"]}, silent)
    with pytest.raises(errors.UnknownKey):
        run(awaited, keyed(vendor, "1"), silent, key="tg-bob")


def test_letting_go_of_a_session_closes_the_upstream_at_once(vendor: Vendor) -> None:
    vendor.script([{"session": [{"say": CREATED}], "times": "forever"}])
    with Gateway(config(vendor)) as gw:
        session = gw.realtime.connect(model="voice").enter()
        session.recv()
        del session
        gc.collect()
        assert until(lambda: vendor.log()[0]["answered"] or vendor.log()[0]["closed_ms"] is not None, 2)
        # An exception in the block has no time for a farewell either.
        with pytest.raises(ZeroDivisionError), gw.realtime.connect(model="voice"):
            raise ZeroDivisionError
        assert until(lambda: vendor.log()[1]["answered"] or vendor.log()[1]["closed_ms"] is not None, 2)


def test_an_awaited_session_is_let_go_of_too(vendor: Vendor) -> None:
    vendor.script([{"session": [], "times": "forever"}])

    async def main() -> None:
        async with AsyncGateway(config(vendor)) as gw:
            session = await gw.realtime.connect(model="voice")
            waiting = asyncio.ensure_future(session.recv())
            await asyncio.sleep(0.05)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            # Cancelling a read leaves the session open.
            await session.send({"type": "still here"})
            assert await asyncio.to_thread(messages, vendor, 1) == [{"type": "still here"}]
            del session, waiting
            gc.collect()
            left = lambda: vendor.log()[0]["answered"] or vendor.log()[0]["closed_ms"] is not None  # noqa: E731
            assert await asyncio.to_thread(until, left, 2)

    asyncio.run(main())


def test_who_sends_faster_than_the_upstream_reads_waits(vendor: Vendor) -> None:
    vendor.script([{"session": [{"deaf": True}], "times": "forever"}])
    piece = {"type": "input_audio_buffer.append", "audio": "A" * 100_000}

    async def main() -> None:
        async with AsyncGateway(config(vendor)) as gw:
            session = await gw.realtime.connect(model="voice")

            async def flood() -> int:
                sent = 0
                while True:
                    try:
                        await asyncio.wait_for(session.send(piece), 0.7)
                    except asyncio.TimeoutError:
                        return sent
                    sent += 1

            # Two tasks may send at once; what waits between us and the vendor is bounded.
            counts = await asyncio.wait_for(asyncio.gather(flood(), flood()), 30)
            assert 2 < sum(counts) < 400, counts
            await asyncio.wait_for(session.close(), 5)

    asyncio.run(main())
    with Gateway(config(vendor)) as gw:
        session = gw.realtime.connect(model="voice").enter()
        count = [0]

        def flood() -> None:
            try:
                while True:
                    session.send(piece)
                    count[0] += 1
            except errors.ConnectionLost:
                pass

        thread = threading.Thread(target=flood)
        thread.start()
        last = -1
        while count[0] != last:
            last = count[0]
            time.sleep(0.5)
        assert 2 < last < 400
        # Closing from another thread ends the wait.
        session.close()
        thread.join(5)
        assert not thread.is_alive()


def test_a_gateway_that_closes_ends_its_sessions(vendor: Vendor) -> None:
    vendor.script([{"session": [], "times": "forever"}])
    gw = Gateway(config(vendor))
    session = gw.realtime.connect(model="voice").enter()
    gw.close(0.05)
    with pytest.raises(errors.Cancelled):
        session.recv()
    with pytest.raises(errors.Closed):
        gw.realtime.connect(model="voice").enter()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_has_sessions_of_its_own(vendor: Vendor) -> None:
    vendor.script([{"session": [{"say": CREATED}, {"hear": "hello"}, {"say": {"type": "heard"}}], "times": "forever"}])
    python(
        """
        from tidegate import Gateway
        gw = Gateway(CONFIG)
        ours = gw.realtime.connect(model="voice").enter()
        assert ours.recv().type == "session.created"
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                with gw.realtime.connect(model="voice") as session:
                    session.recv()
                    session.send({"type": "hello"})
                    assert session.recv().type == "heard"
                code = 0
            finally:
                os._exit(code)
        assert os.waitpid(pid, 0)[1] == 0
        ours.send({"type": "hello"})
        assert ours.recv().type == "heard"
        ours.close()
        """,
        config=config(vendor),
    )


@way
def test_responses_and_live_have_sessions_too(upstream: Upstream, awaited: bool) -> None:
    usage = {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}
    done = {
        "type": "response.completed",
        "response": {"id": "resp_1", "model": "m", "status": "completed", "output": [], "usage": usage},
    }
    spoken = {
        "serverContent": {"turnComplete": True},
        "usageMetadata": {"promptTokenCount": 10, "responseTokenCount": 5, "totalTokenCount": 15},
    }
    said = json.dumps({"setupComplete": {}}).encode().hex()
    openai, gemini = upstream.vendor(), upstream.vendor()
    openai.script([{"session": [{"hear": "response.create"}, {"say": done}]}])
    gemini.script([{"session": [{"hear": "setup"}, {"binary": said}, {"hear": "turnComplete"}, {"say": spoken}]}])
    conf = config(openai)
    conf["providers"]["g"] = config(gemini, "gemini")["providers"]["up"]
    turn = {"clientContent": {"turns": [{"role": "user", "parts": [{"text": "hi"}]}], "turnComplete": True}}

    async def main() -> tuple[Any, Any]:
        async with AsyncGateway(conf) as gw:
            async with gw.responses.connect() as first:
                await first.response.create(model="voice", input="hi")
                assert (await first.recv()).response.id == "resp_1"
            async with gw.live.connect(model="g/m", setup={"generationConfig": {"maxOutputTokens": 9}}) as second:
                assert "setupComplete" in await second.recv()
                await second.send(turn)
                assert (await second.recv()).serverContent.turnComplete
            return first, second

    if awaited:
        first, second = asyncio.run(main())
    else:
        with Gateway(conf) as gw:
            with gw.responses.connect() as first:
                first.response.create(model="voice", input="hi")
                assert first.recv().response.id == "resp_1"
            with gw.live.connect(model="g/m", setup={"generationConfig": {"maxOutputTokens": 9}}) as second:
                assert "setupComplete" in second.recv()
                second.send(turn)
                assert second.recv().serverContent.turnComplete
    assert str(first.gateway.cost) == str(second.gateway.cost) == "0.02"
    assert messages(openai, 1)[0] == {"type": "response.create", "model": "m", "input": "hi"}
    assert messages(gemini, 1)[0]["setup"] == {"model": "models/m", "generationConfig": {"maxOutputTokens": 9}}


@way
def test_a_client_of_a_running_server_has_sessions_too(vendor: Vendor, awaited: bool) -> None:
    vendor.script([{"session": [{"say": CREATED}, *RESPONSE]}])
    with Gateway(keyed(vendor, "100")) as gw, gw.serve(port=0) as server:

        async def main() -> None:
            async with AsyncGateway.connect(server.url, "tg-alice") as remote:
                async with remote.realtime.connect(model="voice") as session:
                    await session.response.create()
                    assert [(await session.recv()).type for _ in range(3)][2] == "response.done"
                    assert session.gateway.target == "up/m"
                assert session.close_code == 1000

        if awaited:
            asyncio.run(main())
        else:
            remote = Gateway.connect(server.url, "tg-alice")
            with remote.realtime.connect(model="voice") as session:
                session.response.create()
                assert [session.recv().type for _ in range(3)][2] == "response.done"
            assert session.close_code == 1000
            with pytest.raises(errors.UnknownKey):
                Gateway.connect(server.url, "tg-bob").realtime.connect(model="voice").enter()


# The package's own use of its WebSocket library.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@way
def test_openais_package_talks_through_a_server(vendor: Vendor, awaited: bool) -> None:
    openai = pytest.importorskip("openai")
    pytest.importorskip("websockets")
    vendor.script([{"session": [{"say": CREATED}, *RESPONSE, *RESPONSE]}])
    seen: list[str] = []
    with Gateway(keyed(vendor, "0.1")) as gw, gw.serve(port=0) as server:
        base = f"{server.url}/v1"

        async def main() -> None:
            async with openai.AsyncOpenAI(base_url=base, api_key="tg-alice").realtime.connect(model="voice") as talk:
                await talk.response.create(response={"max_output_tokens": 5})
                async for event in talk:
                    seen.append(event.type)
                    if event.type == "response.done":
                        await talk.response.create(response={"max_output_tokens": 5})

        def talk() -> None:
            with openai.OpenAI(base_url=base, api_key="tg-alice").realtime.connect(model="voice") as talk:
                talk.response.create(response={"max_output_tokens": 5})
                for event in talk:
                    seen.append(event.type)
                    if event.type == "response.done":
                        talk.response.create(response={"max_output_tokens": 5})

        with pytest.raises(Exception, match="1008"):
            asyncio.run(main()) if awaited else talk()
    # Its budget bears one response.
    assert seen == ["session.created", "response.created", "response.done", "error"]


def test_googles_package_talks_through_a_server(vendor: Vendor) -> None:
    genai = pytest.importorskip("google.genai")
    spoken = {
        "serverContent": {"modelTurn": {"role": "model", "parts": [{"text": "hi there"}]}, "turnComplete": True},
        "usageMetadata": {"promptTokenCount": 10, "responseTokenCount": 5, "totalTokenCount": 15},
    }
    vendor.script(
        [{"session": [{"hear": "setup"}, {"say": {"setupComplete": {}}}, {"hear": "turnComplete"}, {"say": spoken}]}]
    )
    conf = config(vendor, "gemini")
    with Gateway({**conf, "keys": [{"id": "alice", "value": "tg-alice"}]}) as gw, gw.serve(port=0) as server:

        async def main() -> str:
            client = genai.Client(api_key="tg-alice", http_options={"base_url": server.url})
            # The package speaks TLS to whatever address it is given.
            client._api_client._websocket_base_url = lambda *_: server.url.replace("http", "ws", 1)
            client._api_client._websocket_ssl_ctx = {}
            async with client.aio.live.connect(model="voice", config={"response_modalities": ["TEXT"]}) as session:
                await session.send_client_content(turns={"role": "user", "parts": [{"text": "hi"}]}, turn_complete=True)
                return "".join([reply.text or "" async for reply in session.receive()])

        assert asyncio.run(main()) == "hi there"
    assert messages(vendor, 1)[0]["setup"]["model"] == "models/m"
