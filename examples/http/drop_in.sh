#!/usr/bin/env bash
# A client of a vendor needs nothing but another base URL. Here curl plays an SDK that reads its
# vendor's usual variables; below `/openai` and `/anthropic` every path of the vendor works.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/server.bash"

export OPENAI_BASE_URL="$url/openai/v1" OPENAI_API_KEY=tg-captain

curl -sS "$OPENAI_BASE_URL/chat/completions" \
    -H "authorization: Bearer $OPENAI_API_KEY" \
    -H 'content-type: application/json' \
    -d '{ "model": "fast", "messages": [{ "role": "user", "content": "Hello" }] }'
echo
