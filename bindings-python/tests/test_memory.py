"""Memory stays flat. Counts come from the environment for longer runs."""

from __future__ import annotations

import json

from support import Upstream, python, scale

RSS = """
def rss():
    for line in open("/proc/self/status"):
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
"""


def test_sequential_streams_leave_memory_flat(busy: Upstream) -> None:
    count = scale("TIDEGATE_SEQUENTIAL_STREAMS", 1500)
    done = python(
        RSS
        + f"""
import asyncio, gc
from tidegate import AsyncGateway, Gateway
gw, agw = Gateway(CONFIG), AsyncGateway(CONFIG)
def sync(n):
    for i in range(n):
        stream = gw.chat.completions.create(model="fast", messages=MESSAGES, stream=True)
        for _ in stream:
            if i % 10 == 0:
                break
async def many(n):
    for i in range(n):
        async for _ in await agw.chat.completions.create(model="fast", messages=MESSAGES, stream=True):
            if i % 10 == 0:
                break
figures = []
for part in range(6):
    sync({count} // 12)
    asyncio.run(many({count} // 12))
    gc.collect()
    figures.append(rss())
print(json.dumps(figures))
""",
        config=busy.vendor().config(),
        timeout=170,
    )
    figures = json.loads(done.stdout)
    assert figures[-1] - figures[1] < 8, figures


def test_concurrent_streams_leave_memory_flat(busy: Upstream) -> None:
    width = scale("TIDEGATE_CONCURRENT_STREAMS", 300)
    done = python(
        RSS
        + f"""
import asyncio, gc
from tidegate import AsyncGateway
agw = AsyncGateway(CONFIG)
async def one():
    n = 0
    async for _ in await agw.chat.completions.create(model="fast", messages=MESSAGES, stream=True):
        n += 1
    return n
async def wave():
    counts = await asyncio.gather(*(one() for _ in range({width})))
    assert len(set(counts)) == 1 and counts[0] > 3, set(counts)
figures = []
for _ in range(6):
    asyncio.run(wave())
    gc.collect()
    figures.append(rss())
print(json.dumps(figures), len(os.listdir("/proc/self/fd")))
""",
        config=busy.vendor().config(),
        timeout=170,
    )
    figures = json.loads(done.stdout.rpartition(" ")[0])
    assert figures[-1] - figures[2] < 8, figures


def test_replies_are_not_kept(busy: Upstream) -> None:
    done = python(
        RSS
        + """
from tidegate import Gateway
gw = Gateway(CONFIG)
big = [{"role": "user", "content": "x" * 1_000_000}]
figures = []
for _ in range(5):
    for _ in range(10):
        gw.chat.completions.create(model="fast", messages=big)
    figures.append(rss())
print(json.dumps(figures))
""",
        config=busy.vendor().config(),
        timeout=120,
    )
    figures = json.loads(done.stdout)
    assert figures[-1] - figures[1] < 12, figures
