// The key `tg-deckhand` may spend a tenth of a cent a day. It calls until it is refused.

import { BudgetExhausted, Gateway } from "tidegate";

const gw = await Gateway.open(new URL("../tidegate.yaml", import.meta.url));
const deckhand = gw.withKey("tg-deckhand");

try {
  for (let call = 1; ; call++) {
    const reply = await deckhand.chat.completions.create({
      model: "fast",
      messages: [{ role: "user", content: "Say hello." }],
      max_tokens: 50, // what a call may cost at most is set aside before it is made
    });
    console.log(`call ${call}: $${reply.gateway.cost}`);
  }
} catch (error) {
  if (!(error instanceof BudgetExhausted)) throw error;
  console.log(`refused: ${error.slug} (HTTP ${error.status}), try again in ${Math.ceil(error.retryAfter / 3600)} h`);
}

await gw.close();
