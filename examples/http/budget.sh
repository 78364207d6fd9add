#!/usr/bin/env bash
# The key `tg-deckhand` spends its budget until it is refused with 402.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/server.bash"

for number in $(seq 50); do
    answer="$(curl -sS -w '\n%{http_code}' "$url/v1/chat/completions" \
        -H 'authorization: Bearer tg-deckhand' \
        -H 'content-type: application/json' \
        -d '{ "model": "fast", "max_tokens": 32, "messages": [{ "role": "user", "content": "Hello" }] }')"
    status="${answer##*$'\n'}"
    echo "call $number: $status"
    if [ "$status" = 402 ]; then
        echo "${answer%$'\n'*}"
        exit 0
    fi
done
exit 1
