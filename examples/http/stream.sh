#!/usr/bin/env bash
# The same as server-sent events, their text joined.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/server.bash"

curl -sS -N "$url/v1/chat/completions" \
    -H 'authorization: Bearer tg-captain' \
    -H 'content-type: application/json' \
    -d '{ "model": "fast", "stream": true, "messages": [{ "role": "user", "content": "Hello" }] }' |
    sed -n 's/.*"content":"\([^"]*\)".*/\1/p' | tr -d '\n'
echo
