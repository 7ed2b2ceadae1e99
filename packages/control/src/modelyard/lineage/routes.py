"""The routes of lineage, both ways."""

from typing import Annotated

from fastapi import Depends, Query

from modelyard.http.guard import Requires
from modelyard.http.routing import APIRouter
from modelyard.lineage.schemas import LineageAnswer, VersionReference, VersionReferencesAnswer
from modelyard.lineage.service import LineageService, Origin
from modelyard.principals import Permission, Principal

Read = Annotated[Principal, Depends(Requires(Permission.MODELS_READ))]
Id = Annotated[str | None, Query(max_length=200)]
Digest = Annotated[str | None, Query(pattern="^[0-9a-f]{64}$", description="of the script's text, in hex")]


def lineage_routes(lineage: LineageService) -> APIRouter:
    """From a version to where it came from and went, and from there back to versions."""
    router = APIRouter(prefix="/api/v1/ml/registry", tags=["registry"])

    @router.get("/models/{name}/versions/{version}/lineage")
    def of_version(caller: Read, name: str, version: int) -> LineageAnswer:
        """Job, script, run with its data, image and deployments of a version."""
        return LineageAnswer.of(lineage.of(caller, name, version))

    @router.get("/lineage")
    def versions_of(
        caller: Read, run_id: Id = None, job_id: Id = None, script_sha256: Digest = None, deployment_id: Id = None
    ) -> VersionReferencesAnswer:
        """The versions that came of a run, a job or a script, or the one that a deployment serves."""
        origin = Origin(run_id=run_id, job_id=job_id, script_sha256=script_sha256, deployment_id=deployment_id)
        found = lineage.versions(caller, origin)
        return VersionReferencesAnswer(versions=[VersionReference.of(each) for each in found])

    return router
