"""One call to the route `fast`, its target and its cost."""

from pathlib import Path

from tidegate import Gateway

CONFIG = Path(__file__).parents[1] / "tidegate.yaml"

with Gateway(CONFIG) as gw:
    reply = gw.chat.completions.create(
        model="fast",
        messages=[{"role": "user", "content": "Say hello."}],
    )

print(reply.choices[0].message.content)
print(f"target: {reply.gateway.target}  cost: ${reply.gateway.cost}")
