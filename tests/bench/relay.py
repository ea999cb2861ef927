"""The yardstick: aiohttp receives an alert, posts it on, answers when that is done, and keeps nothing."""

from __future__ import annotations

import asyncio
import sys

from aiohttp import ClientSession, DummyCookieJar, TCPConnector, web


async def relay(port: int, url: str) -> None:
    async with ClientSession(connector=TCPConnector(limit=0), cookie_jar=DummyCookieJar()) as session:

        async def receive(request: web.Request) -> web.Response:
            body = await request.read()
            async with session.post(url, data=body, headers={"Content-Type": "application/json"}) as answer:
                await answer.read()
            return web.json_response({"status": "accepted"})

        async def ready(_: web.Request) -> web.Response:
            return web.Response()

        application = web.Application()
        application.router.add_post("/webhooks/optix", receive)
        application.router.add_get("/readyz", ready)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(relay(int(sys.argv[1]), sys.argv[2]))
