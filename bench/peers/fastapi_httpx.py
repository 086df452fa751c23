"""What one would write without packstats: a route that sends the pack on and returns the answer, counting nothing."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

UPSTREAM = os.environ["UPSTREAM_URL"]


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with httpx.AsyncClient() as client:
        app.state.client = client
        yield


app = FastAPI(lifespan=lifespan)


@app.get("/livez")
async def livez() -> dict[str, str]:
    return {"status": "live"}


@app.post("/")
async def pack(request: Request) -> JSONResponse:
    client: httpx.AsyncClient = request.app.state.client
    headers = {"Authorization": request.headers["Authorization"]}
    answer = await client.post(UPSTREAM, json=await request.json(), headers=headers)
    return JSONResponse(answer.json(), status_code=answer.status_code)
