"""Driver of the suite: the Python face. Protocol: tests/README.md."""

import asyncio
import json
import sys
from itertools import islice

import functions
import methods
import raw
import sessions
import tidegate
from tidegate import AsyncGateway, Gateway, TidegateError

CAPABILITIES = "call stream hold cancel cancel_call headers http reload connect health explain close text path env \
root tried final_facts functions method session session_cost scope".split()
FACTS = ("request_id", "target", "key", "attempts", "cost", "estimated", "cache", "rule", "dropped")


def facts(reply):
    return {name: getattr(reply.gateway, name) for name in FACTS}


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
        clock = ["advance"] if hasattr(tidegate._native.Engine, "advance") else []
        return {"surface": "python", "version": tidegate.__version__, "capabilities": [*CAPABILITIES, *clock]}

    def open(self, request):
        self.close({"deadline_ms": 0})
        self.config = request.get("path") or request.get("config")
        if "text" in request:
            self.gateway = Gateway.from_text(request["text"], format=request["format"])
        else:
            self.gateway = Gateway(self.config, providers=functions.of(request))

    def connect(self, request):
        self.gateway = Gateway.connect(request["url"], request.get("key"))

    def call(self, request):
        if "cancel_after_ms" in request:
            return asyncio.run(self.call_and_cancel(request))
        gateway = self.gateway.with_key(request["key"]) if "key" in request else self.gateway
        method, arguments = create(gateway, request)
        reply = method(**arguments)
        if not arguments.get("stream"):
            return {"body": reply.to_dict(), "gateway": facts(reply)}
        if "hold" in request:
            self.held = reply
            return {"chunks": [chunk.to_dict() for chunk in islice(reply, request["hold"])], "held": True}
        if "cancel_after_chunks" not in request:
            return self.read(reply)
        chunks = [chunk.to_dict() for chunk in islice(reply, request["cancel_after_chunks"])]
        reply.close()
        return {"chunks": chunks, "cancelled": True}

    def method(self, request):
        gateway = self.gateway.with_key(request["key"]) if "key" in request else self.gateway
        reply = methods.call(gateway, request)
        if request.get("request", {}).get("stream"):
            return self.read(reply)
        return {"body": methods.body(reply), "gateway": facts(reply)}

    def session(self, request):
        gateway = self.gateway.with_key(request["key"]) if "key" in request else self.gateway
        done, session = sessions.talk(gateway, request)
        return done if session is None else {**done, "gateway": facts(session)}

    async def call_and_cancel(self, request):
        async with AsyncGateway(self.config) as gateway:
            method, arguments = create(gateway, request)
            task = asyncio.ensure_future(method(**arguments))
            asyncio.get_running_loop().call_later(request["cancel_after_ms"] / 1000, task.cancel)
            try:
                return {"body": (await task).to_dict()}
            except asyncio.CancelledError:
                return {"error": tidegate.errors.Cancelled("the task was cancelled")}

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

    def http(self, request):
        return raw.answer(self.gateway, request)

    def reload(self, request):
        self.gateway.reload(request["config"])

    def advance(self, request):
        self.gateway._engine.advance(request["ms"] / 1000)

    def health(self, _):
        return self.gateway.health()

    explain, scope = functions.explain, functions.scope

    def close(self, request):
        if self.gateway is not None:
            self.gateway.close(request.get("deadline_ms", 1000) / 1000)


def main():
    driver = Driver()
    for line in sys.stdin:
        request = json.loads(line)
        try:
            reply = getattr(driver, request["op"])(request) or {}
            error = reply.pop("error", None)
            answer = {"ok": reply} if error is None else {**reply, "error": failure(error)}
        except TidegateError as error:
            answer = {"error": failure(error)}
        except Exception as error:  # noqa: BLE001 - a failing operation must not end the driver
            answer = {"error": {"slug": "driver_failed", "message": repr(error)}}
        print(json.dumps(answer, default=str), flush=True)


if __name__ == "__main__":
    main()
