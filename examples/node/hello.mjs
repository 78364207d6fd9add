// One call to the route `fast`, its target and its cost.

import { Gateway } from "tidegate";

const gw = await Gateway.open(new URL("../tidegate.yaml", import.meta.url));

const reply = await gw.chat.completions.create({
  model: "fast",
  messages: [{ role: "user", content: "Say hello." }],
});

console.log(reply.choices[0].message.content);
console.log(`target: ${reply.gateway.target}  cost: $${reply.gateway.cost}`);

await gw.close();
