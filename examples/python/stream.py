"""The same, piece by piece and on an event loop. The cost is known when the stream has ended."""

import asyncio
from pathlib import Path

from tidegate import AsyncGateway

CONFIG = Path(__file__).parents[1] / "tidegate.yaml"


async def main() -> None:
    async with AsyncGateway(CONFIG) as gw:
        stream = await gw.chat.completions.create(
            model="fast",
            messages=[{"role": "user", "content": "Say hello."}],
            stream=True,
        )
        async for chunk in stream:
            if chunk.choices:
                print(chunk.choices[0].delta.content or "", end="", flush=True)
        print(f"\ntarget: {stream.gateway.target}  cost: ${stream.gateway.cost}")


asyncio.run(main())
