"""What pytest-asyncio's automatic mode runs too."""

import asyncio
import unittest

import pytest

from chat import Client, Room


@pytest.mark.parametrize("text", ["hello", "grüße"])
async def test_heard(join, text):
    one, other = await join(), await join()
    await one.say(text)
    assert await other.hear() == text


async def test_not_by_oneself(join):
    one = await join()
    await one.say("echo?")
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(one.reader.readline(), 0.05)


async def test_many(join):
    speaker, *others = [await join() for _ in range(10)]
    await speaker.say("all")
    assert await asyncio.gather(*(client.hear() for client in others)) == ["all"] * 9


async def test_fixed_port():
    room = Room()
    assert await room.open(7654) == 7654
    await room.close()


async def test_fixed_port_too():
    room = Room()
    assert await room.open(7654) == 7654
    await room.close()


async def test_left_open():
    asyncio.create_task(asyncio.sleep(100))
    await Room().open(7655)


async def test_wrong(join):
    one, other = await join(), await join()
    await one.say("left")
    assert await other.hear() == "right"


@pytest.fixture
async def closed(port):
    raise ConnectionError(f"nobody is at {port > 0}")


async def test_no_fixture(closed):
    pass


@pytest.mark.skip(reason="not written yet")
async def test_later():
    raise NotImplementedError


@pytest.mark.xfail(raises=OSError, strict=True)
async def test_nobody():
    await Client.join(7656)


def test_plain(port):
    assert port > 0


class TestRoom:
    async def test_in_class(self, join):
        assert await join()


class RoomCase(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.room = Room()
        self.port = await self.room.open()
        self.addAsyncCleanup(self.room.close)

    async def test_join(self):
        client = await Client.join(self.port)
        await client.leave()

    async def test_wrong(self):
        self.assertEqual(self.port, 0)
