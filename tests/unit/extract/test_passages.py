"""Passages cover the body once, fit the embedder and end where sentences do."""

import json
import time

import pytest

from functions.extract.document import Extracted
from functions.extract.limits import Limits
from functions.extract.parsers import markdown, plain
from functions.extract.passages import Passage, indexed_text, split
from functions.extract.tokens import PassageTokenizer

SENTENCE = "The estimator is consistent. "
MAX = 64


def article(text: str) -> Extracted:
    return markdown.parse(text, Limits())


def bare(text: str) -> str:
    return "".join(text.split())


def check(passages: list[Passage], extracted: Extracted, tokenizer: PassageTokenizer, max_tokens: int = MAX) -> None:
    """Assert what holds for every document."""
    last = 0
    for passage in passages:
        assert passage.text == extracted.text[passage.char_start : passage.char_end]
        assert passage.char_start >= last
        last = passage.char_end
        counted = tokenizer.count(indexed_text(passage.heading, passage.text)) + tokenizer.overhead
        assert counted <= passage.tokens <= max_tokens
    covered = bare("".join(passage.text for passage in passages))
    for block in extracted.body():
        part = bare(extracted.text[block.start : block.end])
        assert part in covered


def test_an_abstract_that_fits_is_one_passage(tokenizer: PassageTokenizer) -> None:
    """Title and abstract within the limit: one passage, text and heading as given, even under a long title."""
    title = "the estimator is consistent " * 8
    [passage] = split(plain.parse(SENTENCE * 4), title, tokenizer, MAX)
    assert passage.text == (SENTENCE * 4).strip()
    assert passage.heading == " ".join(title.split())
    assert passage.page_start is None


def test_an_abstract_a_little_too_long_becomes_two_halves(tokenizer: PassageTokenizer) -> None:
    """Just over the limit: two passages of about equal size, cut at a sentence's end."""
    extracted = plain.parse(SENTENCE * 14)
    passages = split(extracted, "model", tokenizer, MAX)
    check(passages, extracted, tokenizer)
    assert [passage.text.count("consistent.") for passage in passages] == [7, 7]
    assert all(passage.text.endswith(".") for passage in passages)


def test_sections_are_not_mixed_and_show_in_the_heading(tokenizer: PassageTokenizer) -> None:
    """Sections of some length have passages of their own, with title and path as heading."""
    extracted = article(f"# model\n\n## sample\n\n{SENTENCE * 8}\n\n### the\n\n{SENTENCE * 9}\n")
    passages = split(extracted, "model", tokenizer, MAX)
    check(passages, extracted, tokenizer)
    assert [passage.section for passage in passages] == [("sample",), ("sample", "the")]
    assert [passage.heading for passage in passages] == ["model. sample", "model. sample. the"]


def test_small_siblings_share_a_passage(tokenizer: PassageTokenizer) -> None:
    """Two sections of a sentence each become one passage that has the second heading in its text."""
    extracted = article(f"# model\n\n## is\n\n{SENTENCE}\n\n## the\n\n{SENTENCE}\n")
    [passage] = split(extracted, "model", tokenizer, MAX)
    assert passage.text.split("\n\n")[0] == "is"
    assert "the" in passage.text.split("\n\n")
    assert passage.section == ()


def test_references_are_kept_apart(tokenizer: PassageTokenizer) -> None:
    """References are passages of the section References, however few they are."""
    extracted = article(f"# model\n\n## sample\n\n{SENTENCE}\n\n## References\n\nthe model. 1999.\n")
    body, references = split(extracted, "model", tokenizer, MAX)
    assert references.section == ("References",)
    assert "1999" not in body.text


def test_a_long_heading_leaves_the_body_two_thirds(tokenizer: PassageTokenizer) -> None:
    """Title and path are shortened to a third of the limit when the section does not fit beside them."""
    title = "estimator " * 200
    extracted = article(f"# model\n\n## {'sample ' * 100}\n\n{SENTENCE * 60}\n")
    passages = split(extracted, title, tokenizer, MAX)
    check(passages, extracted, tokenizer)
    assert all(tokenizer.count(passage.heading) <= MAX // 3 for passage in passages)
    assert all("estimator" in passage.heading and "sample" in passage.heading for passage in passages)


@pytest.mark.parametrize(
    "text",
    ["x" * 5000, "ab" * 90 + " " + "sample " * 400, "~" * 300, "word " * 1000, "a.b.c" * 700, "é" * 3000],
    ids=["one letter", "long word first", "signs", "no sentence", "dots", "not in the vocabulary"],
)
def test_runs_without_sentences_are_cut_at_the_limit(text: str, tokenizer: PassageTokenizer) -> None:
    """Text without sentence ends, or without spaces at all, is cut so that every piece fits; nothing is lost."""
    extracted = plain.parse(f"Start. {text}")
    passages = split(extracted, "model", tokenizer, MAX)
    check(passages, extracted, tokenizer)
    assert len(passages) > 1


def test_there_are_no_tiny_tails(tokenizer: PassageTokenizer) -> None:
    """For any length of section, the smallest passage has at least half the tokens of the largest."""
    for count in range(1, 60):
        passages = split(plain.parse(SENTENCE * count), "", tokenizer, MAX)
        sizes = [passage.tokens for passage in passages]
        assert min(sizes) * 2 >= max(sizes)


def test_a_heading_without_body_is_not_lost(tokenizer: PassageTokenizer) -> None:
    """A last heading with nothing under it is text of its own."""
    extracted = article(f"# model\n\n## sample\n\n{SENTENCE * 8}\n\n## the consistent estimator\n")
    assert "the consistent estimator" in split(extracted, "model", tokenizer, MAX)[-1].text


def test_code_is_cut_between_lines(tokenizer: PassageTokenizer) -> None:
    """A listing longer than a passage is cut at line ends."""
    lines = [f"x{number} = y" for number in range(100)]
    extracted = article("# model\n\n```\n" + "\n".join(lines) + "\n```\n")
    passages = split(extracted, "model", tokenizer, MAX)
    assert [line for passage in passages for line in passage.text.split("\n")] == lines


def test_extracted_survives_json() -> None:
    """What goes through the pipe from the parser's process comes back equal."""
    extracted = article("---\ntitle: T\nauthors: [A B, C D]\ndate: 2020\n---\n\n## S\n\ntext\n\n- a\n- b\n")
    assert Extracted.from_json(json.loads(json.dumps(extracted.to_json()))) == extracted


def test_a_megabyte_takes_seconds(tokenizer: PassageTokenizer) -> None:
    """Splitting is linear: a megabyte without a single sentence end is done in seconds."""
    started = time.perf_counter()
    split(plain.parse("sample model " * 80_000), "model", tokenizer, MAX)
    assert time.perf_counter() - started < 20
