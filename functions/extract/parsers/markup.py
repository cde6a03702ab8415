"""Readable text of an HTML fragment."""

from typing import Final

from selectolax.lexbor import LexborHTMLParser

SILENT: Final = frozenset(
    {
        "script", "style", "noscript", "template", "svg", "canvas", "iframe", "object", "embed", "audio", "video",
        "head", "nav", "form", "button", "select", "textarea", "input", "dialog",
    }
)  # fmt: skip


def text_of(fragment: str) -> str:
    """Return the text of the fragment without what a reader does not see; elements are parted by spaces."""
    if "<" not in fragment:
        return fragment
    tree = LexborHTMLParser(fragment)
    tree.strip_tags([tag for tag in SILENT if tag != "head"])
    body = tree.body
    return body.text(separator=" ") if body else ""
