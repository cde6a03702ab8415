"""The yardstick of cold starts: FastAPI and uvicorn with one route, nothing else."""

from fastapi import FastAPI

app = FastAPI()


@app.get("/live")
@app.get("/ready")
async def ready() -> dict[str, str]:
    """Answer at once."""
    return {"status": "ready"}
