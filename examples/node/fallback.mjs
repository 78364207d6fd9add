// The first target of the route `brave` always fails; the next one answers, although its vendor
// speaks another dialect.

import { Gateway } from "tidegate";

const gw = await Gateway.open(new URL("../tidegate.yaml", import.meta.url));

const reply = await gw.chat.completions.create({
  model: "brave",
  messages: [{ role: "user", content: "Who has the helm?" }],
});

console.log(reply.choices[0].message.content);
console.log(`target: ${reply.gateway.target}  attempts: ${reply.gateway.attempts}`);

await gw.close();
