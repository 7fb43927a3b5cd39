"""Made logs that hold what readers stumble over."""

import json
from pathlib import Path

EVENT = {"timestamp": "2026-10-01T12:34:56Z", "action": "user:login", "actor_user_id": 7, "response_code": 200}

TEXTS = ["", " ", "null", "NaN", "NULL", "0012", "=1+1", 'say "so"', "it's", "a,b;c\td", "two\nlines", "back\\slash",
         "ünï–日本–💡", "e\u0301", "\ufeffmarked", "nul\u0000inside", "\u202eturned", "True", "1e5", "2026-10-01"]

EDGES = [
    {**EVENT, "timestamp": "1969-12-31T23:59:59.999999Z"},
    {**EVENT, "timestamp": "2026-10-01T00:00:00Z", "response_code": None},
    {**EVENT, "timestamp": "2026-10-01T23:59:59.999999Z", "response_code": "oops"},
    {**EVENT, "timestamp": "2026-10-02T00:00:00.123456789Z", "run_asset": [1.10, {"ü": None}], "big": 2**70},
]

#: Python, Spark and Polars hold these years; ClickHouse and nanoseconds do not.
FAR = [{**EVENT, "timestamp": "0001-01-01T00:00:00Z"}, {**EVENT, "timestamp": "9999-12-31T23:59:59.999999Z"}]

REJECTS = ["not JSON 💡", '{"timestamp":"2026-10-01T12:34:56Z"}', '{"timestamp":"yesterday","action":"user:login"}']


def days(count: int = 3, each: int = 300) -> list[dict]:
    """Events of some days, each column null in some rows."""
    return [
        {
            "timestamp": f"2026-10-{day + 1:02}T{i // 60 % 24:02}:{i % 60:02}:{i % 59:02}.{i:06}Z",
            "action": ["artifact:read", "project:read", "user:login", "user:create_api_key"][i % 4],
            "actor_user_id": i % 20,
            "response_code": [200, 403, 500][i % 3],
            **({"project_asset": 10**17 + i, "project_name": TEXTS[i // 2 % len(TEXTS)]} if i % 2 else {}),
            **({"actor_email": f"person{i % 20}@example.com"} if i % 5 else {}),
            **({"cli_version": "0.17.0", "actor_ip": "2001:db8::1"} if i % 7 == 0 else {}),
            **({"run_asset": i, "note": TEXTS[i // 11 % len(TEXTS)]} if i % 11 == 0 else {}),
        }
        for day in range(count)
        for i in range(each)
    ]


def write(path: Path, lines: list) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines))


def write_all(folder: Path) -> None:
    """A folder of logs that leaves rows in every table: rejects, a long one in pieces, and conflicts."""
    events = days()
    write(folder / "a.ndjson", events + EDGES + FAR)
    write(folder / "b.ndjson", REJECTS + ["x" * 2_000_000] + [{**event, "project_name": "renamed"} for event in events[:50]])
