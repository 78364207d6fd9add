"""The first target of the route `brave` always fails; the next one answers, although its vendor
speaks another dialect."""

from pathlib import Path

from tidegate import Gateway

CONFIG = Path(__file__).parents[1] / "tidegate.yaml"

with Gateway(CONFIG) as gw:
    reply = gw.chat.completions.create(
        model="brave",
        messages=[{"role": "user", "content": "Who has the helm?"}],
    )

print(reply.choices[0].message.content)
print(f"target: {reply.gateway.target}  attempts: {reply.gateway.attempts}")
