// The same module objects as `require("tidegate")` gives, so that both see one `TidegateError`.
export * from "./src/index.js";
