"""A chat room over TCP: what one client says, the others hear."""

import asyncio


class Room:
    def __init__(self):
        self.writers, self.server = set(), None

    async def open(self, port=0):
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        return self.server.sockets[0].getsockname()[1]

    async def close(self):
        self.server.close()
        for writer in list(self.writers):
            writer.close()
        await self.server.wait_closed()

    async def _serve(self, reader, writer):
        self.writers.add(writer)
        try:
            while line := await reader.readline():
                for other in self.writers - {writer}:
                    other.write(line)
        finally:
            self.writers.discard(writer)
            writer.close()


class Client:
    @classmethod
    async def join(cls, port):
        client = cls()
        client.reader, client.writer = await asyncio.open_connection("127.0.0.1", port)
        return client

    async def say(self, text):
        self.writer.write(text.encode() + b"\n")
        await self.writer.drain()

    async def hear(self):
        return (await asyncio.wait_for(self.reader.readline(), 5)).decode().rstrip("\n")

    async def leave(self):
        self.writer.close()
        await self.writer.wait_closed()
