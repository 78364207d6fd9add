"""Leaving the interpreter with work in flight."""

from __future__ import annotations

import time

import pytest
from support import Upstream, python, scale

REPEAT = scale("TIDEGATE_EXIT_REPEAT", 25)
"""Exits in all, over every way."""

#: A hundred streams on a loop, each somewhere in the middle.
ASYNC_STREAMS = """
import asyncio
from tidegate import AsyncGateway
gw = AsyncGateway(CONFIG)
async def one():
    async for _ in await gw.chat.completions.create(model="fast", messages=MESSAGES, stream=True):
        pass
async def main():
    global tasks
    tasks = [asyncio.ensure_future(one()) for _ in range(100)]
    await asyncio.sleep(0.1)
"""

WAYS = {
    # The loop is left standing with its tasks; nothing is cleaned up.
    "abandoned loop": ASYNC_STREAMS + "loop = asyncio.new_event_loop(); loop.run_until_complete(main())\n",
    # asyncio.run cancels the tasks on its way out.
    "asyncio.run": ASYNC_STREAMS + "asyncio.run(main())\n",
    # Daemon threads block in the engine while the interpreter goes.
    "daemon threads": """
import threading, time
from tidegate import Gateway
gw = Gateway(CONFIG)
def one():
    for _ in gw.chat.completions.create(model="fast", messages=MESSAGES, stream=True):
        pass
for _ in range(100):
    threading.Thread(target=one, daemon=True).start()
time.sleep(0.15)
""",
    # Half-read streams in globals, torn down with the module.
    "globals": """
from tidegate import Gateway
gw = Gateway(CONFIG)
streams = [gw.chat.completions.create(model="fast", messages=MESSAGES, stream=True) for _ in range(100)]
for s in streams: next(s)
""",
    "sys.exit": ASYNC_STREAMS
    + """
async def leave():
    await main()
    sys.exit(0)
asyncio.run(leave())
""",
    "server": """
from tidegate import Gateway
gw = Gateway(CONFIG)
server = gw.serve(port=0)
streams = [gw.chat.completions.create(model="fast", messages=MESSAGES, stream=True) for _ in range(100)]
""",
    "exception": ASYNC_STREAMS
    + """
loop = asyncio.new_event_loop()
loop.run_until_complete(main())
sys.excepthook = lambda *_: None
raise RuntimeError("on purpose")
""",
}


@pytest.mark.parametrize("way", WAYS)
def test_exit_with_a_hundred_streams_in_flight(upstream: Upstream, way: str) -> None:
    vendor = upstream.vendor([{"say": "word " * 1000, "pace_ms": 4, "times": "forever"}])
    expected = 1 if way == "exception" else 0
    for _ in range(-(-REPEAT // len(WAYS))):
        start = time.monotonic()
        done = python(WAYS[way], config=vendor.config(), timeout=30, check=False)
        assert done.returncode == expected, f"{way}: exit {done.returncode}\n{done.stderr}"
        for sign in ("panicked", "Fatal Python error", "Segmentation fault", "core dumped"):
            assert sign not in done.stderr, done.stderr
        assert time.monotonic() - start < 10
    upstream.control("DELETE", "log")


def test_exit_handlers_of_others_can_still_call(upstream: Upstream) -> None:
    vendor = upstream.vendor()
    done = python(
        """
        import atexit
        from tidegate import Gateway, errors
        @atexit.register
        def last():
            try:
                gw.chat.completions.create(model="fast", messages=MESSAGES)
            except errors.Closed:
                print("closed")
        gw = Gateway(CONFIG)
        gw.chat.completions.create(model="fast", messages=MESSAGES)
        """,
        config=vendor.config(),
    )
    assert done.stdout == "closed\n"
