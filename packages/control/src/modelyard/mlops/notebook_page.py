"""Draws an executed notebook as a page. Pure.

A notebook's code made all of it, so nothing of it is markup here: texts are escaped, pictures are data, and what is
HTML or JavaScript in the notebook is shown by its text, where it has one. The page's policy refuses everything else.
"""

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#1b1f24}"
    "section{display:grid;grid-template-columns:5em minmax(0,1fr);gap:.2em 1em;margin:0 0 1em}"
    "section>b{font:12px/1.9 monospace;color:#6a737d;text-align:right}section>div{min-width:0;grid-column:2}"
    "pre{font:13px/1.45 monospace;margin:0 0 .4em;padding:.5em .8em;overflow:auto;white-space:pre-wrap}"
    ".code{background:#f4f6f8}.error{background:#fdecea}.note{color:#6a737d;font-style:italic}img{max-width:100%}"
)
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
PAGE_POLICY = (
    f"sandbox; default-src 'none'; img-src data:; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
"""Content-Security-Policy of the page."""
_PICTURES = ("image/png", "image/jpeg", "image/gif")
_BASE64 = re.compile(r"[A-Za-z0-9+/\s]+={0,2}\s*")
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")


def notebook_page(name: str, content: bytes) -> str:
    """The page of a notebook's file; one that cannot be read is a page that says so."""
    try:
        document = json.loads(content)
        cells = document["cells"]
        drawn = "".join(_cell(cell) for cell in cells if isinstance(cell, dict))
    except (ValueError, TypeError, KeyError, RecursionError):
        drawn = _note("the notebook cannot be read")
    title = escape(name)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
        f"</head><body><h1>{title}</h1>{drawn}</body></html>\n"
    )


def _cell(cell: Mapping[str, Any]) -> str:
    source = _text(cell.get("source"))
    if cell.get("cell_type") != "code":
        return f"<section><b></b><div>{_pre(source)}</div></section>"
    outputs = cell.get("outputs")
    count = cell.get("execution_count")
    label = f"In [{count}]" if isinstance(count, int) else "In [ ]"
    drawn = "".join(_outputs(outputs if isinstance(outputs, list) else []))
    return f"<section><b>{label}</b><div>{_pre(source, 'code')}{drawn}</div></section>"


def _outputs(outputs: Sequence[Any]) -> Iterator[str]:
    for output in outputs:
        if not isinstance(output, dict):
            continue
        kind = output.get("output_type")
        if kind == "stream":
            yield _pre(_text(output.get("text")))
        elif kind == "error":
            trace = output.get("traceback")
            lines = trace if isinstance(trace, list) else []
            yield _pre("\n".join(map(str, lines)) or f"{output.get('ename')}: {output.get('evalue')}", "error")
        elif isinstance(data := output.get("data"), dict):
            yield _data(data)


def _data(data: Mapping[str, Any]) -> str:
    """The richest form that is no program: a picture, else the text."""
    for kind in _PICTURES:
        picture = _text(data.get(kind))
        if picture and _BASE64.fullmatch(picture):
            return f'<img alt="{kind}" src="data:{kind};base64,{"".join(picture.split())}">'
    text = _text(data.get("text/plain"))
    if text:
        return _pre(text)
    return _note(f"{', '.join(sorted(map(str, data)))[:200]} is not shown here")


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "".join(map(str, value))
    return value if isinstance(value, str) else ""


def _pre(text: str, kind: str = "text") -> str:
    return f'<pre class="{kind}">{escape(_ESCAPES.sub("", text))}</pre>' if text else ""


def _note(text: str) -> str:
    return f'<p class="note">{escape(text)}</p>'
