"""Readers of a day that is replaced during each of their reads, in the steps of docs/decisions/parquet-lake.md: a version, or an error."""

import itertools
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.fs
import pyarrow.parquet as pq
import pytest
from moto.server import ThreadedMotoServer

from conftest import Loaded

DAY = "audit_events/event_date=2026-10-01"
#: More than a page of a column, so that readers come back for more.
REPEATS = 40
READS = 100

Put = Callable[[str, bytes], None]
Remove = Callable[[str], None]


def versions(loaded: Loaded, folder: Path) -> list[bytes]:
    """Two contents of a day that differ in every `load_id`."""
    [file] = (loaded.lake / DAY).glob("*.parquet")
    rows = pa.concat_tables([pq.ParquetFile(file).read()] * REPEATS)
    contents = []
    for load in ["one", "two"]:
        column = rows.schema.get_field_index("load_id")
        path = folder / load
        pq.write_table(rows.set_column(column, "load_id", pa.array([load] * rows.num_rows)), path, row_group_size=5000)
        contents.append(path.read_bytes())
    return contents


def replace_for_ever(contents: list[bytes], put: Put, remove: Remove, begun: threading.Event, stop: threading.Event) -> None:
    """The steps of a load that finds no other one, once for each read that has begun."""
    for number, content in zip(itertools.count(1), itertools.cycle(contents)):
        begun.wait()
        begun.clear()
        if stop.is_set():
            return
        put(f"events-{number:08}_being-replaced-read-again.parquet", b"text\n")
        put(f"events-{number + 1:08}.parquet", b"text\n")
        put(f"events-{number + 1:08}.parquet", content)
        remove(f"events-{number:08}.parquet")
        remove(f"events-{number:08}_being-replaced-read-again.parquet")


def outcomes(read: Callable[[], pa.Table], rows: int, contents: list[bytes], put: Put, remove: Remove) -> Counter:
    """How many reads returned a version, an error, or anything else."""
    put("events-00000001.parquet", contents[1])
    begun, stop = threading.Event(), threading.Event()
    replacing = threading.Thread(target=replace_for_ever, args=(contents, put, remove, begun, stop))
    replacing.start()
    found: Counter = Counter()
    try:
        while found.total() < READS or found["version"] == 0:
            begun.set()
            try:
                table = read()
            except Exception:
                found["error"] += 1
            else:
                loads = set(table["load_id"].to_pylist())
                found["version" if table.num_rows == rows and len(loads) == 1 else "wrong"] += 1
    finally:
        stop.set()
        begun.set()
        replacing.join()
    return found


COLUMNS = ["load_id", "content_hash", "timestamp"]
IN_FOLDER = {
    "pandas": lambda day: pa.Table.from_pandas(pd.read_parquet(day, columns=COLUMNS)),
    "pyarrow": lambda day: ds.dataset(day, format="parquet").to_table(COLUMNS),
    "Polars": lambda day: pl.scan_parquet(f"{day}/*.parquet").select(COLUMNS).collect().to_arrow(),
    "Polars, by the documented pattern": lambda day: pl.scan_parquet(f"{day}/events*.parquet").select(COLUMNS).collect().to_arrow(),
    "DuckDB": lambda day: duckdb.connect().sql(f"SELECT {', '.join(COLUMNS)} FROM '{day}/events*.parquet'").to_arrow_table(),
}


@pytest.mark.parametrize("name", IN_FOLDER)
def test_in_a_folder(loaded: Loaded, tmp_path: Path, name: str) -> None:
    contents = versions(loaded, tmp_path)
    day = tmp_path / "day"
    day.mkdir()

    def put(file: str, content: bytes) -> None:
        (tmp_path / "unfinished").write_bytes(content)
        (tmp_path / "unfinished").rename(day / file)

    rows = pq.read_metadata(tmp_path / "one").num_rows
    found = outcomes(lambda: IN_FOLDER[name](day), rows, contents, put, lambda file: (day / file).unlink())
    print(name, dict(found))
    assert found["wrong"] == 0


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    moto = ThreadedMotoServer(port=0, verbose=False)
    moto.start()
    for variable, value in {"AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}.items():
        monkeypatch.setenv(variable, value)
    host, port = moto.get_host_and_port()
    yield f"http://{host}:{port}"
    moto.stop()


IN_BUCKET = {
    "pyarrow": lambda day, endpoint: ds.dataset(
        day,
        format="parquet",
        filesystem=pyarrow.fs.S3FileSystem(endpoint_override=endpoint, region="us-east-1", scheme="http"),
    ).to_table(COLUMNS),
    "Polars": lambda day, endpoint: pl.scan_parquet(
        f"s3://{day}/*.parquet",
        storage_options={"aws_endpoint_url": endpoint, "aws_region": "us-east-1", "aws_allow_http": "true"},
    ).select(COLUMNS).collect().to_arrow(),
}


@pytest.mark.parametrize("name", IN_BUCKET)
def test_in_a_bucket(loaded: Loaded, tmp_path: Path, server: str, name: str) -> None:
    contents = versions(loaded, tmp_path)
    # All of moto's servers in a process have the same buckets.
    lake = f"lake-of-{name.lower()}"
    bucket = boto3.client("s3", endpoint_url=server)
    bucket.create_bucket(Bucket=lake)

    def put(file: str, content: bytes) -> None:
        bucket.put_object(Bucket=lake, Key=f"day/{file}", Body=content)

    def remove(file: str) -> None:
        bucket.delete_object(Bucket=lake, Key=f"day/{file}")

    rows = pq.read_metadata(tmp_path / "one").num_rows
    found = outcomes(lambda: IN_BUCKET[name](f"{lake}/day", server), rows, contents, put, remove)
    print(name, dict(found))
    assert found["wrong"] == 0
