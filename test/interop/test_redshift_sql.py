"""Every statement for Redshift, emitted or documented: sqlfluff parses its form, sqlglot resolves its names against the tables."""

import re

import pytest
import sqlfluff
import sqlglot
from sqlglot import exp
from sqlglot.errors import OptimizeError
from sqlglot.optimizer.qualify import qualify
from sqlglot.schema import MappingSchema

from program import ROOT, blocks


def statements(text: str) -> list[str]:
    return [sql.strip() for sql in text.split(";\n") if sql.strip()]


GOLDEN = {path.stem: statements(path.read_text()) for path in sorted((ROOT / "fixtures/redshift").glob("*.sql"))}
TABLES = statements((ROOT / "schemas/generated/redshift.sql").read_text())
DOCUMENTED = [sql for text in blocks("docs/redshift.md", "sql") for sql in statements(text)] + [
    sql for sql in blocks("docs/retention.md", "sql") if sql.startswith("UNLOAD")
]
SPOKEN = [
    "SELECT e.extra.run_asset FROM audit_events AS e",
    "SET enable_case_sensitive_super_attribute TO true",
    "SELECT action, COUNT(*) AS events FROM audit_events GROUP BY action ORDER BY events DESC",
    "SELECT error_message, column_name FROM sys_load_error_detail ORDER BY start_time DESC LIMIT 10",
]


@pytest.mark.parametrize("name", GOLDEN)
def test_sqlfluff_parses_what_is_emitted(name: str) -> None:
    for sql in GOLDEN[name]:
        sqlfluff.parse(sql, dialect="redshift")


def test_sqlfluff_parses_what_is_documented() -> None:
    page = (ROOT / "docs/redshift.md").read_text()
    for start in ["CREATE USER", "CREATE SCHEMA", "GRANT", "UNLOAD"]:
        assert any(start in sql for sql in DOCUMENTED), start
    for sql in SPOKEN:
        assert sql in page
    for sql in [*TABLES, *DOCUMENTED, *SPOKEN]:
        sqlfluff.parse(sql, dialect="redshift")


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO t (a) VALUES (1) ON CONFLICT DO NOTHING",
        "INSERT INTO t (a) VALUES (1) RETURNING a",
        "SELECT a FROM t LIMIT",
        "CREATE TABLE t (a int) DISTSTYLE NOSUCH",
        "COPY t FROM 's3://b/k' FORMAT AS PARQUET NO SUCH WORDS",
    ],
)
def test_sqlfluff_refuses_what_redshift_refuses(sql: str) -> None:
    with pytest.raises(sqlfluff.api.APIParsingError):
        sqlfluff.parse(sql, dialect="redshift")


#: https://docs.aws.amazon.com/redshift/latest/dg/c_unsupported-postgresql-features.html; neither parser knows it.
REFUSED = re.compile(r"\bDISTINCT ON\b|\bRETURNING\b|\bON CONFLICT\b|\bFILTER \(|\bLATERAL\b|\bGENERATE_SERIES\b", re.IGNORECASE)


def test_nothing_emitted_is_what_redshift_refuses_and_the_parsers_take() -> None:
    sqlfluff.parse("SELECT DISTINCT ON (a) a, b FROM t", dialect="redshift")
    for sql in [*sum(GOLDEN.values(), []), *DOCUMENTED, *SPOKEN]:
        assert not REFUSED.search(sql)


#: What sqlglot does not know, although Redshift documents it: LOCK with a schema, DROP of several tables, UNPIVOT of a SUPER.
UNKNOWN = re.compile(r"LOCK |DROP TABLE \w+,|.* UNPIVOT ", re.DOTALL)


def test_sqlglot_resolves_every_name_of_a_load() -> None:
    schema = MappingSchema(dialect="redshift")
    resolved = 0
    for sql in GOLDEN["prepare"] + GOLDEN["load"]:
        made = re.match(r"CREATE TEMP TABLE (extra_members\w*) AS\nSELECT content_hash, reading, (.*)", sql)
        if made is not None:
            names = ["content_hash", "reading", *re.findall(r"\) AS (\w+)", made[2])]
            schema.add_table(exp.table_(made[1], db="audit"), dict.fromkeys(names, "VARCHAR"), dialect="redshift")
        if UNKNOWN.match(sql):
            continue
        statement = sqlglot.parse_one(sql, dialect="redshift")
        query = statement if isinstance(statement, exp.Select) else statement.args.get("expression")
        if isinstance(query, exp.Query):
            query = qualify(query.copy(), schema=schema, db="audit", dialect="redshift")
            resolved += 1
        if isinstance(statement, exp.Create) and statement.kind == "TABLE":
            name = statement.find(exp.Table).name
            declared = {column.name: column.kind for column in statement.find_all(exp.ColumnDef)}
            columns = declared or dict.fromkeys(query.named_selects, "VARCHAR")
            schema.add_table(exp.table_(name, db="audit"), columns, dialect="redshift")
    assert resolved > 20
    with pytest.raises(OptimizeError, match="no_such"):
        qualify(sqlglot.parse_one("SELECT no_such FROM wandb_audit_events"), schema=schema, db="audit", dialect="redshift")
