"""What the gateway is measured beside: a bare FastAPI route that only parses the same JSON."""

from __future__ import annotations

import sys

import orjson
import uvicorn
from fastapi import FastAPI, Request

app = FastAPI()


@app.post("/v1/events")
async def parse(request: Request) -> dict[str, int]:
    """Parse a batch and throw it away."""
    return {"events": len(orjson.loads(await request.body()))}


@app.get("/v1/kpis")
async def answer(year: int) -> dict[str, int]:
    """Answer at once."""
    return {"reference_year": year}


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="error", access_log=False)
