"""Starts an emulator on a port of the system's choice, prints its address, and ends when its standard input does."""

import asyncio
import os
import sys
import threading


async def moto() -> None:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    print(f"http://{host}:{port}", flush=True)


async def bqemulator() -> None:
    from bqemulator.config import LogLevel, PersistenceMode, Settings
    from bqemulator.server import EmulatorServer
    from bqemulator.storage.engine import DuckDBEngine

    # For GEOGRAPHY, which we have none of, it would download an extension of DuckDB.
    DuckDBEngine._load_spatial = lambda _engine: None
    settings = Settings(
        persistence_mode=PersistenceMode.EPHEMERAL, rest_port=0, grpc_port=0, log_level=LogLevel.ERROR
    )
    server = EmulatorServer(settings)
    await server.start()
    print(server.rest_url, flush=True)


async def serve(name: str) -> None:
    await {"moto": moto, "bqemulator": bqemulator}[name]()
    await asyncio.Event().wait()


def end_with_input() -> None:
    sys.stdin.read()
    os._exit(0)


threading.Thread(target=end_with_input, daemon=True).start()
asyncio.run(serve(sys.argv[1]))
