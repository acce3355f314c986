import asyncio

import pytest

from chat import Client, Room


@pytest.fixture
async def port():
    room = Room()
    yield await room.open()
    await room.close()


@pytest.fixture
async def join(port):
    joined = []

    async def join():
        client = await Client.join(port)
        joined.append(client)
        await asyncio.sleep(0.01)
        return client

    yield join
    for client in joined:
        await client.leave()
