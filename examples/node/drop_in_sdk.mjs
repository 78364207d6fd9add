// The unmodified `openai` package over the engine: nothing changes but its `fetch`.

import OpenAI from "openai";
import { Gateway } from "tidegate";

const gw = await Gateway.open(new URL("../tidegate.yaml", import.meta.url));
const client = new OpenAI({ fetch: gw.fetch, apiKey: "tg-captain" });

const { data, response } = await client.chat.completions
  .create({ model: "fast", messages: [{ role: "user", content: "Say hello." }] })
  .withResponse();

console.log(data.choices[0].message.content);
console.log(`target: ${response.headers.get("x-tidegate-target")}`);

await gw.close();
