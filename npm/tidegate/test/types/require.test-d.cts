// Compiled, never run: the same names through `require`.

import tidegate = require("tidegate");

async function main(): Promise<void> {
  const gw: tidegate.Gateway = await tidegate.Gateway.open();
  const { NoHealthyTarget } = tidegate;
  const reply = await gw.messages.create({ model: "m", max_tokens: 1, messages: [] });
  reply.content[0]?.type;
  NoHealthyTarget.code satisfies 2201;
}
void main;
