"""Readers that look again and again while loads add events, fill gaps, compact and write checkpoints: no row is wrong, missing or doubled."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pyarrow as pa
from deltalake import DeltaTable

import logs
from program import run

#: More than the ten commits after which there is a checkpoint, and the ten files of a day after which they are compacted.
LOADS = 16
EACH = 3


def document(load: int) -> list[dict]:
    """New events, and the names of the load before, whose files are written again for them."""
    new = [{**logs.EVENT, "timestamp": f"2026-10-01T12:{load % 60:02}:00.{i:06}Z", "actor_user_id": f"{load} {i}"} for i in range(EACH)]
    old = [{**logs.EVENT, "timestamp": f"2026-10-01T12:{(load - 1) % 60:02}:00.{i:06}Z", "actor_user_id": f"{load - 1} {i}",
            "actor_email": f"{load - 1}@example.com"} for i in range(EACH)]
    return [*new, *(old if load % 4 == 3 else [])]


def with_delta_rs(events: Path) -> pa.Table:
    return pa.table(DeltaTable(events).to_pyarrow_table(columns=["actor_user_id", "actor_email", "content_hash"]))


def with_polars(events: Path) -> pa.Table:
    return pl.scan_delta(str(events)).select("actor_user_id", "actor_email", "content_hash").collect().to_arrow()


def test_readers_see_each_commit_whole(tmp_path: Path) -> None:
    events = tmp_path / "delta" / "audit_events"
    loaded, done = 0, threading.Event()
    faults: list[str] = []
    looks = {with_delta_rs: 0, with_polars: 0}

    def load() -> Iterator[int]:
        for number in range(LOADS):
            logs.write(tmp_path / "logs" / f"{number:03}.ndjson", document(number))
            run("load", "--from", f"logs/{number:03}.ndjson", "--to", "delta:delta/", cwd=tmp_path)
            yield number + 1

    def look(read: Callable[[Path], pa.Table]) -> None:
        # The loads need some of the machine, too.
        while not done.wait(0.1):
            least = loaded
            try:
                rows = read(events).to_pylist()
            except Exception as error:
                faults.append(f"{read.__name__}: {error!r}")
                return
            ids = [row["actor_user_id"] for row in rows]
            whole = {f"{number} {i}" for number in range(len(rows) // EACH) for i in range(EACH)}
            if len(rows) < least * EACH or len(rows) > (loaded + 1) * EACH or set(ids) != whole or len(ids) != len(whole):
                faults.append(f"{read.__name__}: {sorted(ids)} after {least} loads")
            named = {row["actor_user_id"] for row in rows if row["actor_email"] is not None}
            if any(f"{number - 1} {i}" not in named for number in range(3, least, 4) for i in range(EACH)):
                faults.append(f"{read.__name__}: a name is missing after {least} loads")
            looks[read] += 1

    loads = load()
    loaded = next(loads)
    readers = [threading.Thread(target=look, args=(read,)) for read in looks]
    for reader in readers:
        reader.start()
    try:
        for number in loads:
            loaded = number
    finally:
        done.set()
        for reader in readers:
            reader.join()
    assert faults == []
    assert min(looks.values()) > LOADS // 2
    log = [path.name for path in (events / "_delta_log").iterdir()]
    assert any("checkpoint" in name for name in log)
    operations = [entry.get("operation") for entry in DeltaTable(events).history()]
    assert "OPTIMIZE" in operations
