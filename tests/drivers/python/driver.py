"""Driver of the suite: the Python face. Protocol: tests/README.md."""

import asyncio
import json
import sys
from itertools import islice

import tidegate
from tidegate import AsyncGateway, Gateway, TidegateError

CAPABILITIES = (
    "call stream hold cancel cancel_call headers http reload connect health close text path env root "
    "tried final_facts"
).split()
FACTS = ("request_id", "target", "key", "attempts", "cost", "cache", "dropped")


def facts(reply):
    members = {name: getattr(reply.gateway, name) for name in FACTS}
    members["cost"] = None if members["cost"] is None else str(members["cost"])
    return members


def failure(error):
    names = ("code", "slug", "status", "message", "retry_after", "attempts", "param")
    return {name: getattr(error, name, None) for name in names}


def create(gateway, request):
    """The method of the client that the request names, and its arguments."""
    options = {"extra_headers": request["headers"]} if "headers" in request else {}
    api = request.get("api", "chat.completions")
    if api == "models":
        return gateway.models.list, options
    home = gateway
    for name in api.split("."):
        home = getattr(home, name)
    return home.create, {**request["request"], **options}


class Driver:
    def __init__(self):
        self.gateway = self.config = self.held = None

    def hello(self, _):
        abilities = [*CAPABILITIES]
        if hasattr(getattr(tidegate._native, "Engine"), "advance"):
            abilities.append("advance")
        return {"surface": "python", "version": tidegate.__version__, "capabilities": abilities}

    def open(self, request):
        self.close({"deadline_ms": 0})
        self.config = request.get("path") or request.get("config")
        if "text" in request:
            self.gateway = Gateway.from_text(request["text"], format=request["format"])
        else:
            self.gateway = Gateway(self.config)
        return {}

    def connect(self, request):
        self.gateway = Gateway.connect(request["url"], request.get("key"))
        return {}

    def call(self, request):
        if "cancel_after_ms" in request:
            return asyncio.run(self.call_and_cancel(request))
        gateway = self.gateway.with_key(request["key"]) if "key" in request else self.gateway
        method, arguments = create(gateway, request)
        reply = method(**arguments)
        if not arguments.get("stream"):
            return {"body": reply.to_dict(), "gateway": facts(reply)}
        limit = request.get("cancel_after_chunks", request.get("hold"))
        if limit is None:
            return self.read(reply)
        chunks = [chunk.to_dict() for chunk in islice(reply, limit)]
        if "hold" in request:
            self.held = reply
            return {"chunks": chunks, "held": True}
        reply.close()
        return {"chunks": chunks, "cancelled": True}

    async def call_and_cancel(self, request):
        gateway = AsyncGateway(self.config)
        method, arguments = create(gateway, request)
        task = asyncio.ensure_future(method(**arguments))
        await asyncio.sleep(request["cancel_after_ms"] / 1000)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            raise tidegate.errors.Cancelled("the task was cancelled") from None
        finally:
            await gateway.aclose(0)
        return {}

    def read(self, stream):
        chunks = []
        try:
            for chunk in stream:
                chunks.append(chunk.to_dict())
        except TidegateError as error:
            return {"chunks": chunks, "error": error}
        return {"chunks": chunks, "gateway": facts(stream)}

    def rest(self, _):
        stream, self.held = self.held, None
        return self.read(stream)

    def drop(self, _):
        self.held = None
        return {}

    def http(self, request):
        """By the transport for SDKs where httpx is installed, else by the raw door."""
        method, target, body = request["method"], request["target"], request.get("body", "").encode()
        if target.startswith("/"):
            target = "http://gateway.invalid" + target
        headers = request.get("headers", {})
        limit = request.get("cancel_after_bytes")
        try:
            client = self.gateway.http_client()
        except ImportError:
            reply = self.gateway.request(method, request["target"], headers=headers, body=body)
            return {"status": reply.status, "headers": dict(reply.headers), "body": reply.read().decode()}
        with client, client.stream(method, target, headers=headers, content=body) as reply:
            data = b""
            for piece in reply.iter_raw():
                data += piece
                if limit is not None and len(data) >= limit:
                    break
            head = {"status": reply.status_code, "headers": dict(reply.headers)}
        return {**head, "body": data.decode(), "cancelled": limit is not None}

    def reload(self, request):
        self.gateway.reload(request["config"])
        return {}

    def advance(self, request):
        self.gateway._engine.advance(request["ms"] / 1000)
        return {}

    def health(self, _):
        return self.gateway.health()

    def close(self, request):
        if self.gateway is not None:
            self.gateway.close(request.get("deadline_ms", 1000) / 1000)
        return {}


def main():
    driver = Driver()
    for line in sys.stdin:
        request = json.loads(line)
        try:
            reply = getattr(driver, request["op"])(request)
            error = reply.pop("error", None)
            answer = {"ok": reply} if error is None else {**reply, "error": failure(error)}
        except TidegateError as error:
            answer = {"error": failure(error)}
        except Exception as error:  # noqa: BLE001 - a failing operation must not end the driver
            answer = {"error": {"slug": "driver_failed", "message": repr(error)}}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
