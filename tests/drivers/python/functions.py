"""Functions of the program that follow a script, reply by reply; the last one repeats."""

import time

from tidegate import ProviderError


def of(request):
    """The functions of an `open`."""
    scripts = request.get("functions") or {}
    return {name: scripted(replies) for name, replies in scripts.items()}


def scripted(replies):
    left = list(replies)

    def function(request):
        reply = left.pop(0) if len(left) > 1 else left[0]
        if reply.get("silent"):
            while not request.cancelled:
                time.sleep(0.005)
        if "fail" in reply:
            message = reply.get("message", "refused")
            raise ProviderError(message, status=reply["fail"], retry_after=reply.get("retry_after"))
        if "raise" in reply:
            raise ValueError(reply["raise"])
        if reply.get("echo"):
            return f"{request.dialect} {request.model} {request.path} {str(request.stream).lower()}"
        if "stream" in reply:
            return pieces(reply)
        return reply["say"] if "say" in reply else reply["json"]

    return function


def pieces(reply):
    yield from reply["stream"]
    if reply.get("breaks"):
        raise ProviderError("the script breaks here")


def explain(driver, request):
    """What the gateway of a driver would do with the request of a step."""
    gateway = driver.gateway.with_key(request["key"]) if "key" in request else driver.gateway
    options = {name: request[key] for name, key in (("path", "target"), ("method", "method")) if key in request}
    body = request["request"]
    if isinstance(body, dict) and "model" in body:
        body = {"model": body["model"]} | body  # as the client's own methods write it
    return gateway.explain(body, headers=request.get("headers"), **options).to_dict()


def scope(driver, request):
    """Calls go through a view from now on."""
    driver.gateway = driver.gateway.scoped(**request["scope"])
