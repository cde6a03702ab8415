"""Sentences, hyphens, characters and encodings."""

from itertools import pairwise

import pytest

from functions.extract import sentences
from functions.extract.failures import ExtractionFailed
from functions.extract.parsers import plain
from functions.extract.parsers.bibliography import authors_of, doi_of, year_of
from functions.extract.parsers.characters import attach_accents, clean
from functions.extract.parsers.encoding import decode
from functions.extract.parsers.hyphens import Vocabulary, join_lines


def parts(text: str) -> list[str]:
    ends = [0, *sentences.ends(text), len(text)]
    return [text[start:end].strip() for start, end in pairwise(ends) if text[start:end].strip()]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("One. Two! Three? Four.", 4),
        ("See e.g. Smith et al. (2010) and Fig. 3. Then stop.", 2),
        ("J. Doe and A. B. Smith wrote it. It is short.", 2),
        ("The value is 3.14 here. Next.", 2),
        ("He said (see Sec. 2.1). After that, more.", 2),
        ("これは文です。次の文です。", 2),
    ],
)
def test_sentences_end_at_stops_and_not_at_abbreviations(text: str, count: int) -> None:
    """Full stops of abbreviations, initials and numbers end no sentence."""
    assert len(parts(text)) == count


def test_the_documents_own_spelling_decides_about_hyphens() -> None:
    """A hyphen at a line's end goes when the word occurs whole, and stays when it occurs hyphenated."""
    vocabulary = Vocabulary(["estimation of well-known model-based data driven things"])
    assert vocabulary.join("the esti-", "mation of") == "the estimation of"
    assert vocabulary.join("a well-", "known result") == "a well-known result"
    assert vocabulary.join("a data-", "driven result") == "a data-driven result"
    assert vocabulary.join("an unheard-", "ofword") == "an unheardofword"
    assert vocabulary.join("the Berry-", "Esseen bound") == "the Berry-Esseen bound"
    assert join_lines("first line\nsecond line") == "first line second line"


def test_characters_are_repaired() -> None:
    """Ligatures, detached accents, invisible and control characters, and zeros that Postgres refuses."""
    assert clean("eﬃcient\u00adly\x00 \u200bﬁne\r\nnext\u00a0word") == "efficiently fine\nnext word"
    assert attach_accents("Universit¨at, Mus´ee, θˆ and") == "Universität, Musée, θˆ and"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Die Schätzung der Größe über die Möglichkeit, für die Prüfung wäre das schön.", "latin-1"),
        ("Метод инструментальных переменных применяется для оценивания параметров регрессии.", "cp1251"),
        ("Plain text in a wide encoding.", "utf-16"),
        ("Plain text in a wide encoding without a mark.", "utf-16-le"),
        ("Ünïcödé as it should be", "utf-8-sig"),
        ("工具变量法是一种用于因果推断的方法。我们在这里介绍它的基本思想和应用。", "gb18030"),
    ],
)
def test_encodings_are_recognised(text: str, encoding: str) -> None:
    """Old and wide encodings are read as what was written."""
    assert decode(text.encode(encoding)) == text


def test_a_damaged_byte_does_not_change_the_encoding() -> None:
    """UTF-8 with one broken byte among many letters stays UTF-8."""
    good = "Größe und Maß über alles. " * 20
    assert decode(good.encode() + b"\xff").startswith(good)


def test_plain_text_keeps_lists_and_layout_apart() -> None:
    """Paragraphs are rejoined, lists and laid-out text keep their lines, references are known."""
    extracted = plain.parse(
        "One para-\ngraph here.\n\n- a\n- b\n\n    x = 1\n    y = 2\n\nReferences\n\nA. Author (1999).\n"
    )
    assert [block.kind for block in extracted.blocks] == ["paragraph", "list", "code", "heading", "reference"]
    assert extracted.text.startswith("One paragraph here.")


def test_plain_text_without_text_fails() -> None:
    """Punctuation alone is no document."""
    with pytest.raises(ExtractionFailed, match="no text"):
        plain.parse("... !!! ---")


def test_bibliography_is_read_from_many_notations() -> None:
    """Names, years and DOIs as front matter, meta elements and title pages write them."""
    assert authors_of("Ann Alpha, Bo Beta and Cy Gamma") == ("Ann Alpha", "Bo Beta", "Cy Gamma")
    assert authors_of("Alpha, Ann; Beta, Bo") == ("Alpha, Ann", "Beta, Bo")
    assert authors_of([{"name": "Ann Alpha"}, {"given": "Bo", "surname": "Beta"}, "Cy Gamma^1"]) == (
        "Ann Alpha",
        "Bo Beta",
        "Cy Gamma",
    )
    assert year_of("12 May 2014") == 2014
    assert year_of("n.d.") is None
    assert doi_of("(see https://doi.org/10.1000/xyz(1)23).") == "10.1000/xyz(1)23"
