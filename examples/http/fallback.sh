#!/usr/bin/env bash
# The first target of the route `brave` fails; the second answers.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/server.bash"

curl -sS -o /dev/null -w 'target: %header{x-tidegate-target}\nattempts: %header{x-tidegate-attempts}\n' \
    "$url/v1/chat/completions" \
    -H 'authorization: Bearer tg-captain' \
    -H 'content-type: application/json' \
    -d '{ "model": "brave", "messages": [{ "role": "user", "content": "Is anybody there?" }] }'
