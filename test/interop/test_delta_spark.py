"""Spark with Delta Lake's own library reads our tables, and writes to them between our loads."""

from pathlib import Path

import pytest

import logs
from conftest import Loaded
from program import run
from readers import spark
from test_lake import TABLES, plain, sink_table

TYPES = {"VARCHAR": "string", "JSON": "string", "TIMESTAMP WITH TIME ZONE": "timestamp", "INTEGER": "int", "BIGINT": "bigint",
         "BOOLEAN": "boolean"}
#: Within a millisecond, at which Spark cuts off the bounds in its statistics.
AT = "2026-10-01T12:00:00.123456Z"


@pytest.mark.parametrize("table", TABLES)
def test_every_row_and_type_is_the_duckdb_sinks(loaded: Loaded, table: str) -> None:
    columns, expected = sink_table(loaded.database, table)
    frame = spark().read.format("delta").load(str(loaded.delta / table))
    assert {name: type for name, type in frame.dtypes if name != "event_date"} == {
        column: TYPES[dtype] for column, dtype in columns.items()
    }
    assert plain(table, frame.toArrow(), list(columns)) == plain(table, expected, list(columns))


def load(folder: Path, document: str, users: range, more: dict) -> str:
    events = [{**logs.EVENT, "timestamp": AT, "actor_user_id": user, **more} for user in users]
    logs.write(folder / "logs" / document, events)
    return run("load", "--from", "logs", "--to", "delta:delta/", cwd=folder).decode()


def test_what_it_compacts_vacuums_and_adds_is_met_by_the_next_load(tmp_path: Path) -> None:
    for user in range(3):
        load(tmp_path, f"{user}.ndjson", range(user, user + 1), {})
    events = tmp_path / "delta" / "audit_events"
    table = f"delta.`{events}`"
    assert spark().sql(f"OPTIMIZE {table}").collect()[0]["metrics"]["numFilesRemoved"] == 3
    spark().sql(f"VACUUM {table} RETAIN 0 HOURS")
    assert "3 = 0 inserted + 3 enriched + 0 unchanged" in load(tmp_path, "named.ndjson", range(3), {"actor_email": "ada@example.com"})

    # Rows of a second sink, which somebody copies here.
    other = tmp_path / "other"
    load(other, "later.ndjson", range(3, 4), {})
    spark().read.format("delta").load(str(other / "delta" / "audit_events")).write.format("delta").mode("append").save(str(events))
    assert "2 = 1 inserted + 0 enriched + 1 unchanged" in load(tmp_path, "both.ndjson", range(3, 5), {})

    rows = spark().read.format("delta").load(str(events))
    assert sorted(row["actor_user_id"] for row in rows.collect()) == ["0", "1", "2", "3", "4"]
    counts = [spark().read.format("delta").option("versionAsOf", version).load(str(events)).count() for version in (0, newest_version(events))]
    assert counts == [0, 5]


def newest_version(events: Path) -> int:
    return spark().sql(f"DESCRIBE HISTORY delta.`{events}` LIMIT 1").collect()[0]["version"]
