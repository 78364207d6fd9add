"use strict";

const { Gateway, Server } = require("./gateway.js");
const { ProviderError, ProviderRequest } = require("./functions.js");
const { RawReply } = require("./raw.js");
const { Stream } = require("./stream.js");
const { TidegateError } = require("./error.js");

module.exports = {
  Gateway,
  Server,
  ProviderError,
  ProviderRequest,
  RawReply,
  Stream,
  TidegateError,
  ...require("./errors.gen.js"),
};
