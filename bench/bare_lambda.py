"""The yardstick of cold imports on Lambda: FastAPI and Mangum with one route, nothing else."""

from fastapi import FastAPI
from mangum import Mangum

app = FastAPI()


@app.get("/ready")
async def ready() -> dict[str, str]:
    """Answer at once."""
    return {"status": "ready"}


handler = Mangum(app, lifespan="off")
