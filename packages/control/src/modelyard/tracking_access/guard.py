"""Decides on what a request names: whether the caller sees it, and whether it may change it.

What a job's run has measured is evidence for promotions, so nobody but that run writes to it, and no one but the
platform writes tags of the platform.
"""

import re
from collections.abc import Iterable
from typing import Any

from modelyard.errors import Forbidden, Invalid, NotFound
from modelyard.tracker_names import JOB_TAG, mirror_name
from modelyard.tracking_access.domain import PLATFORM_TAGS, Caller, TrackedThing
from modelyard.tracking_access.facts import TrackedFacts
from modelyard.tracking_access.request import TrackingRequest

RUN_KEY_TAG = "modelyard.run_key"
_MODEL_SOURCE = re.compile(r"models:/(m-[^/]+)(?:/.*)?")
_VERSION_SOURCE = re.compile(r"models:/([^/@]+)[/@][^/]+")
_RUN_SOURCE = re.compile(r"runs:/([^/]+)/.+")
_ARTIFACT_SOURCE = re.compile(r"mlflow-artifacts:/+(.+)")
_UNSAFE_PARTS = frozenset({"", ".", ".."})


class Guard:
    """The checks of one caller."""

    def __init__(self, caller: Caller, facts: TrackedFacts) -> None:
        self._caller = caller
        self._facts = facts

    def writer(self) -> None:
        """Whether the caller may change anything at all."""
        if not self._caller.may_write:
            raise Forbidden(
                f"'{self._caller.subject}' may read at the tracker and not write", code="permission_missing"
            )

    def person(self, what: str) -> None:
        """Whether it is somebody else than a run."""
        self.writer()
        if self._caller.grant is not None:
            raise Forbidden(f"a run's token does not {what}", code="run_token_refused")

    def seen_name(self, name: str, kind: str) -> None:
        """Whether an experiment or a registered model of this name is the caller's."""
        if not self._caller.sees(name):
            raise NotFound(f"there is no {kind} '{name}'", code="not_tracked")

    def new_name(self, name: str) -> None:
        """Whether the caller may give this name to something new: whose a thing is stands in its name."""
        if not self._caller.sees(name):
            raise Forbidden(
                f"what the tenant '{self._caller.tenant_id}' makes in the tracker is called "
                f"'{mirror_name(self._caller.tenant_id, 'NAME')}', not '{name}'",
                code="name_of_other_tenant",
                field="name",
            )

    def seen_experiment(self, experiment_id: str) -> None:
        """Whether it is the caller's. One that is not there is left to MLflow to deny."""
        name = self._facts.experiment_name(experiment_id)
        if name is not None and not self._caller.sees(name):
            raise NotFound(f"there is no experiment '{experiment_id}'", code="not_tracked")

    def seen_run(self, run_id: str) -> None:
        """Whether it is the caller's."""
        self._seen(self._facts.run(run_id), f"run '{run_id}'")

    def seen_model(self, model_id: str) -> None:
        """Whether it is the caller's."""
        self._seen(self._facts.model(model_id), f"logged model '{model_id}'")

    def own_run(self, run_id: str) -> None:
        """Whether the caller may change the run."""
        self._own(self._facts.run(run_id), f"run '{run_id}'")

    def own_model(self, model_id: str) -> None:
        """Whether the caller may change the logged model."""
        self._own(self._facts.model(model_id), f"logged model '{model_id}'")

    def noted_run(self, run_id: str) -> None:
        """Whether the caller may write a note or a tag of its own on the run: people may on every run of theirs."""
        if self._caller.grant is not None:
            self.own_run(run_id)
        else:
            self.writer()
            self.seen_run(run_id)

    def own_model_name(self, request: TrackingRequest, name: str) -> None:
        """Whether the caller may register under this name; a script's name for it is put into the tracker's."""
        self.writer()
        grant = self._caller.grant
        if grant is None:
            self.new_name(name)
            return
        own = mirror_name(self._caller.tenant_id, grant.model_name)
        if self._caller.in_tracker(name) != own:
            raise Forbidden(
                f"this run registers the model '{grant.model_name}' only, not '{name}': name the job's model so, or "
                "leave registered_model_name out",
                code="run_token_refused",
            )
        if name != own:
            request.put("name", own)

    def free_of_platform_tags(self, tags: Iterable[dict[str, Any]]) -> None:
        """Whether none of these tags is the platform's."""
        for tag in tags:
            self.user_tag(str(tag.get("key", "")))

    def user_tag(self, key: str) -> None:
        """Whether the tag is not the platform's."""
        if key.startswith(PLATFORM_TAGS):
            raise Forbidden(
                f"tags that begin with '{PLATFORM_TAGS}' are the platform's: got '{key}'", code="tag_reserved"
            )

    def marked(self, request: TrackingRequest) -> None:
        """Put the job's marks on what a run makes, whatever its script said of them."""
        grant = self._caller.grant
        if grant is None:
            self.free_of_platform_tags(request.objects("tags"))
            return
        kept = [tag for tag in request.objects("tags") if not str(tag.get("key", "")).startswith(PLATFORM_TAGS)]
        marks = {JOB_TAG: grant.job_id, RUN_KEY_TAG: grant.run_key}
        request.put("tags", [*kept, *({"key": key, "value": value} for key, value in marks.items())])

    def no_place_of_its_own(self, request: TrackingRequest) -> None:
        """Whether an experiment keeps its artifacts where the server puts them: elsewhere may be somebody else's."""
        if request.texts("artifact_location") and not self._caller.is_operator:
            raise Forbidden("only an operator says where artifacts are kept", code="permission_missing")

    def source(self, request: TrackingRequest) -> None:
        """Whether the caller may register what is at a version's source; a run its own models only."""
        for model_id in request.texts("model_id"):
            self._source_model(model_id)
        for run_id in request.texts("run_id"):
            (self.seen_run if self._caller.grant is None else self.own_run)(run_id)
        for source in request.texts("source"):
            self._source(source)

    def artifact(self, path: str, *, writes: bool) -> None:
        """Whether the caller may read or write at this path of the artifact store.

        `<experiment>/<run>/artifacts/…` and `<experiment>/models/<model>/artifacts/…`.
        """
        parts = path.split("/")
        if "\\" in path or "%" in path or _UNSAFE_PARTS & set(parts):
            raise Invalid(f"expected a path of plain names, got {path[:200]!r}", code="path_invalid")
        self.seen_experiment(parts[0])
        if not writes:
            if self._facts.experiment_name(parts[0]) is None and not self._caller.sees_all:
                raise NotFound(f"there is no artifact {path[:200]!r}", code="not_tracked")
            return
        self.writer()
        thing = None
        if len(parts) > 3 and parts[1:2] == ["models"] and parts[3] == "artifacts":
            thing = self._facts.model(parts[2])
        elif len(parts) > 3 and parts[2] == "artifacts":
            thing = self._facts.run(parts[1])
        if thing is None or thing.experiment_id != parts[0]:
            raise Forbidden(f"no run or logged model keeps its files at {path[:200]!r}", code="path_refused")
        self._own(thing, f"artifact {path[:200]!r}")

    def _source_model(self, model_id: str) -> None:
        (self.seen_model if self._caller.grant is None else self.own_model)(model_id)

    def _source(self, source: str) -> None:
        if found := _MODEL_SOURCE.fullmatch(source):
            self._source_model(found[1])
        elif found := _RUN_SOURCE.fullmatch(source):
            (self.seen_run if self._caller.grant is None else self.own_run)(found[1])
        elif found := _ARTIFACT_SOURCE.fullmatch(source):
            self.artifact(found[1].rstrip("/"), writes=self._caller.grant is not None)
        elif (found := _VERSION_SOURCE.fullmatch(source)) and self._caller.grant is None:
            self.seen_name(found[1], "registered model")
        elif not self._caller.is_operator:
            raise Forbidden(
                f"source: expected a logged model, like models:/m-… or runs:/<run>/<name>, got {source[:200]!r}",
                code="source_refused",
                field="source",
            )

    def _seen(self, thing: TrackedThing | None, title: str) -> None:
        name = None if thing is None else self._facts.experiment_name(thing.experiment_id)
        if name is not None and not self._caller.sees(name):
            raise NotFound(f"there is no {title}", code="not_tracked")

    def _own(self, thing: TrackedThing | None, title: str) -> None:
        self.writer()
        self._seen(thing, title)
        grant = self._caller.grant
        made_by = None if thing is None else thing.job_id
        if grant is not None and thing is not None and made_by != grant.job_id:
            raise Forbidden(f"the {title} is not this run's own", code="run_token_refused")
        if grant is None and made_by is not None:
            raise Forbidden(
                f"the {title} is what the job '{made_by}' has measured: nobody else writes to it", code="run_of_job"
            )
