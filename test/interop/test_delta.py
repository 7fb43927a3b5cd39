"""Third-party Delta readers find the same rows in our tables as in the DuckDB sink."""

from collections.abc import Callable
from contextlib import chdir
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


def test_a_day_or_an_hour_that_is_not_asked_for_is_not_read(loaded: Loaded) -> None:
    adds = pa.table(DeltaTable(loaded.delta / "audit_events").get_add_actions(flatten=True)).to_pylist()
    assert len({add["partition.event_date"] for add in adds}) == 6
    assert all(add["min.timestamp"] <= add["max.timestamp"] for add in adds if add["max.timestamp"] is not None)
    one_day = pl.scan_delta(str(loaded.delta / "audit_events")).filter(pl.col("event_date") == pl.date(2026, 10, 2))
    assert one_day.collect().height == 301
    last = pl.datetime(9999, 12, 31, 23, time_zone="UTC")
    assert pl.scan_delta(str(loaded.delta / "audit_events")).filter(pl.col("timestamp") > last).collect().height == 1


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
