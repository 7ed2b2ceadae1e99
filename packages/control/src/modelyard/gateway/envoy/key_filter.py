"""The filter that knows callers by their keys: Lua, with a table of hashes, so that no other process is asked."""

from functools import cache
from importlib.resources import files
from urllib.parse import quote

from modelyard.envoy.resources import Resource, typed
from modelyard.gateway_node.filters import KEYS
from modelyard.subscriptions.access_table import AccessTable, Subscriber


def key_filter(table: AccessTable) -> Resource:
    """The settings of the filter. What they hold of keys are hashes."""
    lines = "\n".join([*_open_lines(table), *_subscription_lines(table), *_issuer_lines(table)])
    return script(lines, "refuse", "sha256", "keys")


def script(lines: str, *modules: str) -> Resource:
    """A filter of these modules, which find `lines` in `TABLE`. Words of lines are quoted: none ends the text."""
    # A string is one constant; a table constructor of as many entries would exceed what LuaJIT allows in a function.
    code = f"local TABLE = [[\n{lines}\n]]\n" + "\n".join(_module(each) for each in modules)
    return typed(KEYS.message, default_source_code={"inline_string": code})


@cache
def _module(name: str) -> str:
    return files("modelyard.gateway.envoy").joinpath(f"{name}.lua").read_text(encoding="utf-8")


def word(text: str) -> str:
    """Text without spaces, ends of lines, brackets and `=`, which the filters' readers unquote."""
    return quote(text, safe="/:*")


def _open_lines(table: AccessTable) -> list[str]:
    return [f"o {scope}" for scope in sorted(table.open_scopes)]


def _subscription_lines(table: AccessTable) -> list[str]:
    groups: dict[frozenset[str], int] = {}
    for subscriber in table.subscribers:
        groups.setdefault(subscriber.scopes, len(groups) + 1)
    lines = [" ".join(("g", *sorted(scopes))) for scopes in groups]
    for number, subscriber in enumerate(table.subscribers, start=1):
        lines.append(_subscription_line(subscriber, groups[subscriber.scopes]))
        lines.extend(f"k {digest} {number}" for digest in subscriber.digests)
        if subscriber.client is not None:
            lines.append(f"c {subscriber.client.issuer} {word(subscriber.client.client)} {number}")
    return lines


def _subscription_line(subscriber: Subscriber, group: int) -> str:
    expires = "-" if subscriber.expires_at is None else str(int(subscriber.expires_at.timestamp()))
    return f"s {subscriber.subscription_id} {expires} {group} {subscriber.product or ''}".rstrip()


def _issuer_lines(table: AccessTable) -> list[str]:
    return [
        " ".join(
            (
                f"i {issuer.name} {issuer.tenant_id} {word(issuer.client_claim)}",
                *(f"{word(claim)}={word(value)}" for claim, value in issuer.required_claims),
            )
        )
        for issuer in table.issuers
    ]
