"""How each reader reads a table of the lake: its own names of the types, and all rows as Arrow."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import chdb
import datafusion
import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
from pyspark.sql import SparkSession

Read = tuple[dict[str, str], pa.Table]


@dataclass(frozen=True)
class Reader:
    #: What this reader calls the types of the DuckDB sink: text, timestamp, integer, bigint, boolean.
    types: tuple[str, str, str, str, str]
    #: Of a table's folder, or of one day of the events when it is given.
    read: Callable[[Path, str | None], Read]
    #: The years whose instants it can hold.
    years: tuple[int, int] = (1, 9999)

    def type_of(self, duckdb_type: str) -> str:
        names = ["VARCHAR", "TIMESTAMP WITH TIME ZONE", "INTEGER", "BIGINT", "BOOLEAN"]
        return self.types[names.index("VARCHAR" if duckdb_type == "JSON" else duckdb_type)]


def read_pandas(folder: Path, day: str | None) -> Read:
    filters = None if day is None else [("event_date", "==", day)]
    frame = pd.read_parquet(folder, filters=filters, dtype_backend="pyarrow")
    return frame.dtypes.astype(str).to_dict(), pa.Table.from_pandas(frame, preserve_index=False)


def read_pyarrow(folder: Path, day: str | None) -> Read:
    days = ds.partitioning(pa.schema([("event_date", pa.date32())]), flavor="hive")
    dataset = ds.dataset(folder, format="parquet", partitioning=days if folder.name == "audit_events" else None)
    wanted = None if day is None else ds.field("event_date") == pa.scalar(day).cast(pa.date32())
    return typed(dataset.to_table(filter=wanted))


def read_polars(folder: Path, day: str | None) -> Read:
    frame = pl.scan_parquet(f"{folder}/", hive_partitioning=True)
    if day is not None:
        frame = frame.filter(pl.col("event_date") == pl.lit(day).str.to_date())
    collected = frame.collect()
    return {name: str(dtype) for name, dtype in collected.schema.items()}, collected.to_arrow()


def read_duckdb(folder: Path, day: str | None) -> Read:
    where = "" if day is None else f"WHERE event_date = DATE '{day}'"
    with duckdb.connect() as connection:
        rows = connection.sql(f"FROM read_parquet('{folder}/**/*.parquet', hive_partitioning = true) {where}")
        types = {name: str(dtype) for name, dtype in zip(rows.columns, rows.types, strict=True)}
        return types, rows.to_arrow_table()


def read_datafusion(folder: Path, day: str | None) -> Read:
    context = datafusion.SessionContext()
    days = [("event_date", pa.string())] if folder.name == "audit_events" else []
    # Without a schema it asks every file for its own.
    schema = ds.dataset(folder).schema
    context.register_parquet("t", str(folder), table_partition_cols=days, schema=schema)
    where = "" if day is None else f"WHERE event_date = '{day}'"
    return typed(context.sql(f"SELECT * FROM t {where}").to_arrow_table())


def read_clickhouse(folder: Path, day: str | None) -> Read:
    # Of all days it would fail over the year 9999, in which its DateTime64 of the folders' names cannot be.
    days = "event_date={19,20}*/" if folder.name == "audit_events" else ""
    files = f"file('{folder}/{days}*.parquet', Parquet)"
    where = "" if day is None else f"WHERE event_date = '{day}'"
    described = chdb.query(f"DESCRIBE {files}", "ArrowTable").to_pydict()
    types = dict(zip(described["name"], described["type"], strict=True))
    return types, chdb.query(f"SELECT * FROM {files} {where}", "ArrowTable")


JARS = Path(__file__).parent / "jars"


@cache
def spark() -> SparkSession:
    jars = ",".join(map(str, JARS.glob("*.jar")))
    settings = {"spark.ui.enabled": "false", "spark.sql.session.timeZone": "UTC", "spark.sql.shuffle.partitions": "1",
                "spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1", "spark.log.level": "ERROR",
                "spark.jars": jars, "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
                "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
                # The tables' logs are short: by default each is read in 50 tasks.
                "spark.databricks.delta.snapshotPartitions": "1",
                # Lets a test vacuum what nobody reads any more at once.
                "spark.databricks.delta.retentionDurationCheck.enabled": "false"}
    return SparkSession.builder.master("local[1]").config(map=settings).getOrCreate()


def read_spark(folder: Path, day: str | None) -> Read:
    frame = spark().read.parquet(str(folder))
    frame = frame if day is None else frame.where(f"event_date = '{day}'")
    return dict(frame.dtypes), frame.toArrow()


def typed(table: pa.Table) -> Read:
    return {field.name: str(field.type) for field in table.schema}, table


UTC = "timestamp[us, tz=UTC]"

READERS = {
    "pandas": Reader(("string[pyarrow]", f"{UTC}[pyarrow]", "int32[pyarrow]", "int64[pyarrow]", "bool[pyarrow]"), read_pandas),
    "pyarrow": Reader(("string", UTC, "int32", "int64", "bool"), read_pyarrow),
    "Polars": Reader(("String", "Datetime(time_unit='us', time_zone='UTC')", "Int32", "Int64", "Boolean"), read_polars),
    "DuckDB": Reader(("VARCHAR", "TIMESTAMP WITH TIME ZONE", "INTEGER", "BIGINT", "BOOLEAN"), read_duckdb),
    "DataFusion": Reader(("string", UTC, "int32", "int64", "bool"), read_datafusion),
    "ClickHouse": Reader(
        ("Nullable(String)", "Nullable(DateTime64(6, 'UTC'))", "Nullable(Int32)", "Nullable(Int64)", "Nullable(Bool)"),
        read_clickhouse,
        years=(1900, 2299),
    ),
    "Spark": Reader(("string", "timestamp", "int", "bigint", "boolean"), read_spark),
}
