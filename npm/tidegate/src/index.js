"use strict";

const { Gateway, Server } = require("./gateway.js");
const { RawReply } = require("./raw.js");
const { Stream } = require("./stream.js");
const { TidegateError } = require("./error.js");

module.exports = {
  Gateway,
  Server,
  RawReply,
  Stream,
  TidegateError,
  ...require("./errors.gen.js"),
};
