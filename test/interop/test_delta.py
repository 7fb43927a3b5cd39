"""Third-party Delta readers find the same rows in our tables as in the DuckDB sink."""

import shutil
from collections.abc import Callable
from contextlib import chdir
from datetime import date
from pathlib import Path

import chdb
import polars as pl
import pyarrow as pa
import pytest
from deltalake import DeltaTable

import logs
from conftest import Loaded
from program import run
from test_lake import TABLES, plain, sink_table

UTC = "timestamp[us, tz=UTC]"
TYPES = {"VARCHAR": "string", "JSON": "string", "TIMESTAMP WITH TIME ZONE": UTC, "INTEGER": "int32", "BIGINT": "int64", "BOOLEAN": "bool"}


def read_delta_rs(table: Path) -> pa.Table:
    return plainly(pa.table(DeltaTable(table).to_pyarrow_table()))


def read_polars(table: Path) -> pa.Table:
    return plainly(pl.scan_delta(str(table)).collect().to_arrow())


def read_clickhouse(table: Path) -> pa.Table:
    # It reads tables below the working folder only.
    with chdir("/"):
        return plainly(chdb.query(f"SELECT * FROM deltaLakeLocal('{table}')", "ArrowTable"))


def plainly(rows: pa.Table) -> pa.Table:
    """Readers type text differently."""
    texts = {pa.large_string(), pa.string_view(), pa.binary(), pa.large_binary()}
    fields = [pa.field(field.name, pa.string() if field.type in texts else field.type) for field in rows.schema]
    return rows.cast(pa.schema(fields))


READERS: dict[str, Callable[[Path], pa.Table]] = {"delta-rs": read_delta_rs, "Polars": read_polars}

each_reader = pytest.mark.parametrize("name", READERS)


@each_reader
@pytest.mark.parametrize("table", TABLES)
def test_every_row_and_type_is_the_duckdb_sinks(loaded: Loaded, table: str, name: str) -> None:
    columns, expected = sink_table(loaded.database, table)
    rows = READERS[name](loaded.delta / table)
    types = {field.name: str(field.type) for field in rows.schema if field.name != "event_date"}
    assert types == {column: TYPES[dtype] for column, dtype in columns.items()}
    assert plain(table, rows, list(columns)) == plain(table, expected, list(columns))


@pytest.mark.parametrize("table", TABLES)
def test_clickhouse_finds_every_row(loaded: Loaded, table: str) -> None:
    columns, expected = sink_table(loaded.database, table)
    # Its DateTime64 does not hold the years 1 and 9999.
    keys = [column for column in columns if columns[column] in ("VARCHAR", "INTEGER", "BIGINT", "BOOLEAN")]
    rows = read_clickhouse(loaded.delta / table)
    assert plain(table, rows.select(keys), keys) == plain(table, expected.select(keys), keys)


def added(events: Path) -> list[dict]:
    return pa.table(DeltaTable(events).get_add_actions(flatten=True)).to_pylist()


def test_a_day_that_is_not_asked_for_is_not_read(loaded: Loaded, tmp_path: Path) -> None:
    events = shutil.copytree(loaded.delta / "audit_events", tmp_path / "audit_events")
    others = [add["path"] for add in added(events) if str(add["partition.event_date"]) != "2026-10-02"]
    assert len(others) == 5
    # Whoever reads them fails.
    for path in others:
        (events / path).unlink()
    one_day = pl.scan_delta(str(events)).filter(pl.col("event_date") == pl.date(2026, 10, 2))
    assert one_day.collect().height == 301
    frame = DeltaTable(events).to_pandas(filters=[("event_date", "=", date(2026, 10, 2))])
    assert len(frame) == 301


def test_an_hour_that_is_not_asked_for_is_not_read(tmp_path: Path) -> None:
    for hour in (1, 23):
        logs.write(tmp_path / "logs" / f"{hour}.ndjson", [{**logs.EVENT, "timestamp": f"2026-10-01T{hour:02}:00:00Z"}])
        run("load", "--from", "logs", "--to", "delta:delta/", cwd=tmp_path)
    events = tmp_path / "delta" / "audit_events"
    files = {add["min.timestamp"].hour: add["path"] for add in added(events)}
    assert sorted(files) == [1, 23]
    (events / files[23]).unlink()
    before_noon = pl.scan_delta(str(events)).filter(pl.col("timestamp") < pl.datetime(2026, 10, 1, 12, time_zone="UTC"))
    assert before_noon.collect()["timestamp"].dt.hour().to_list() == [1]


def test_earlier_versions_can_be_read(tmp_path: Path) -> None:
    bare = {key: value for key, value in logs.EVENT.items() if key != "actor_user_id"}
    for i, more in enumerate([{}, {"actor_email": "ada@example.com"}, {"actor_user_id": 8}]):
        logs.write(tmp_path / "logs" / f"{i}.ndjson", [{**bare, **more}])
        run("load", "--from", "logs", "--to", "delta:delta/", cwd=tmp_path)
    events = tmp_path / "delta" / "audit_events"
    assert [DeltaTable(events, version=version).to_pyarrow_table().num_rows for version in range(4)] == [0, 1, 1, 2]
    emails = [DeltaTable(events, version=version).to_pyarrow_table()["actor_email"].to_pylist() for version in (1, 2)]
    assert emails == [[None], ["ada@example.com"]]


def test_rows_that_another_writer_adds_or_compacts_are_met(tmp_path: Path) -> None:
    for i in range(5):
        logs.write(tmp_path / "logs" / f"{i}.ndjson", [{**logs.EVENT, "actor_user_id": i}])
        run("load", "--from", "logs", "--to", "delta:delta/", cwd=tmp_path)
    table = DeltaTable(tmp_path / "delta" / "audit_events")
    assert len(table.file_uris()) == 5
    table.optimize.compact()
    assert len(table.file_uris()) == 1
    table.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
    table.create_checkpoint()
    logs.write(tmp_path / "logs" / "again.ndjson",
               [{**logs.EVENT, "actor_user_id": i, "actor_email": f"{i}@example.com"} for i in range(6)])
    summary = run("load", "--from", "logs", "--to", "delta:delta/", cwd=tmp_path).decode()
    assert "6 = 1 inserted + 5 enriched + 0 unchanged" in summary
    assert run("query", "SELECT count(*), count(actor_email) FROM audit_events", "--to", "delta:delta/", "--format", "csv",
               cwd=tmp_path).decode().split()[1] == "6,6"
    assert DeltaTable(tmp_path / "delta" / "audit_events").to_pyarrow_table().num_rows == 6
