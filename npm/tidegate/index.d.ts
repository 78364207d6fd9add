export * from "./types/chat.js";
export * from "./types/config.js";
export * from "./types/functions.js";
export * from "./types/gateway.js";
export * from "./types/messages.js";
export * from "./types/methods.js";
export * from "./types/responses.js";
export { TidegateError, type Attempt, type UpstreamAnswer } from "./types/errors.js";
export * from "./src/errors.gen.js";
