"""The unmodified `openai` package over the engine: nothing changes but its HTTP client."""

from pathlib import Path

import openai
from tidegate import Gateway

CONFIG = Path(__file__).parents[1] / "tidegate.yaml"

with Gateway(CONFIG) as gw:
    client = openai.OpenAI(http_client=gw.http_client(), api_key="tg-captain")

    answer = client.chat.completions.with_raw_response.create(
        model="fast",
        messages=[{"role": "user", "content": "Say hello."}],
    )

print(answer.parse().choices[0].message.content)
print(f"target: {answer.headers['x-tidegate-target']}")
