"""What a browser lets a page of the console do: run our scripts, talk to this server, and nothing else."""

import secrets


def new_nonce() -> str:
    """What a page's scripts carry, of 128 random bits."""
    return secrets.token_urlsafe(16)


def page_headers(nonce: str, *, has_frame: bool = False) -> dict[str, str]:
    """The headers of a page. No script but those with the nonce runs; only htmx, gated by it, may write HTML.

    Args:
        has_frame: whether it frames a page of this server, which is sandboxed.
    """
    rules = {
        "default-src": "'none'",
        "script-src": f"'nonce-{nonce}'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "font-src": "'self'",
        "connect-src": "'self'",
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "htmx",
        **({"frame-src": "'self'"} if has_frame else {}),
    }
    return {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in rules.items()),
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cache-Control": "no-store",
    }


HARMLESS = {
    "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""The headers of what came from somebody's run or upload: wherever it is opened, it is a page without scripts."""

PAGE_OF_LOGIN = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
"""The headers of what has a login's code in its address, or leads to where one is made."""
