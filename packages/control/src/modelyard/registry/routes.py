"""The routes that change the catalogue: register, edit. Those that read it are in reads/routes.py; stages are
promotion's.
"""

from typing import Annotated

from fastapi import Depends, Response

from modelyard.http.guard import Requires
from modelyard.http.revision import ExpectedRevision, set_etag
from modelyard.http.routing import APIRouter
from modelyard.principals import Permission, Principal
from modelyard.registry.editing import Editing
from modelyard.registry.reads.routes import PREFIX
from modelyard.registry.registration import Registration
from modelyard.registry.schemas import ModelAnswer, ModelChange, RegisterBody, VersionAnswer, VersionChange

Write = Annotated[Principal, Depends(Requires(Permission.MODELS_WRITE))]


def catalogue_writes(registration: Registration, editing: Editing) -> APIRouter:
    """Register versions and edit what may be edited."""
    router = APIRouter(prefix=PREFIX, tags=["registry"])

    @router.post("/models", status_code=201)
    def register(body: RegisterBody, caller: Write, response: Response) -> VersionAnswer:
        """Register a trained artifact as the next version."""
        version = registration.artifact(
            caller,
            name=body.name,
            artifact_id=body.artifact_id,
            given=body.given(),
        )
        set_etag(response, version.revision)
        return VersionAnswer.of(version)

    @router.patch("/models/{name}")
    def edit_model(
        caller: Write, name: str, body: ModelChange, expected: ExpectedRevision, response: Response
    ) -> ModelAnswer:
        """Change a model's description, tags or owners."""
        model = editing.edit_model(
            caller, name, description=body.description, tags=body.tags, owners=body.owners, revision=expected
        )
        set_etag(response, model.revision)
        return ModelAnswer.of(model)

    @router.patch("/models/{name}/versions/{version}")
    def edit_version(
        caller: Write, name: str, version: int, body: VersionChange, expected: ExpectedRevision, response: Response
    ) -> VersionAnswer:
        """Change a version's description or tags; nothing else of it ever changes."""
        found = editing.edit_version(
            caller, name, version, description=body.description, tags=body.tags, revision=expected
        )
        set_etag(response, found.revision)
        return VersionAnswer.of(found)

    return router
