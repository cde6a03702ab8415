"""The search function: passages for a question, by words and by meaning at once.

What needs the database or the model server is imported by the first request, so that the function is ready sooner.
"""

from typing import Annotated, Any

from fastapi import FastAPI, Request, Response

from functions.search.answers import SearchAnswer
from functions.search.examples import ANSWER_EXAMPLE
from functions.search.feedback import Feedback, FeedbackReceipt, keep_feedback
from functions.search.performed import performed
from functions.search.requests import SearchRequest
from functions.search.settings import SearchSettings
from shared.access import Caller, install_admission, require
from shared.app import create_function_app
from shared.openapi import problem_response
from shared.resources import Resources

Searcher = Annotated[Caller, require("search")]

RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"model": SearchAnswer, "content": {"application/json": {"example": ANSWER_EXAMPLE}}},
    404: problem_response("A collection named does not exist, or the key may not see it."),
    503: problem_response("No leg of the search answered, or a part that it needs is away."),
}

FEEDBACK_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"model": FeedbackReceipt, "description": "The key had said the same before."},
    404: problem_response("The passage does not exist (any more), or the key may not see it."),
}


def create_app(settings: SearchSettings | None = None, resources: Resources | None = None) -> FastAPI:
    """Return the app; settings come from the environment unless given."""
    chosen = settings or SearchSettings()
    app = create_function_app("search", chosen, resources)
    install_admission(app)
    held = app.state.resources
    work: list[Any] = []

    @app.post("/search", responses=RESPONSES, tags=["search"], response_class=Response)
    async def post_search(caller: Searcher, request: SearchRequest, http: Request) -> Response:
        """Search by words and meaning at once and return the best passages, with where they stand and why.

        A leg that fails or is late is left out and named in `degraded`; only when none answers is it a 503.
        """
        import orjson

        if not work:
            from functions.search.pipeline import Search

            work.append(Search(held, chosen))
        answer = await work[0].answer(request, caller)
        http.state.search = performed(answer)
        return Response(orjson.dumps(answer), media_type="application/json")

    @app.post("/feedback", status_code=201, responses=FEEDBACK_RESPONSES, tags=["search"])
    async def post_feedback(caller: Searcher, given: Feedback, response: Response) -> FeedbackReceipt:
        """Say whether a hit was relevant, or that it was opened; 200 where the key had said so before."""
        added = await keep_feedback(held, caller, given)
        if not added:
            response.status_code = 200
        return FeedbackReceipt(
            search_id=given.search_id, passage_id=given.passage_id, verdict=given.verdict, duplicate=not added
        )

    return app
