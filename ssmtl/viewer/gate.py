"""Who may ask the viewer: only a browser on this machine that was given the token, from the viewer's own page."""

import secrets
from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""Of every answer."""


class Gate:
    """Passes a request on if it names this server, comes from its own page or from none, and has the token.

    The host is compared, or a web site whose name leads to 127.0.0.1 could ask (DNS rebinding). The token comes in the
    first address, and from then on in a cookie that scripts cannot read and other sites do not cause to be sent.
    """

    def __init__(self, app: ASGIApp, token: str, port: int) -> None:
        self._app, self._token, self._cookie = app, token, f"ssmtl_view_{port}"
        self._hosts = {f"{host}:{port}" for host in ("127.0.0.1", "localhost")}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI says."""
        if scope["type"] != "http":
            return
        headers = Headers(scope=scope)
        in_address = self._is_token(parse_qs(scope["query_string"].decode("latin-1")).get("token", []))
        refused = self._why_refused(scope["method"], headers, in_address)

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                sent = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    sent[name] = value
                if in_address and not refused:
                    sent.append("Set-Cookie", f"{self._cookie}={self._token}; HttpOnly; SameSite=Strict; Path=/")
            await send(message)

        app = PlainTextResponse(f"Refused: {refused}\n", 403) if refused else self._app
        await app(scope, receive, guarded)

    def _why_refused(self, method: str, headers: Headers, in_address: bool) -> str:
        if len(headers.getlist("host")) != 1 or headers["host"] not in self._hosts:
            return "this server answers to 127.0.0.1 and localhost alone"
        origins = headers.getlist("origin")
        if any(one.removeprefix("http://") not in self._hosts for one in origins) or (
            method not in ("GET", "HEAD") and not origins
        ):
            return "the request does not come from the viewer's own page"
        if not in_address and not self._is_token(self._cookies(headers)):
            return "open the whole address that ssmtl view printed, with its token"
        return ""

    def _cookies(self, headers: Headers) -> list[str]:
        try:
            found = SimpleCookie("; ".join(headers.getlist("cookie")))
        except CookieError:
            return []
        return [found[self._cookie].value] if self._cookie in found else []

    def _is_token(self, given: Iterable[str]) -> bool:
        """In a time that does not depend on how much of it is right."""
        return any(secrets.compare_digest(one.encode(), self._token.encode()) for one in given)
