// Functions of the program that follow a script, reply by reply; the last one repeats.

import { ProviderError } from "../../../npm/tidegate/index.mjs";

/** The functions of an `open`. */
export function functionsOf({ functions }) {
  return Object.fromEntries(Object.entries(functions ?? {}).map(([name, replies]) => [name, scripted([...replies])]));
}

function scripted(replies) {
  return (request) => {
    const reply = replies.length > 1 ? replies.shift() : replies[0];
    if (reply.silent) return new Promise((_, reject) => request.signal.addEventListener("abort", reject));
    if (reply.fail) throw new ProviderError(reply.message ?? "refused", { status: reply.fail, retryAfter: reply.retry_after });
    if (reply.raise) throw new Error(reply.raise);
    if (reply.echo) return `${request.dialect} ${request.model} ${request.path} ${request.stream}`;
    return reply.stream ? pieces(reply) : (reply.say ?? reply.json);
  };
}

async function* pieces({ stream, breaks }) {
  yield* stream;
  if (breaks) throw new ProviderError("the script breaks here");
}
