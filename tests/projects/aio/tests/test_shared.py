"""One room for all: the tests run in the event loop of the session's fixture."""

import asyncio

import pytest

from chat import Client, Room


@pytest.fixture(scope="session")
async def shared_port():
    room = Room()
    yield await room.open()
    assert not room.writers
    await room.close()


@pytest.fixture(scope="module")
async def listener(shared_port):
    client = await Client.join(shared_port)
    yield client
    await client.leave()
    await asyncio.sleep(0.05)


@pytest.fixture
async def speaker(shared_port):
    client = await Client.join(shared_port)
    yield client
    await client.leave()


@pytest.mark.parametrize("number", range(3))
async def test_heard(listener, speaker, number):
    await speaker.say(str(number))
    assert await listener.hear() == str(number)


class TestMore:
    async def test_heard(self, listener, speaker):
        await speaker.say("more")
        assert await listener.hear() == "more"
