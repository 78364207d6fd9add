# Starts `tidegate serve` on a free port and stops it at the end of the script that sources this.
# TIDEGATE_BIN names the program when it is not on PATH.

here="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
port="$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')"
url="http://127.0.0.1:$port"

"${TIDEGATE_BIN:-tidegate}" serve --config "$here/tidegate.yaml" --listen "127.0.0.1:$port" --log quiet &
server=$!
trap 'kill "$server"; wait "$server" || true' EXIT
until curl -sf -o /dev/null "$url/readyz"; do
    kill -0 "$server" || exit 1
    sleep 0.05
done
