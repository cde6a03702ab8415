"""`research-kb eval`: load a test set and measure how well its queries are answered."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.output import AsJson, note, print_json, print_table

if TYPE_CHECKING:
    from cli.evaluation import Measured
    from cli.evaluation_set import EvaluationSet
    from cli.ingest import Outcome
    from cli.progress import ProgressDisplay
    from cli.server import Server


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("eval")(evaluate)


def evaluate(
    folder: Annotated[Path, typer.Argument(help="Holds docs.jsonl, queries.jsonl and qrels.tsv.", metavar="DIR")],
    split: Annotated[str | None, typer.Option(help="Use queries_SPLIT.jsonl and qrels_SPLIT.tsv, e.g. train.")] = None,
    system: Annotated[
        list[str] | None, typer.Option(help="lexical, dense, hybrid or hybrid+rerank; may be repeated (default: all).")
    ] = None,
    concurrency: Annotated[
        int, typer.Option(min=1, max=64, help="Queries in flight; 1 gives the latency of one user.")
    ] = 1,
    timeout: Annotated[float, typer.Option(min=1, help="Give up waiting for the index after so many seconds.")] = 3600,
    as_json: AsJson = False,
) -> None:
    """Load a test set into a collection of its own (eval-DIR), ask every query over HTTP, print the measures.

    Needs a key with the scope admin: it makes a key with high limits for itself and revokes it at the end.
    """
    from cli.evaluation import chosen_systems, collection_name, evaluation_key, load, run_system
    from cli.evaluation_set import read_evaluation_set
    from cli.progress import ProgressDisplay
    from cli.server import Server

    chosen = chosen_systems(system)
    evaluation_set = read_evaluation_set(folder, split)
    collection = collection_name(evaluation_set.name)
    with ProgressDisplay() as display, Server() as admin, evaluation_key(admin, collection) as key:
        server = Server(key=key, patience_s=60, connections=max(8, concurrency))
        loaded = load(server, evaluation_set, collection, timeout, display)
        _warn_of_others(server, collection, loaded.indexed, display)
        results = []
        for name in chosen:
            show = partial(display.show, name, total=len(evaluation_set.queries))
            results.append(
                run_system(server, evaluation_set, collection, name, concurrency=concurrency, on_answer=show)
            )
        server.close()
    summary = {"set": evaluation_set.name, "split": split, "collection": collection, "concurrency": concurrency}
    if as_json:
        print_json(summary | {"ingest": loaded.as_json(), "systems": [result.as_json() for result in results]})
    else:
        _show(evaluation_set, loaded, results, concurrency)


def _warn_of_others(server: "Server", collection: str, expected: int, display: "ProgressDisplay") -> None:
    there = int(server.get("/stats", collection=collection)["sources"])
    if there > expected:
        display.say(
            f"{collection} holds {there - expected} sources that are not in the folder; they take part. "
            f"`research-kb collections delete {collection}` starts anew."
        )


def _show(evaluation_set: "EvaluationSet", loaded: "Outcome", results: list["Measured"], concurrency: int) -> None:
    from cli.evaluation import DEPTH, PASSAGES_ASKED

    print(
        f"{evaluation_set.name}: {loaded.new} documents loaded, {loaded.unchanged} there already "
        f"({loaded.seconds:.1f} s); {len(evaluation_set.queries)} queries"
    )
    columns = ["system", "nDCG@10>", "MAP>", "recall@100>", "MRR>", "p50 ms>", "p95 ms>"]
    print_table(columns, [_row(result) for result in results])
    print(f"Measures by trec_eval's definitions, grades as gains, over the first {DEPTH} distinct sources;")
    print(f"latency at the caller, {PASSAGES_ASKED} passages an answer, {concurrency} in flight.")
    for result in results:
        if result.reranker:
            print(f"{result.system}: reranked by {result.reranker}")
        for reason, count in result.degraded.items():
            note(f"{result.system}: {count} of {result.queries} answers degraded: {reason}")


def _row(result: "Measured") -> list[Any]:
    measures = (result.ndcg_at_10, result.map_at_100, result.recall_at_100, result.mrr)
    return [result.system, *(f"{value:.4f}" for value in measures), f"{result.p50_ms:.1f}", f"{result.p95_ms:.1f}"]
