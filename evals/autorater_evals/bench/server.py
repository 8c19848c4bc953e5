"""A server of fixed latency that speaks Chat Completions, in a process of its own: `python -m … SECONDS`.

It prints its port. The reply is made once, from the schema of the first request, so that it costs next to nothing.
"""

import asyncio
import json
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager

from autorater_evals.bench.stand_in import fill


@contextmanager
def serving(seconds: float) -> Generator[str]:
    """The address of a running server."""
    command = [sys.executable, "-m", "autorater_evals.bench.server", str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}/v1"
        finally:
            process.kill()


def _reply(body: bytes) -> bytes:
    schema = json.loads(body)["response_format"]["json_schema"]["schema"]
    message = {"role": "assistant", "content": json.dumps(fill(schema)), "refusal": None}
    told = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}],
        "usage": {"prompt_tokens": 1500, "completion_tokens": 400, "total_tokens": 1900},
    }
    data = json.dumps(told).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
    return head.encode() + data


async def _serve(seconds: float) -> None:
    made: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                _, _, rest = head.partition(b"content-length:")
                body = await reader.readexactly(int(rest.split(b"\r\n", 1)[0]))
                if not made:
                    made.append(_reply(body))
                await asyncio.sleep(seconds)
                writer.write(made[0])
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, limit=2**20, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(float(sys.argv[1])))
