#!/usr/bin/env bash
# One call; the gateway's own facts are in the headers.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/server.bash"

curl -sS -i "$url/v1/chat/completions" \
    -H 'authorization: Bearer tg-captain' \
    -H 'content-type: application/json' \
    -d '{ "model": "fast", "messages": [{ "role": "user", "content": "Hello" }] }'
echo
