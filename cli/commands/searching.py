"""`research-kb search`: ask a question."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.errors import UsageError
from cli.output import AsJson, console, note, print_json

if TYPE_CHECKING:
    from rich.text import Text

# About four lines of a terminal: enough to judge a hit by.
SNIPPET_CHARACTERS = 320
_TO_SPACES = {ord(character): " " for character in "\n\r\t"}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("search")(search)


def build_filters(
    source_types: list[str], year_from: int | None, year_to: int | None, authors: list[str], metadata: dict[str, Any]
) -> dict[str, Any]:
    """Return the filters of a search; only what was asked for."""
    filters = {
        "source_type": source_types,
        "year_from": year_from,
        "year_to": year_to,
        "authors": authors,
        "metadata": metadata,
    }
    return {name: value for name, value in filters.items() if value not in (None, [], {})}


def search(
    query: Annotated[str, typer.Argument(help="The question, in your own words.")],
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=200, help="How many passages.")] = 10,
    collection: Annotated[str | None, typer.Option(help="Ask only this collection.")] = None,
    context: Annotated[str | None, typer.Option(help="building, auditing or balanced.")] = None,
    leg: Annotated[list[str] | None, typer.Option(help="lexical or dense; may be repeated (default: both).")] = None,
    rerank: Annotated[
        bool | None, typer.Option("--rerank/--no-rerank", help="Rerank the best (default: server's).")
    ] = None,
    graph: Annotated[bool | None, typer.Option("--graph/--no-graph", help="Use the concept graph.")] = None,
    citations: Annotated[
        bool | None, typer.Option("--citations/--no-citations", help="Use citation authority.")
    ] = None,
    source_type: Annotated[
        list[str] | None, typer.Option(help="paper, textbook, code_repo or note; may be repeated.")
    ] = None,
    year_from: Annotated[int | None, typer.Option(help="Not older than this year.")] = None,
    year_to: Annotated[int | None, typer.Option(help="Not newer than this year.")] = None,
    author: Annotated[list[str] | None, typer.Option(help="By this author; may be repeated.")] = None,
    metadata: Annotated[list[str] | None, typer.Option(help="NAME=VALUE that must hold; may be repeated.")] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Show how the scores came about.")] = False,
    as_json: AsJson = False,
) -> None:
    """Ask a question; the best passages first."""
    from cli.commands.ingestion import parse_metadata
    from cli.server import Server

    if not query.strip():
        raise UsageError("The question is empty")
    body = {
        "query": query,
        "limit": limit,
        "collection": collection,
        "context_type": context,
        "legs": leg or None,
        "rerank": rerank,
        "use_graph": graph,
        "use_citations": citations,
        "filters": build_filters(source_type or [], year_from, year_to, author or [], parse_metadata(metadata or []))
        or None,
        "explain": explain or None,
    }
    with Server() as server:
        answer = server.post("/search", {name: value for name, value in body.items() if value is not None})
    if as_json:
        print_json(answer)
    else:
        _show(answer, explain)


def _show(answer: dict[str, Any], explain: bool) -> None:
    from rich.padding import Padding

    out = console()
    for rank, hit in enumerate(answer["hits"], start=1):
        out.print(headline(rank, hit), Padding(snippet(hit), (0, 0, 0, 3), expand=False), sep="\n")
        if explain:
            out.print(f"   {explanation_text(hit)}", style="dim", markup=False)
        out.print()
    if not answer["hits"]:
        note("Nothing found. Other words, fewer filters, or `research-kb stats` for what is there.")
    for part in answer["degraded"]:
        note(f"degraded: {part['what']}: {part['why']}")
    reranker = answer["reranker"]
    reranked = f", reranked by {reranker['model']} ({reranker['method']})" if reranker else ""
    note(f"{len(answer['hits'])} passages in {answer['took_ms']['total']:.0f} ms{reranked}")


def place_of(hit: dict[str, Any]) -> str:
    """Return where the passage stands: `p. 3-4 · Methods › Data`."""
    first, last = hit.get("page_start"), hit.get("page_end")
    pages = "" if first is None else f"p. {first}" if last in (None, first) else f"p. {first}-{last}"
    section = hit.get("section") or []
    path = section if isinstance(section, str) else " › ".join(section)
    return " · ".join(part for part in (pages, path) if part)


def byline(source: dict[str, Any]) -> str:
    """Return the authors and the year: `Imbens, Angrist 1994`; of many authors the first three."""
    authors = source.get("authors") or []
    names = ", ".join(authors[:3]) + (" et al." if len(authors) > 3 else "")
    return " ".join(part for part in (names, str(source.get("year") or "")) if part)


def headline(rank: int, hit: dict[str, Any]) -> "Text":
    """Return the lines above a passage: rank, title and score; authors, year, page and section."""
    from rich.text import Text

    source = hit["source"]
    line = Text(f"{rank:>2} ", style="bold")
    line.append(source.get("title") or "untitled", style="bold cyan")
    line.append(f"  {scores_text(hit.get('scores') or {})}", style="dim")
    second = " · ".join(part for part in (byline(source), place_of(hit)) if part)
    if second:
        line.append(f"\n   {second}", style="green")
    return line


def scores_text(scores: dict[str, Any]) -> str:
    """Return the scores in a line, the combined one first."""
    ordered = sorted(scores.items(), key=lambda item: item[0] != "combined")
    return " ".join(f"{name} {value:.3f}" for name, value in ordered if isinstance(value, int | float))


def snippet(hit: dict[str, Any]) -> "Text":
    """Return the part of the passage around its first highlight on one line, what matched set off."""
    from rich.text import Text

    # Each line break becomes one space, so that the highlights' offsets still hold.
    text, spans = hit["text"].translate(_TO_SPACES), spans_of(hit)
    begin, end = window(len(text), spans[0][0] if spans else 0)
    shown = Text(text[begin:end])
    for first, last in spans:
        if begin <= first and last <= end:
            shown.stylize("bold yellow", first - begin, last - begin)
    return Text.assemble("… " if begin else "", shown, " …" if end < len(text) else "")


def spans_of(hit: dict[str, Any]) -> list[tuple[int, int]]:
    """Return the highlights as (start, end) in characters of the passage, in order."""
    return sorted((int(span["start"]), int(span["end"])) for span in hit["highlights"])


def window(length: int, first: int) -> tuple[int, int]:
    """Return the (start, end) of SNIPPET_CHARACTERS characters of a text of `length` that begin near `first`."""
    lead = SNIPPET_CHARACTERS // 4
    begin = max(0, min(first - lead, length - SNIPPET_CHARACTERS))
    return begin, min(length, begin + SNIPPET_CHARACTERS)


def explanation_text(hit: dict[str, Any]) -> str:
    """Return the ranks, the weighted normalised scores and the terms that counted, in a line."""
    explanation = hit["explanation"]
    parts = [" ".join(f"{leg} #{rank}" for leg, rank in hit["ranks"].items() if rank)]
    weights, normalized = explanation["weights"], explanation["normalized"]
    parts.append(" + ".join(f"{weights[leg]:g} × {score:.3f} {leg}" for leg, score in normalized.items()))
    parts.append(" ".join(f"{term['term']} {term['score']:.2f}" for term in explanation["terms"]))
    return " · ".join(part for part in parts if part)
