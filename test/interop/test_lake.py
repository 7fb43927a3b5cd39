"""Readers that others wrote find in the lake what the DuckDB sink has of the same load, row by row."""

import json
import shutil
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pytest

import logs
from conftest import Loaded
from program import run
from readers import READERS

TABLES = ["audit_events", "audit_rejects", "audit_reject_pieces", "audit_conflicts", "audit_documents", "audit_loads", "audit_actions", "audit_privacy", "audit_findings"]
#: Each sink notes when it was done.
OWN = {("audit_loads", "finished_at"), ("audit_conflicts", "loaded_at")}

#: In microseconds.
DAY = 86_400_000_000

each_reader = pytest.mark.parametrize("name", READERS)


def sink_table(database: Path, table: str) -> tuple[dict[str, str], pa.Table]:
    with duckdb.connect(database, read_only=True) as connection:
        rows = connection.table(table)
        return dict(zip(rows.columns, map(str, rows.types), strict=True)), rows.to_arrow_table()


def plain(table: str, rows: pa.Table, columns: list[str], years: tuple[int, int] = (1, 9999)) -> list[tuple]:
    """Rows in one order, of events of these years; instants as microseconds since 1970."""
    values = []
    for column in columns:
        is_instant = pa.types.is_timestamp(rows.schema.field(column).type)
        array = pc.cast(pc.cast(rows[column], pa.timestamp("us")), pa.int64()) if is_instant else rows[column]
        values.append([None] * rows.num_rows if (table, column) in OWN else array.to_pylist())
    all_rows = zip(*values, strict=True)
    if "timestamp" in columns:
        first, end = ((date(year, 1, 1) - date(1970, 1, 1)).days * DAY for year in (years[0], min(years[1], 9998) + 1))
        at = columns.index("timestamp")
        all_rows = (row for row in all_rows if first <= row[at] and (years[1] == 9999 or row[at] < end))
    return sorted(all_rows, key=repr)


@each_reader
@pytest.mark.parametrize("table", TABLES)
def test_every_row_and_type_is_the_duckdb_sinks(loaded: Loaded, table: str, name: str) -> None:
    reader = READERS[name]
    columns, expected = sink_table(loaded.database, table)
    types, rows = reader.read(loaded.lake / table, None)
    assert {column: types[column] for column in types if column != "event_date"} == {
        column: reader.type_of(dtype) for column, dtype in columns.items()
    }
    found = plain(table, rows, list(columns), reader.years)
    # Rules of privacy are only in a sink that was given some, and findings in one that was checked.
    assert len(found) > 0 or table in ["audit_privacy", "audit_findings"]
    assert found == plain(table, expected, list(columns), reader.years)


@each_reader
def test_a_day_that_is_not_asked_for_is_not_read(loaded: Loaded, tmp_path: Path, name: str) -> None:
    lake = shutil.copytree(loaded.lake / "audit_events", tmp_path / "audit_events")
    for day in ["0001-01-01", "9999-12-31", "1969-12-31"]:
        shutil.rmtree(lake / f"event_date={day}")
    (lake / "event_date=2026-10-03" / "events-00000001.parquet").write_bytes(b"PAR1" + b"\0" * 1000 + b"PAR1")
    _, rows = READERS[name].read(lake, "2026-10-02")
    assert rows.num_rows == 301
    with pytest.raises(Exception, match=r"."):
        READERS[name].read(lake, None)


@each_reader
def test_an_empty_table_has_its_columns(tmp_path: Path, name: str) -> None:
    logs.write(tmp_path / "logs" / "a.ndjson", [logs.EVENT])
    run("load", "--from", "logs", "--to", "duckdb:audit.duckdb", "--to", "parquet:lake/", cwd=tmp_path)
    for table in ["audit_rejects", "audit_reject_pieces", "audit_conflicts"]:
        columns, _ = sink_table(tmp_path / "audit.duckdb", table)
        types, rows = READERS[name].read(tmp_path / "lake" / table, None)
        assert types == {column: READERS[name].type_of(dtype) for column, dtype in columns.items()}
        assert rows.num_rows == 0


@each_reader
def test_texts_and_extra_are_as_they_were_written(loaded: Loaded, name: str) -> None:
    _, rows = READERS[name].read(loaded.lake / "audit_events", None)
    assert set(logs.TEXTS) <= set(rows["project_name"].to_pylist())
    extras = [json.loads(text) for text in rows["extra"].to_pylist() if text is not None]
    assert {"run_asset": [1.1, {"ü": None}], "big": 2**70} in [
        {key: extra.get(key) for key in ["run_asset", "big"]} for extra in extras
    ]
    assert {"response_code": "oops"} in extras
    assert set(logs.TEXTS) <= {extra.get("note") for extra in extras} | {None}
