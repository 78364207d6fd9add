// The raw door: the transport for SDKs.

/** The answer to an HTTP request. */
export async function answerOf(gateway, { method, target, headers, body, cancel_after_bytes: limit }) {
  const url = target.startsWith("/") ? `http://gateway.invalid${target}` : target;
  const reply = await gateway.fetch(url, { method, headers, body });
  const answer = { status: reply.status, headers: Object.fromEntries(reply.headers) };
  const pieces = [];
  let size = 0;
  for await (const piece of reply.body ?? []) {
    pieces.push(piece);
    size += piece.length;
    if (size >= limit) break;
  }
  return { ...answer, body: Buffer.concat(pieces).toString(), cancelled: limit !== undefined };
}
