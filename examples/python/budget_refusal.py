"""The key `tg-deckhand` may spend a tenth of a cent a day. It calls until it is refused."""

from pathlib import Path

from tidegate import Gateway
from tidegate.errors import BudgetExhausted

CONFIG = Path(__file__).parents[1] / "tidegate.yaml"

with Gateway(CONFIG) as gw:
    deckhand = gw.with_key("tg-deckhand")
    try:
        for call in range(1, 1000):
            reply = deckhand.chat.completions.create(
                model="fast",
                messages=[{"role": "user", "content": "Say hello."}],
                max_tokens=50,  # what a call may cost at most is set aside before it is made
            )
            print(f"call {call}: ${reply.gateway.cost}")
    except BudgetExhausted as error:
        hours = (error.retry_after or 0) / 3600
        print(f"refused: {error.slug} (HTTP {error.status}), try again in {hours:.0f} h")
