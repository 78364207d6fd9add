// The same, piece by piece. The cost is known when the stream has ended.

import { Gateway } from "tidegate";

const gw = await Gateway.open(new URL("../tidegate.yaml", import.meta.url));

const stream = await gw.chat.completions.create({
  model: "fast",
  messages: [{ role: "user", content: "Say hello." }],
  stream: true,
});
for await (const chunk of stream) {
  process.stdout.write(chunk.choices[0]?.delta.content ?? "");
}
console.log(`\ntarget: ${stream.gateway.target}  cost: $${stream.gateway.cost}`);

await gw.close();
