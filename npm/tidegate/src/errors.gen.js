// Written by `cargo xtask gen` from engine/types/src/error/table.rs. Do not edit.
"use strict";

const { TidegateError } = require("./error.js");

/** The request body is not valid JSON. Send one complete JSON object as the body. */
class InvalidJson extends TidegateError {
  static code = 1101;
  static slug = "invalid_json";
}

/** A field of the request is missing or has the wrong type. Correct the field named in `param`. */
class InvalidRequest extends TidegateError {
  static code = 1102;
  static slug = "invalid_request";
}

/** The model is no route, no `provider/model` and not in the catalogue. Use a configured name, `provider/model`, or a model the catalogue knows. */
class UnknownModel extends TidegateError {
  static code = 1103;
  static slug = "unknown_model";
}

/** The path or method is not one the gateway serves. Check the path and method against the server documentation. */
class UnknownEndpoint extends TidegateError {
  static code = 1104;
  static slug = "unknown_endpoint";
}

/** The request uses something the target's dialect cannot express, and `on_unsupported` is `error`. Remove the field named in `param`, choose another target, or set `on_unsupported: drop`. */
class Unsupported extends TidegateError {
  static code = 1105;
  static slug = "unsupported";
}

/** The request body is larger than the configured limit. Send less, or raise `server.max_body`. */
class BodyTooLarge extends TidegateError {
  static code = 1106;
  static slug = "body_too_large";
}

/** The call was cancelled by its caller. Nothing: the caller went away. */
class Cancelled extends TidegateError {
  static code = 1107;
  static slug = "cancelled";
}

/** The call carries no key and keys are required. Send a Tidegate key as `Authorization: Bearer`, `x-api-key` or `x-tidegate-key`. */
class MissingKey extends TidegateError {
  static code = 1201;
  static slug = "missing_key";
}

/** The key is not one of the configured keys. Check the key's value. */
class UnknownKey extends TidegateError {
  static code = 1202;
  static slug = "unknown_key";
}

/** The key, or a level above it, is disabled or past its expiry. Enable the key or use another one. */
class InactiveKey extends TidegateError {
  static code = 1203;
  static slug = "inactive_key";
}

/** The key may not use this model. Use a model on the key's list, or extend the list. */
class ModelNotAllowed extends TidegateError {
  static code = 1204;
  static slug = "model_not_allowed";
}

/** The call does not fit into a hard budget. Raise the budget, bound the output with `max_tokens`, or wait for the window to pass. */
class BudgetExhausted extends TidegateError {
  static code = 1205;
  static slug = "budget_exhausted";
}

/** A rate or concurrency limit is reached. Wait for `retry_after`. */
class RateLimited extends TidegateError {
  static code = 1206;
  static slug = "rate_limited";
}

/** The model has no price and `unpriced` is `deny`. Give the provider `prices`, or set `unpriced: estimate` or `allow`. */
class UnpricedModel extends TidegateError {
  static code = 1207;
  static slug = "unpriced_model";
}

/** A rule of the configuration refuses calls like this one. Read the reason in the message, or change the rule it names. */
class RuleRefused extends TidegateError {
  static code = 1208;
  static slug = "rule_refused";
}

/** A level above the call does not let it ask for that, come from there, or go there. Read in the message which level refuses what, or change its `allow` and `deny`. */
class NotAllowed extends TidegateError {
  static code = 1209;
  static slug = "not_allowed";
}

/** The upstream answered that it is asked too often. Slow down, add a key or add a fallback. */
class UpstreamRateLimited extends TidegateError {
  static code = 2101;
  static slug = "upstream_rate_limited";
}

/** The upstream refused the provider key. Check the provider's key. */
class UpstreamAuth extends TidegateError {
  static code = 2102;
  static slug = "upstream_auth";
}

/** The upstream refused the request as the caller's mistake. Read the upstream's message; the request is at fault. */
class UpstreamRejected extends TidegateError {
  static code = 2103;
  static slug = "upstream_rejected";
}

/** The upstream does not know the model or path. Check the target's model name and base URL. */
class UpstreamNotFound extends TidegateError {
  static code = 2104;
  static slug = "upstream_not_found";
}

/** The upstream failed. Try again later or add a fallback. */
class UpstreamFailed extends TidegateError {
  static code = 2105;
  static slug = "upstream_failed";
}

/** The upstream's answer is not what its dialect promises. Check that the base URL speaks the configured dialect. */
class UpstreamInvalid extends TidegateError {
  static code = 2106;
  static slug = "upstream_invalid";
}

/** The stream ended before its terminal event. What arrived is incomplete; ask again. */
class StreamInterrupted extends TidegateError {
  static code = 2107;
  static slug = "stream_interrupted";
}

/** The upstream reported an error inside a stream. What arrived is incomplete; ask again. */
class StreamFailed extends TidegateError {
  static code = 2108;
  static slug = "stream_failed";
}

/** The prompt is too long for the model. Shorten the prompt, or name models with longer contexts under `fallbacks_on.context_window`. */
class ContextWindow extends TidegateError {
  static code = 2109;
  static slug = "context_window";
}

/** The vendor's policy forbids the content. Change the prompt, or name other targets under `fallbacks_on.content_policy`. */
class ContentPolicy extends TidegateError {
  static code = 2110;
  static slug = "content_policy";
}

/** The identity service of the provider's cloud refused the credentials. Check the provider's `aws`, `azure` or `google` credentials. */
class CredentialsRefused extends TidegateError {
  static code = 2111;
  static slug = "credentials_refused";
}

/** The identity service of the provider's cloud could not be asked. Check the way to the identity service, or add a fallback. */
class CredentialsUnavailable extends TidegateError {
  static code = 2112;
  static slug = "credentials_unavailable";
}

/** No target of the route can be used now. Wait for `retry_after` or add a target. */
class NoHealthyTarget extends TidegateError {
  static code = 2201;
  static slug = "no_healthy_target";
}

/** Every target that could be asked has as many calls under way as it may, and none had room in time. Wait for `retry_after`, raise `max_in_flight` or `queue.max_wait`, or add a target. */
class AtCapacity extends TidegateError {
  static code = 2202;
  static slug = "at_capacity";
}

/** Calls of this priority are turned away because waiting takes too long. Wait for `retry_after`, or send the call with a higher priority. */
class Shed extends TidegateError {
  static code = 2203;
  static slug = "shed";
}

/** The upstream could not be reached. Check the base URL, the network and the upstream. */
class ConnectFailed extends TidegateError {
  static code = 3101;
  static slug = "connect_failed";
}

/** Connecting took longer than `timeouts.connect`. Check the network, or raise `timeouts.connect`. */
class ConnectTimeout extends TidegateError {
  static code = 3102;
  static slug = "connect_timeout";
}

/** No answer began within `timeouts.first_byte`. Raise `timeouts.first_byte` or add a fallback. */
class FirstByteTimeout extends TidegateError {
  static code = 3103;
  static slug = "first_byte_timeout";
}

/** Nothing arrived for longer than `timeouts.idle`. Raise `timeouts.idle`. */
class IdleTimeout extends TidegateError {
  static code = 3104;
  static slug = "idle_timeout";
}

/** The call took longer than `timeouts.total` or the caller's own limit. Raise `timeouts.total` or the caller's timeout. */
class TotalTimeout extends TidegateError {
  static code = 3105;
  static slug = "total_timeout";
}

/** The connection broke before the answer was complete. Try again. */
class ConnectionLost extends TidegateError {
  static code = 3106;
  static slug = "connection_lost";
}

/** The first token did not come within `timeouts.first_token`. Raise `timeouts.first_token` or add a fallback. */
class FirstTokenTimeout extends TidegateError {
  static code = 3107;
  static slug = "first_token_timeout";
}

/** A stream gave no token for longer than `timeouts.stall`. Raise `timeouts.stall`. */
class StallTimeout extends TidegateError {
  static code = 3108;
  static slug = "stall_timeout";
}

/** A stream gave fewer tokens per second than `timeouts.min_tokens_per_second`. Lower `timeouts.min_tokens_per_second` or choose a faster target. */
class TooSlow extends TidegateError {
  static code = 3109;
  static slug = "too_slow";
}

/** The configuration has mistakes, each named with its path. Correct every path named in the message. */
class InvalidConfig extends TidegateError {
  static code = 4101;
  static slug = "invalid_config";
}

/** The configuration file cannot be read. Check the path and its permissions. */
class UnreadableConfig extends TidegateError {
  static code = 4102;
  static slug = "unreadable_config";
}

/** The provider has no key. Set the provider's environment variable or `api_key`. */
class MissingProviderKey extends TidegateError {
  static code = 4103;
  static slug = "missing_provider_key";
}

/** The engine is closed. Open a new gateway. */
class Closed extends TidegateError {
  static code = 9101;
  static slug = "closed";
}

/** The engine failed in a way it should not. Report it with the request id. */
class Internal extends TidegateError {
  static code = 9102;
  static slug = "internal";
}

/** The store of budgets and limits does not answer, and what was borrowed of it is used up. Check the store, or set `on_store_failure: open` for what may be overspent while it is down. */
class StoreUnavailable extends TidegateError {
  static code = 9103;
  static slug = "store_unavailable";
}

module.exports = {
  InvalidJson,
  InvalidRequest,
  UnknownModel,
  UnknownEndpoint,
  Unsupported,
  BodyTooLarge,
  Cancelled,
  MissingKey,
  UnknownKey,
  InactiveKey,
  ModelNotAllowed,
  BudgetExhausted,
  RateLimited,
  UnpricedModel,
  RuleRefused,
  NotAllowed,
  UpstreamRateLimited,
  UpstreamAuth,
  UpstreamRejected,
  UpstreamNotFound,
  UpstreamFailed,
  UpstreamInvalid,
  StreamInterrupted,
  StreamFailed,
  ContextWindow,
  ContentPolicy,
  CredentialsRefused,
  CredentialsUnavailable,
  NoHealthyTarget,
  AtCapacity,
  Shed,
  ConnectFailed,
  ConnectTimeout,
  FirstByteTimeout,
  IdleTimeout,
  TotalTimeout,
  ConnectionLost,
  FirstTokenTimeout,
  StallTimeout,
  TooSlow,
  InvalidConfig,
  UnreadableConfig,
  MissingProviderKey,
  Closed,
  Internal,
  StoreUnavailable,
};
