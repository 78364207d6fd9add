// Sessions over a WebSocket, act by act.

import { TidegateError } from "../../../npm/tidegate/index.mjs";

/** What a session said and how it ended, and the session. */
export async function talkOf(gateway, { api, request, headers, talk }) {
  const session = await gateway[api].connect({ ...request, headers });
  const messages = [];
  let refused;
  const hear = async () => {
    const message = await session.receive();
    if (message !== undefined) messages.push(message instanceof Uint8Array ? { binary: Buffer.from(message).toString("hex") } : message);
    return message !== undefined;
  };
  try {
    for (const act of talk) {
      if (act.say !== undefined) await session.send(act.say);
      else if (act.binary !== undefined) await session.send(Buffer.from(act.binary, "hex"));
      else if (act.close) await session.close({ code: act.close[0], reason: act.close[1] });
      else if (act.drop) return session.cancel(), [{ messages }];
      else for (let count = 0; count < act.hear && (await hear()); count++);
    }
    while (await hear());
  } catch (error) {
    if (!(error instanceof TidegateError)) throw error;
    refused = error.slug;
  }
  return [{ messages, code: session.closeCode, reason: session.closeReason, refused }, session];
}
