"""What comes after `modelyard promote … --to production`: who can approve, and the very next command."""

from typing import TYPE_CHECKING

from modelyard_client.errors import ModelyardError

if TYPE_CHECKING:
    from modelyard_client.client import Client
    from modelyard_client.promotion import PromotionRequest

_APPROVING_ROLES = ("approver", "admin")
_ALONE = "local (no authentication)"
"""Whom a stack without authentication takes everybody for."""


def next_steps(client: "Client", request: "PromotionRequest") -> list[str]:
    """Lines for who has just asked for production; none for a request that is decided."""
    if request.status != "requested":
        return []
    approve = f'modelyard approve {request.name}/{request.version} --comment "…"'
    unmet = [finding.message for finding in request.findings if not finding.is_met]
    if unmet:
        return [f"It cannot be approved before the model's policy is met: {'; '.join(unmet)}"]
    if request.requested_by == _ALONE:
        return [f"You are alone at this stack, so you approve it yourself: {approve}"]
    missing = request.needed_approvals - len(request.approvers)
    people = "a second person approves it" if missing == 1 else f"{missing} other people approve it"
    able = _who_can_approve(client, request)
    if able is None:
        return [f"It is not in production yet: {people}, with {approve}"]
    if len(able) < missing:
        return [
            f"It is not in production yet: {people}, and there {'are too few' if able else 'is nobody'} who can.",
            "An administrator who asks for nothing here adds a member, and hands the token over:",
            "  modelyard members add NAME --role approver",
            "  modelyard tokens create laptop --member NAME",
            f"  MODELYARD_TOKEN=… {approve}",
            f"A token that '{request.requested_by}' made does not count. Alone on a laptop: modelyard up --no-auth",
        ]
    return [
        f"It is not in production yet: {people}, with {approve}",
        f"These can: {', '.join(able)}. Who made the other one's token does not count.",
    ]


def _who_can_approve(client: "Client", request: "PromotionRequest") -> list[str] | None:
    """Members whom role and policy let; None for who may not see them."""
    try:
        named = client.promotion.policy(request.name).policy.get("approvers") or ()
        members = list(client.members.list())
    except ModelyardError:
        return None
    others = {request.requested_by, *request.approvers}
    return [
        member.subject
        for member in members
        if member.role in _APPROVING_ROLES and member.subject not in others and (not named or member.subject in named)
    ]
