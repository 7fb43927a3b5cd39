"""The view audit_events_ocsf, against the published schema of OCSF."""

import json

import duckdb
from jsonschema import Draft202012Validator
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

from conftest import Loaded

SCHEMA = OcsfJsonSchemaEmbedded(get_ocsf_schema(version="1.8.0")).get_class_schema(class_name="api_activity", profiles=[])


def test_every_event_is_an_api_activity_of_ocsf(loaded: Loaded) -> None:
    validator = Draft202012Validator(SCHEMA)
    with duckdb.connect(loaded.database, read_only=True) as connection:
        events = [json.loads(event) for (event,) in connection.execute("SELECT event FROM audit_events_ocsf").fetchall()]
        assert len(events) == connection.execute("SELECT count(*) FROM audit_events").fetchall()[0][0] > 0
    for event in events:
        errors = [f"{'/'.join(map(str, error.path))}: {error.validator}" for error in validator.iter_errors(event)]
        assert errors == [], event
    assert {event["activity_id"] for event in events} >= {1, 2, 99}


def test_the_validator_finds_what_is_wrong(loaded: Loaded) -> None:
    with duckdb.connect(loaded.database, read_only=True) as connection:
        event = json.loads(connection.execute("SELECT event FROM audit_events_ocsf LIMIT 1").fetchall()[0][0])
    validator = Draft202012Validator(SCHEMA)
    assert not validator.is_valid({**event, "class_uid": 6002})
    assert not validator.is_valid({key: value for key, value in event.items() if key != "actor"})
    assert not validator.is_valid({**event, "src_endpoint": {}})
