// Written by `cargo xtask gen` from engine/types/src/error/table.rs. Do not edit.

import { TidegateError } from "../types/errors.js";

/** The request body is not valid JSON. Send one complete JSON object as the body. */
export class InvalidJson extends TidegateError {
  static readonly code: 1101;
  static readonly slug: "invalid_json";
  readonly code: 1101;
  readonly slug: "invalid_json";
}

/** A field of the request is missing or has the wrong type. Correct the field named in `param`. */
export class InvalidRequest extends TidegateError {
  static readonly code: 1102;
  static readonly slug: "invalid_request";
  readonly code: 1102;
  readonly slug: "invalid_request";
}

/** The model is no route, no `provider/model` and not in the catalogue. Use a configured name, `provider/model`, or a model the catalogue knows. */
export class UnknownModel extends TidegateError {
  static readonly code: 1103;
  static readonly slug: "unknown_model";
  readonly code: 1103;
  readonly slug: "unknown_model";
}

/** The path or method is not one the gateway serves. Check the path and method against the server documentation. */
export class UnknownEndpoint extends TidegateError {
  static readonly code: 1104;
  static readonly slug: "unknown_endpoint";
  readonly code: 1104;
  readonly slug: "unknown_endpoint";
}

/** The request uses something the target's dialect cannot express, and `on_unsupported` is `error`. Remove the field named in `param`, choose another target, or set `on_unsupported: drop`. */
export class Unsupported extends TidegateError {
  static readonly code: 1105;
  static readonly slug: "unsupported";
  readonly code: 1105;
  readonly slug: "unsupported";
}

/** The request body is larger than the configured limit. Send less, or raise `server.max_body`. */
export class BodyTooLarge extends TidegateError {
  static readonly code: 1106;
  static readonly slug: "body_too_large";
  readonly code: 1106;
  readonly slug: "body_too_large";
}

/** The call was cancelled by its caller. Nothing: the caller went away. */
export class Cancelled extends TidegateError {
  static readonly code: 1107;
  static readonly slug: "cancelled";
  readonly code: 1107;
  readonly slug: "cancelled";
}

/** The call carries no key and keys are required. Send a Tidegate key as `Authorization: Bearer`, `x-api-key` or `x-tidegate-key`. */
export class MissingKey extends TidegateError {
  static readonly code: 1201;
  static readonly slug: "missing_key";
  readonly code: 1201;
  readonly slug: "missing_key";
}

/** The key is not one of the configured keys. Check the key's value. */
export class UnknownKey extends TidegateError {
  static readonly code: 1202;
  static readonly slug: "unknown_key";
  readonly code: 1202;
  readonly slug: "unknown_key";
}

/** The key, or a level above it, is disabled or past its expiry. Enable the key or use another one. */
export class InactiveKey extends TidegateError {
  static readonly code: 1203;
  static readonly slug: "inactive_key";
  readonly code: 1203;
  readonly slug: "inactive_key";
}

/** The key may not use this model. Use a model on the key's list, or extend the list. */
export class ModelNotAllowed extends TidegateError {
  static readonly code: 1204;
  static readonly slug: "model_not_allowed";
  readonly code: 1204;
  readonly slug: "model_not_allowed";
}

/** The call does not fit into a hard budget. Raise the budget, bound the output with `max_tokens`, or wait for the window to pass. */
export class BudgetExhausted extends TidegateError {
  static readonly code: 1205;
  static readonly slug: "budget_exhausted";
  readonly code: 1205;
  readonly slug: "budget_exhausted";
}

/** A rate or concurrency limit is reached. Wait for `retry_after`. */
export class RateLimited extends TidegateError {
  static readonly code: 1206;
  static readonly slug: "rate_limited";
  readonly code: 1206;
  readonly slug: "rate_limited";
}

/** The model has no price and `unpriced` is `deny`. Give the provider `prices`, or set `unpriced: estimate` or `allow`. */
export class UnpricedModel extends TidegateError {
  static readonly code: 1207;
  static readonly slug: "unpriced_model";
  readonly code: 1207;
  readonly slug: "unpriced_model";
}

/** A rule of the configuration refuses calls like this one. Read the reason in the message, or change the rule it names. */
export class RuleRefused extends TidegateError {
  static readonly code: 1208;
  static readonly slug: "rule_refused";
  readonly code: 1208;
  readonly slug: "rule_refused";
}

/** A level above the call does not let it ask for that, come from there, or go there. Read in the message which level refuses what, or change its `allow` and `deny`. */
export class NotAllowed extends TidegateError {
  static readonly code: 1209;
  static readonly slug: "not_allowed";
  readonly code: 1209;
  readonly slug: "not_allowed";
}

/** The upstream answered that it is asked too often. Slow down, add a key or add a fallback. */
export class UpstreamRateLimited extends TidegateError {
  static readonly code: 2101;
  static readonly slug: "upstream_rate_limited";
  readonly code: 2101;
  readonly slug: "upstream_rate_limited";
}

/** The upstream refused the provider key. Check the provider's key. */
export class UpstreamAuth extends TidegateError {
  static readonly code: 2102;
  static readonly slug: "upstream_auth";
  readonly code: 2102;
  readonly slug: "upstream_auth";
}

/** The upstream refused the request as the caller's mistake. Read the upstream's message; the request is at fault. */
export class UpstreamRejected extends TidegateError {
  static readonly code: 2103;
  static readonly slug: "upstream_rejected";
  readonly code: 2103;
  readonly slug: "upstream_rejected";
}

/** The upstream does not know the model or path. Check the target's model name and base URL. */
export class UpstreamNotFound extends TidegateError {
  static readonly code: 2104;
  static readonly slug: "upstream_not_found";
  readonly code: 2104;
  readonly slug: "upstream_not_found";
}

/** The upstream failed. Try again later or add a fallback. */
export class UpstreamFailed extends TidegateError {
  static readonly code: 2105;
  static readonly slug: "upstream_failed";
  readonly code: 2105;
  readonly slug: "upstream_failed";
}

/** The upstream's answer is not what its dialect promises. Check that the base URL speaks the configured dialect. */
export class UpstreamInvalid extends TidegateError {
  static readonly code: 2106;
  static readonly slug: "upstream_invalid";
  readonly code: 2106;
  readonly slug: "upstream_invalid";
}

/** The stream ended before its terminal event. What arrived is incomplete; ask again. */
export class StreamInterrupted extends TidegateError {
  static readonly code: 2107;
  static readonly slug: "stream_interrupted";
  readonly code: 2107;
  readonly slug: "stream_interrupted";
}

/** The upstream reported an error inside a stream. What arrived is incomplete; ask again. */
export class StreamFailed extends TidegateError {
  static readonly code: 2108;
  static readonly slug: "stream_failed";
  readonly code: 2108;
  readonly slug: "stream_failed";
}

/** The prompt is too long for the model. Shorten the prompt, or name models with longer contexts under `fallbacks_on.context_window`. */
export class ContextWindow extends TidegateError {
  static readonly code: 2109;
  static readonly slug: "context_window";
  readonly code: 2109;
  readonly slug: "context_window";
}

/** The vendor's policy forbids the content. Change the prompt, or name other targets under `fallbacks_on.content_policy`. */
export class ContentPolicy extends TidegateError {
  static readonly code: 2110;
  static readonly slug: "content_policy";
  readonly code: 2110;
  readonly slug: "content_policy";
}

/** The identity service of the provider's cloud refused the credentials. Check the provider's `aws`, `azure` or `google` credentials. */
export class CredentialsRefused extends TidegateError {
  static readonly code: 2111;
  static readonly slug: "credentials_refused";
  readonly code: 2111;
  readonly slug: "credentials_refused";
}

/** The identity service of the provider's cloud could not be asked. Check the way to the identity service, or add a fallback. */
export class CredentialsUnavailable extends TidegateError {
  static readonly code: 2112;
  static readonly slug: "credentials_unavailable";
  readonly code: 2112;
  readonly slug: "credentials_unavailable";
}

/** No target of the route can be used now. Wait for `retry_after` or add a target. */
export class NoHealthyTarget extends TidegateError {
  static readonly code: 2201;
  static readonly slug: "no_healthy_target";
  readonly code: 2201;
  readonly slug: "no_healthy_target";
}

/** Every target that could be asked has as many calls under way as it may, and none had room in time. Wait for `retry_after`, raise `max_in_flight` or `queue.max_wait`, or add a target. */
export class AtCapacity extends TidegateError {
  static readonly code: 2202;
  static readonly slug: "at_capacity";
  readonly code: 2202;
  readonly slug: "at_capacity";
}

/** Calls of this priority are turned away because waiting takes too long. Wait for `retry_after`, or send the call with a higher priority. */
export class Shed extends TidegateError {
  static readonly code: 2203;
  static readonly slug: "shed";
  readonly code: 2203;
  readonly slug: "shed";
}

/** The upstream could not be reached. Check the base URL, the network and the upstream. */
export class ConnectFailed extends TidegateError {
  static readonly code: 3101;
  static readonly slug: "connect_failed";
  readonly code: 3101;
  readonly slug: "connect_failed";
}

/** Connecting took longer than `timeouts.connect`. Check the network, or raise `timeouts.connect`. */
export class ConnectTimeout extends TidegateError {
  static readonly code: 3102;
  static readonly slug: "connect_timeout";
  readonly code: 3102;
  readonly slug: "connect_timeout";
}

/** No answer began within `timeouts.first_byte`. Raise `timeouts.first_byte` or add a fallback. */
export class FirstByteTimeout extends TidegateError {
  static readonly code: 3103;
  static readonly slug: "first_byte_timeout";
  readonly code: 3103;
  readonly slug: "first_byte_timeout";
}

/** Nothing arrived for longer than `timeouts.idle`. Raise `timeouts.idle`. */
export class IdleTimeout extends TidegateError {
  static readonly code: 3104;
  static readonly slug: "idle_timeout";
  readonly code: 3104;
  readonly slug: "idle_timeout";
}

/** The call took longer than `timeouts.total` or the caller's own limit. Raise `timeouts.total` or the caller's timeout. */
export class TotalTimeout extends TidegateError {
  static readonly code: 3105;
  static readonly slug: "total_timeout";
  readonly code: 3105;
  readonly slug: "total_timeout";
}

/** The connection broke before the answer was complete. Try again. */
export class ConnectionLost extends TidegateError {
  static readonly code: 3106;
  static readonly slug: "connection_lost";
  readonly code: 3106;
  readonly slug: "connection_lost";
}

/** The first token did not come within `timeouts.first_token`. Raise `timeouts.first_token` or add a fallback. */
export class FirstTokenTimeout extends TidegateError {
  static readonly code: 3107;
  static readonly slug: "first_token_timeout";
  readonly code: 3107;
  readonly slug: "first_token_timeout";
}

/** A stream gave no token for longer than `timeouts.stall`. Raise `timeouts.stall`. */
export class StallTimeout extends TidegateError {
  static readonly code: 3108;
  static readonly slug: "stall_timeout";
  readonly code: 3108;
  readonly slug: "stall_timeout";
}

/** A stream gave fewer tokens per second than `timeouts.min_tokens_per_second`. Lower `timeouts.min_tokens_per_second` or choose a faster target. */
export class TooSlow extends TidegateError {
  static readonly code: 3109;
  static readonly slug: "too_slow";
  readonly code: 3109;
  readonly slug: "too_slow";
}

/** The configuration has mistakes, each named with its path. Correct every path named in the message. */
export class InvalidConfig extends TidegateError {
  static readonly code: 4101;
  static readonly slug: "invalid_config";
  readonly code: 4101;
  readonly slug: "invalid_config";
}

/** The configuration file cannot be read. Check the path and its permissions. */
export class UnreadableConfig extends TidegateError {
  static readonly code: 4102;
  static readonly slug: "unreadable_config";
  readonly code: 4102;
  readonly slug: "unreadable_config";
}

/** The provider has no key. Set the provider's environment variable or `api_key`. */
export class MissingProviderKey extends TidegateError {
  static readonly code: 4103;
  static readonly slug: "missing_provider_key";
  readonly code: 4103;
  readonly slug: "missing_provider_key";
}

/** The engine is closed. Open a new gateway. */
export class Closed extends TidegateError {
  static readonly code: 9101;
  static readonly slug: "closed";
  readonly code: 9101;
  readonly slug: "closed";
}

/** The engine failed in a way it should not. Report it with the request id. */
export class Internal extends TidegateError {
  static readonly code: 9102;
  static readonly slug: "internal";
  readonly code: 9102;
  readonly slug: "internal";
}

/** The store of budgets and limits does not answer, and what was borrowed of it is used up. Check the store, or set `on_store_failure: open` for what may be overspent while it is down. */
export class StoreUnavailable extends TidegateError {
  static readonly code: 9103;
  static readonly slug: "store_unavailable";
  readonly code: 9103;
  readonly slug: "store_unavailable";
}

/** The number of an error. */
export type ErrorCode =
  | 1101
  | 1102
  | 1103
  | 1104
  | 1105
  | 1106
  | 1107
  | 1201
  | 1202
  | 1203
  | 1204
  | 1205
  | 1206
  | 1207
  | 1208
  | 1209
  | 2101
  | 2102
  | 2103
  | 2104
  | 2105
  | 2106
  | 2107
  | 2108
  | 2109
  | 2110
  | 2111
  | 2112
  | 2201
  | 2202
  | 2203
  | 3101
  | 3102
  | 3103
  | 3104
  | 3105
  | 3106
  | 3107
  | 3108
  | 3109
  | 4101
  | 4102
  | 4103
  | 9101
  | 9102
  | 9103;

/** The name of an error. */
export type ErrorSlug =
  | "invalid_json"
  | "invalid_request"
  | "unknown_model"
  | "unknown_endpoint"
  | "unsupported"
  | "body_too_large"
  | "cancelled"
  | "missing_key"
  | "unknown_key"
  | "inactive_key"
  | "model_not_allowed"
  | "budget_exhausted"
  | "rate_limited"
  | "unpriced_model"
  | "rule_refused"
  | "not_allowed"
  | "upstream_rate_limited"
  | "upstream_auth"
  | "upstream_rejected"
  | "upstream_not_found"
  | "upstream_failed"
  | "upstream_invalid"
  | "stream_interrupted"
  | "stream_failed"
  | "context_window"
  | "content_policy"
  | "credentials_refused"
  | "credentials_unavailable"
  | "no_healthy_target"
  | "at_capacity"
  | "shed"
  | "connect_failed"
  | "connect_timeout"
  | "first_byte_timeout"
  | "idle_timeout"
  | "total_timeout"
  | "connection_lost"
  | "first_token_timeout"
  | "stall_timeout"
  | "too_slow"
  | "invalid_config"
  | "unreadable_config"
  | "missing_provider_key"
  | "closed"
  | "internal"
  | "store_unavailable";
