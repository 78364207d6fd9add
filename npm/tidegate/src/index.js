"use strict";

const { Gateway, Server } = require("./gateway.js");
const { ProviderError, ProviderRequest } = require("./functions.js");
const { RawReply } = require("./raw.js");
const { Session } = require("./session.js");
const { Stream } = require("./stream.js");
const { TidegateError } = require("./error.js");

module.exports = {
  Gateway,
  Server,
  Session,
  ProviderError,
  ProviderRequest,
  RawReply,
  Stream,
  TidegateError,
  ...require("./errors.gen.js"),
};
