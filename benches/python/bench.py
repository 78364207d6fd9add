"""One measurement in a process of its own; prints one JSON object.

    bench.py call   CLIENT CONFIG BODY BASE CONCURRENCY COUNT
    bench.py stream CLIENT CONFIG BODY BASE ROUNDS
    bench.py first  CONFIG

CPU is that of this process, all threads. BODY is a file with a chat request; BASE is the upstream.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time

CLIENTS = ("aiohttp", "openai", "tidegate", "openai-tidegate")


def cpu() -> float:
    """Seconds of user and system time so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def resident() -> float:
    """Resident memory in MiB."""
    with open("/proc/self/status") as status:
        for line in status:
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
    return 0.0


async def caller(client: str, config: str, base: str):
    """An async function that makes one call, and one that ends the client."""
    if client == "aiohttp":
        import aiohttp

        session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))

        async def call(body):
            async with session.post(f"{base}/v1/chat/completions", json=body) as answer:
                reply = await answer.json()
                return reply["choices"][0]["message"]["content"]

        return call, session.close

    if client == "tidegate":
        from tidegate import AsyncGateway

        gateway = AsyncGateway(config)
        create = gateway.chat.completions.create

        async def call(body):
            reply = await create(**body)
            return reply.choices[0].message.content

        return call, gateway.aclose

    import openai

    if client == "openai":
        vendor = openai.AsyncOpenAI(api_key="sk-bench", base_url=f"{base}/v1", max_retries=0)
        end = vendor.close
    else:
        from tidegate import AsyncGateway

        gateway = AsyncGateway(config)
        vendor = openai.AsyncOpenAI(api_key="unused", http_client=gateway.async_http_client(), max_retries=0)
        end = gateway.aclose
    create = vendor.chat.completions.create

    async def call(body):
        reply = await create(**body)
        return reply.choices[0].message.content

    return call, end


async def calls(client: str, config: str, body: dict, base: str, concurrency: int, count: int) -> dict:
    """CPU and wall time per call."""
    if client == "openai-tidegate":
        # The SDK's own URL decides; the route is asked for by its name.
        body = dict(body)
    call, end = await caller(client, config, base)

    async def some(number: int) -> None:
        for _ in range(number):
            if not await call(body):
                raise RuntimeError("an empty answer")

    async def spread(number: int) -> None:
        await asyncio.gather(*(some(number // concurrency) for _ in range(concurrency)))

    await spread(max(count // 5, concurrency))
    before, begin = cpu(), time.perf_counter()
    await spread(count)
    used, took = cpu() - before, time.perf_counter() - begin
    done = count // concurrency * concurrency
    await end()
    return {"cpu_us": used / done * 1e6, "wall_us": took / done * 1e6, "rss_mib": resident()}


async def stream(client: str, config: str, body: dict, base: str, rounds: int) -> dict:
    """CPU per chunk of streams read to their end."""
    if client == "tidegate":
        from tidegate import AsyncGateway

        gateway = AsyncGateway(config)
        create, end = gateway.chat.completions.create, gateway.aclose
    else:
        import openai

        if client == "openai":
            vendor = openai.AsyncOpenAI(api_key="sk-bench", base_url=f"{base}/v1", max_retries=0)
            end = vendor.close
        else:
            from tidegate import AsyncGateway

            gateway = AsyncGateway(config)
            vendor = openai.AsyncOpenAI(api_key="unused", http_client=gateway.async_http_client(), max_retries=0)
            end = gateway.aclose
        create = vendor.chat.completions.create

    async def one() -> int:
        chunks = 0
        async for _ in await create(**body):
            chunks += 1
        return chunks

    await one()
    before, chunks = cpu(), 0
    for _ in range(rounds):
        chunks += await one()
    used = cpu() - before
    await end()
    return {"cpu_us": used / chunks * 1e6, "chunks": chunks}


def first(config: str) -> dict:
    """Time and memory of the import and the first call, above a bare interpreter."""
    bare = resident()
    begin = time.perf_counter()
    import tidegate

    gateway = tidegate.Gateway(config)
    reply = gateway.chat.completions.create(model="fast", messages=[{"role": "user", "content": "hello"}])
    text = reply.choices[0].message.content
    took = time.perf_counter() - begin
    if not text:
        raise RuntimeError("an empty answer")
    return {"seconds": took, "mib": resident() - bare}


def main() -> None:
    """Does what the arguments say."""
    what, *rest = sys.argv[1:]
    if what == "first":
        print(json.dumps(first(rest[0])))
        return
    client, config, path, base, *numbers = rest
    with open(path, "rb") as file:
        body = json.load(file)
    measure = calls if what == "call" else stream
    print(json.dumps(asyncio.run(measure(client, config, body, base, *map(int, numbers)))))


if __name__ == "__main__":
    main()
