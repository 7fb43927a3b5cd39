"""The snippets of docs/pandas.md, run as they stand beside a lake."""

import json
import os
import shutil
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow.parquet as pq
import pytest
import sqlglot
from sqlglot import exp

from conftest import Loaded
from program import ROOT, blocks
from readers import spark
from test_lake import sink_table

PAGE = "docs/pandas.md"
PYTHON = blocks(PAGE, "python")
SQL = blocks(PAGE, "sql")

#: Of the events since 1 October 2026, by action, the year 9999 included.
EXPECTED = {"artifact:read": 225, "project:read": 225, "user:create_api_key": 225, "user:login": 229}


def snippet(word: str) -> str:
    [found] = [code for code in PYTHON + SQL if word in code]
    return found


@pytest.fixture(autouse=True)
def beside_the_lake(loaded: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(loaded.folder)


def test_pandas(loaded: Loaded) -> None:
    names: dict = {}
    lines = snippet("groupby").strip().splitlines()
    exec("\n".join(lines[:-1]), names)
    counts = eval(lines[-1], names)
    assert counts.to_dict() == EXPECTED
    assert list(counts) == sorted(counts, reverse=True)
    events = names["events"]
    assert str(events["timestamp"].dtype) == "datetime64[us, UTC]"
    assert events["timestamp"].max() == pd.Timestamp("9999-12-31T23:59:59.999999Z")
    extras = events["extra"].dropna().map(json.loads)
    assert {"response_code": "oops"} in list(extras)


def test_pandas_days_can_be_compared(loaded: Loaded) -> None:
    names = {"pd": pd, "events": pd.read_parquet("lake/audit_events")}
    with pytest.raises(TypeError):
        _ = names["events"]["event_date"] >= "2026-10-02"
    exec(snippet("astype(str)"), names)
    days = names["events"]["event_date"]
    assert (days >= "2026-10-02").sum() == 602
    assert [str(day.date()) for day in (days.min(), days.max())] == ["0001-01-01", "9999-12-31"]


@pytest.mark.filterwarnings("ignore:The 'fastparquet' engine is deprecated")
def test_fastparquet_gets_the_types_back(loaded: Loaded) -> None:
    names = {"pd": pd}
    exec(snippet("fastparquet"), names)
    expected = pd.read_parquet("lake/audit_events", filters=[("event_date", ">=", "2026-10-01")])
    for column in ["timestamp", "loaded_at"]:
        pd.testing.assert_series_equal(names["events"][column], expected[column], check_index=False)
    assert names["events"]["response_code"].tolist() == expected["response_code"].astype("Int32").tolist()


def test_a_day_that_is_being_replaced_is_read_again(loaded: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    day = loaded.lake / "audit_events/event_date=2026-10-01"
    expected = pd.read_parquet(day)
    marker = day / "events-00000001_being-replaced-read-again.parquet"
    marker.write_text("text")
    with pytest.raises(Exception, match="being-replaced-read-again"):
        pd.read_parquet(day)
    pauses: list = []
    monkeypatch.setattr("time.sleep", lambda seconds: pauses.append(seconds) or marker.unlink())
    names: dict = {"pd": pd}
    exec(snippet("read_again"), names)
    pd.testing.assert_frame_equal(names["today"], expected)
    assert len(pauses) == 1


def test_pandas_by_the_names_of_files(loaded: Loaded) -> None:
    names = {"pd": pd}
    exec(snippet("sorted(glob"), names)
    columns, rows = sink_table(loaded.database, "audit_events")
    assert list(names["events"].columns) == [*columns, "event_date"]
    assert len(names["events"]) == rows.num_rows


def test_polars(loaded: Loaded) -> None:
    [code] = [code for code in PYTHON if code.startswith("import polars")]
    head, expression = code.split("\n\n")
    names: dict = {}
    exec(head, names)
    assert dict(eval(expression.strip(), names).iter_rows()) == EXPECTED


def test_duckdb(loaded: Loaded) -> None:
    assert dict(duckdb.sql(snippet("FROM read_parquet(")).fetchall()) == EXPECTED


def test_spark(loaded: Loaded, capfd: pytest.CaptureFixture) -> None:
    code = snippet("spark.read").replace("s3a://acme-lake/audit/", f"{loaded.lake}/")
    exec(code, {"spark": spark()})
    shown = dict(line.strip("|").split("|") for line in capfd.readouterr().out.splitlines() if ":" in line)
    assert {action.strip(): int(count) for action, count in shown.items()} == EXPECTED


def test_athena_is_told_of_every_column(loaded: Loaded) -> None:
    create = sqlglot.parse_one(snippet("CREATE EXTERNAL TABLE"), dialect="athena")
    types = {"VARCHAR": "STRING", "JSON": "STRING", "TIMESTAMP WITH TIME ZONE": "TIMESTAMP", "INTEGER": "INT", "BIGINT": "BIGINT"}
    columns, _ = sink_table(loaded.database, "audit_events")
    told = {column.name: column.kind.sql("hive") for column in create.find_all(exp.ColumnDef)}
    assert told.pop("event_date") == "STRING"
    assert told == {column: types[dtype] for column, dtype in columns.items()}
    assert sqlglot.parse_one(snippet("ORDER BY events DESC"), dialect="athena").find(exp.Table).name == "audit_events"


def test_athena_finds_the_events_of_a_minute_in_milliseconds(loaded: Loaded) -> None:
    query = sqlglot.transpile(snippet("00:01:00"), read="athena", write="duckdb")[0]
    with duckdb.connect() as connection:
        connection.sql(f"""
            CREATE VIEW audit_events AS
            SELECT * EXCLUDE event_date REPLACE (date_trunc('milliseconds', "timestamp" AT TIME ZONE 'UTC') AS "timestamp"),
                CAST(event_date AS VARCHAR) AS event_date
            FROM read_parquet('{loaded.lake}/audit_events/*/*.parquet', hive_partitioning = true)""")
        found = connection.sql(query).fetchall()
    assert sorted(action for _, action, _ in found) == ["artifact:read", "user:login"]


def test_the_files_of_each_table_are_named(loaded: Loaded) -> None:
    text = (ROOT / PAGE).read_text()
    rows = [line.split("|")[1:3] for line in text.splitlines() if line.startswith("| `audit_")]
    pairs = [zip(tables.split(","), globs.split(","), strict=True) for tables, globs in rows]
    patterns = {table.strip(" `"): pattern.strip(" `") for pair in pairs for table, pattern in pair}
    tables = {path.name for path in loaded.lake.iterdir() if path.is_dir() and path.name[0] not in "._"}
    assert set(patterns) == tables
    for table, pattern in patterns.items():
        assert sorted(loaded.lake.glob(pattern)) == sorted((loaded.lake / table).rglob("*.parquet"))


def test_patterns_are_taken_as_a_path(loaded: Loaded) -> None:
    pattern = "lake/audit_events/event_date=[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]/events*.parquet"
    assert pattern.removeprefix("lake/") in (ROOT / PAGE).read_text()
    assert pl.scan_parquet(pattern, hive_partitioning=True).select(pl.col("event_date").n_unique()).collect().item() == 6
    frame = spark().read.option("basePath", f"{loaded.lake}/audit_events").parquet(f"{loaded.folder}/{pattern}")
    assert frame.select("event_date").distinct().count() == 6
    assert duckdb.sql(f"SELECT count(DISTINCT event_date) FROM read_parquet('{pattern}', hive_partitioning = true)").fetchall() == [(6,)]


def test_a_file_of_an_earlier_version_is_read_beside_later_ones(
    loaded: Loaded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = shutil.copytree(loaded.lake / "audit_events", tmp_path / "lake" / "audit_events")
    first = lake / "event_date=0001-01-01" / "events-00000001.parquet"
    pq.write_table(pq.ParquetFile(first).read().drop_columns(["names_document"]), first)
    os.utime(first, (0, 0))
    monkeypatch.chdir(tmp_path)
    polars: dict = {}
    exec(snippet("missing_columns"), polars)
    pandas = dict(polars)
    exec(snippet("pq.read_schema"), pandas)
    files = "read_parquet('lake/audit_events/*/*.parquet', union_by_name = true)"
    merged = spark().read.option("mergeSchema", "true").parquet(str(lake))
    counts = {
        "DuckDB": duckdb.sql(f"SELECT count(names_document) FROM {files}").fetchall()[0][0],
        "Spark": merged.where("names_document IS NOT NULL").count(),
        "pandas": pandas["events"]["names_document"].count(),
        "Polars": polars["events"].select(pl.col("names_document").count()).collect().item(),
    }
    assert set(counts.values()) == {counts["DuckDB"]}
    assert counts["DuckDB"] > 0
    assert pandas["events"]["event_date"].nunique() == 6
