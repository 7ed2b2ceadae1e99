"""What is written of version sets, APIs, revisions and releases is read again as it was, on both databases."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from gateway_objects import a_version_set, an_api
from sqlalchemy.exc import IntegrityError

from modelyard.db import Database
from modelyard.gateway import release_store, store
from modelyard.gateway.domain import Answering, Release, ReleaseCause, Revision, Target
from modelyard.registry.states import Stage

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
TARGETS = [
    Target(service_url="http://backend-for-ml-model-v1"),
    Target(deployment_id="dep-1"),
    Target(model_name="churn"),
    Target(model_name="churn", version=3),
    Target(model_name="churn", stage=Stage.PRODUCTION),
]


def test_a_version_set_and_an_api_are_read_as_they_were_written(database: Database) -> None:
    version_set, api = a_version_set(), an_api(deprecated_at=NOW, sunset_at=NOW)
    with database.write() as connection:
        store.add_version_set(connection, version_set)
        store.add_api(connection, api)
    with database.read() as connection:
        assert store.find_version_set(connection, "default", version_set.version_set_id) == version_set
        assert store.find_api(connection, "default", api.api_id) == api
        assert store.find_api(connection, "other", api.api_id) is None
        assert store.every_api(connection) == [api]


def test_two_versions_of_one_path_differ_by_more_than_case(database: Database) -> None:
    with database.write() as connection:
        store.add_version_set(connection, a_version_set())
        store.add_api(connection, an_api())
    with pytest.raises(IntegrityError), database.write() as connection:
        store.add_api(connection, an_api(api_id="other", api_version="V1"))


def test_who_saw_an_older_state_changes_nothing(database: Database) -> None:
    api = an_api(version_set_id=None, api_version=None)
    with database.write() as connection:
        store.add_api(connection, api)
        assert store.change_api(connection, api, description="one", updated_at=NOW)
        assert not store.change_api(connection, api, description="two", updated_at=NOW)
        changed = store.find_api(connection, "default", api.api_id)
    assert changed == replace(api, description="one", updated_at=NOW, revision=2)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.title)
def test_a_revision_and_a_release_keep_what_answers(database: Database, target: Target) -> None:
    api = an_api(version_set_id=None)
    revision = Revision(
        api_id=api.api_id,
        tenant_id="default",
        number=1,
        target=target,
        description="",
        timeout_seconds=2.5,
        is_online=True,
        created_by="petra",
        created_at=NOW,
    )
    after = Answering(revision=1, target=target, model_name="churn", version=3, metrics={"auc": 0.9, "nan": None})
    release = Release(
        release_id="first",
        tenant_id="default",
        api_id=api.api_id,
        number=1,
        cause=ReleaseCause.RELEASE,
        notes="Initial release",
        before=None,
        after=after,
        created_by="petra",
        created_at=NOW,
    )
    second = replace(release, release_id="second", number=2, before=after)
    with database.write() as connection:
        store.add_api(connection, api)
        release_store.add_revision(connection, revision)
        for each in (release, second):
            release_store.add_release(connection, each)
    with database.read() as connection:
        assert release_store.find_revision(connection, "default", api.api_id, 1) == revision
        assert release_store.find_release(connection, "default", api.api_id, "first") == release
        page = release_store.page_of_releases(connection, "default", api.api_id, limit=1, cursor=None)
        assert page.items == [second]
        rest = release_store.page_of_releases(connection, "default", api.api_id, limit=1, cursor=page.next_cursor)
        assert (rest.items, rest.next_cursor) == ([release], None)
