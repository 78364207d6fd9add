"use strict";

/**
 * Headers as the addon takes them: one `name: value` a line. `Headers` has checked that neither
 * holds a line break, and that every character is a byte.
 * @param {Headers} headers
 * @returns {string}
 */
function toLines(headers) {
  let lines = "";
  for (const [name, value] of headers) {
    // Answers are handed on as they come, so none may arrive compressed.
    if (name !== "accept-encoding") lines += `${name}: ${value}\n`;
  }
  return lines;
}

/**
 * The same the other way round.
 * @param {string} lines
 * @returns {[string, string][]}
 */
function fromLines(lines) {
  /** @type {[string, string][]} */
  const pairs = [];
  for (let start = 0; start < lines.length; ) {
    const colon = lines.indexOf(": ", start);
    const end = lines.indexOf("\n", colon);
    pairs.push([lines.slice(start, colon), lines.slice(colon + 2, end)]);
    start = end + 1;
  }
  return pairs;
}

module.exports = { toLines, fromLines };
