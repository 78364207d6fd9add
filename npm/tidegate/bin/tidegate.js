#!/usr/bin/env node
"use strict";

// The command runs inside the addon and handles its own signals; this thread waits for it.
process.exit(require("../src/native.js").load().cli(process.argv.slice(2)));
