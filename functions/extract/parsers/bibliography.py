"""Who wrote a document and when, from the ways in which front matter and meta data say so."""

import re
from collections.abc import Iterable
from typing import Any, Final

from functions.extract.parsers.characters import clean, collapse

_YEAR: Final = re.compile(r"(?<!\d)(1[89]\d\d|20\d\d)(?!\d)")
_DOI: Final = re.compile(r"\b10\.\d{4,9}/[^\s\"<>{}|\\^`\[\]]{2,200}", re.IGNORECASE)
_PARTED: Final = re.compile(r"\s*(?:;|,?\s+and\s+|\s+&\s+|\\and\b)\s*", re.IGNORECASE)
_LONGEST_NAME: Final = 80
_MOST_AUTHORS: Final = 200


def year_of(value: Any) -> int | None:
    """Return the first year from 1800 to 2099 in a date of any notation."""
    match = _YEAR.search(str(value)) if value is not None else None
    return int(match[1]) if match else None


def doi_of(text: str) -> str | None:
    """Return the first DOI in the text, without the punctuation of the sentence around it."""
    match = _DOI.search(text)
    if not match:
        return None
    doi = match[0].rstrip(".,;:'")
    while doi.endswith(")") and doi.count(")") > doi.count("("):
        doi = doi[:-1].rstrip(".,;:'")
    return doi


def authors_of(value: Any) -> tuple[str, ...]:
    """Return names from a list of names or of mappings with a name, or from one string of names."""
    if isinstance(value, str):
        return _distinct(split_names(value))
    if isinstance(value, dict):
        return _distinct([_name(value)])
    if isinstance(value, list):
        return _distinct(_name(item) for item in value)
    return ()


def split_names(names: str) -> list[str]:
    """Part "A. Author, B. Author and C. Author" into names; "Author, A.; Author, B." keeps its commas."""
    parts = _PARTED.split(collapse(names))
    if ";" not in names:
        parts = [piece for part in parts for piece in part.split(",")]
    return parts


def _name(item: Any) -> str:
    if isinstance(item, str):
        return item
    if not isinstance(item, dict):
        return ""
    if len(item) == 1:  # distill: `Name: address`
        key, value = next(iter(item.items()))
        return str(value) if key in ("name", "author") else str(key)
    for key in ("name", "author"):
        if isinstance(item.get(key), str):
            return str(item[key])
        if isinstance(item.get(key), dict):
            return _name(item[key])
    parts = [
        next((str(item[key]) for key in keys if item.get(key)), "")
        for keys in (("given-names", "given", "firstName", "first"), ("surname", "family", "lastName", "last"))
    ]
    return " ".join(part for part in parts if part)


def _distinct(names: Iterable[str]) -> tuple[str, ...]:
    cleaned = (re.sub(r"[\d*†‡§¶^]+$", "", collapse(clean(name))).strip(" ,;") for name in names)
    kept = [name for name in cleaned if name and len(name) <= _LONGEST_NAME and any(map(str.isalpha, name))]
    return tuple(dict.fromkeys(kept))[:_MOST_AUTHORS]
