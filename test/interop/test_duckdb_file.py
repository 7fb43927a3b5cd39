"""The DuckDB file as analysts open it: with other versions, from Python, and by a notebook's usual calls."""

import json
import os
import subprocess
import sys

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from conftest import Loaded
from program import ROOT
from test_lake import TABLES, plain, sink_table

VIEWS = ["audit_activity_per_day", "audit_api_keys_created", "audit_events_masked", "audit_events_ocsf", "audit_keys", "audit_logins", "audit_refused_requests", "audit_rejects_by_reason", "audit_sessions"]

#: What another version finds: its number, the rows of each table and view, and a digest of the events.
ASK = f"""
import duckdb, json
connection = duckdb.connect("audit.duckdb", read_only=True)
one = lambda sql: connection.execute(sql).fetchall()[0][0]
counts = {{name: one(f"SELECT count(*) FROM {{name}}") for name in {TABLES + VIEWS}}}
digest = one("SELECT md5(string_agg(content_hash || epoch_us(\\"timestamp\\") || coalesce(project_name, '-') || coalesce(extra->>'note', '-'), ',' ORDER BY content_hash)) FROM audit_events")
print(json.dumps([duckdb.__version__, counts, digest]))
"""


def asked(loaded: Loaded, path: str) -> list:
    env = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    return json.loads(subprocess.check_output([sys.executable, "-c", ASK], cwd=loaded.folder, env=env))


def test_the_oldest_version_that_is_promised_and_the_newest_find_the_same(loaded: Loaded) -> None:
    assert "DuckDB 1.4 and later can open it" in (ROOT / "docs/reference.md").read_text().replace("\n", " ")
    oldest, *found = asked(loaded, str(ROOT / "test/interop/.venv/duckdb-1.4"))
    newest, *expected = asked(loaded, "")
    assert oldest == "1.4.0"
    assert newest == duckdb.__version__ >= "2"
    assert found == expected
    assert found[0]["audit_events"] == 906


@pytest.fixture
def events(loaded: Loaded):
    with duckdb.connect(loaded.database, read_only=True) as connection:
        yield connection.sql('SELECT "timestamp", action, response_code, source_line, extra FROM audit_events ORDER BY ALL')


def test_df(events: duckdb.DuckDBPyRelation) -> None:
    frame = events.df()
    assert isinstance(frame, pd.DataFrame)
    kinds = {name: str(dtype) for name, dtype in frame.dtypes.items()}
    assert kinds["timestamp"].startswith("datetime64[us, ")
    assert (kinds["response_code"], kinds["source_line"]) == ("Int32", "int64")
    assert frame["timestamp"].iloc[-1] == pd.Timestamp("9999-12-31T23:59:59.999999Z")
    assert frame["response_code"].isna().sum() == 2


def test_pl(events: duckdb.DuckDBPyRelation) -> None:
    frame = events.pl()
    assert frame.schema["timestamp"].time_unit == "us"
    assert [frame.schema[name] for name in ["action", "response_code", "source_line", "extra"]] == [pl.String, pl.Int32, pl.Int64, pl.String]
    assert frame["response_code"].null_count() == 2


def test_arrow(events: duckdb.DuckDBPyRelation, loaded: Loaded) -> None:
    table = events.to_arrow_table()
    assert pa.types.is_timestamp(table.schema.field("timestamp").type)
    assert [str(table.schema.field(name).type) for name in ["response_code", "source_line"]] == ["int32", "int64"]
    columns, expected = sink_table(loaded.database, "audit_events")
    assert len(plain("audit_events", expected, list(columns))) == table.num_rows
