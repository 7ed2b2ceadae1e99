"""What comes after `modelyard promote … --to production`: who can approve, and the very next command."""

from typing import TYPE_CHECKING

from modelyard_client.errors import ModelyardError

if TYPE_CHECKING:
    from modelyard_client.client import Client
    from modelyard_client.promotion import PromotionRequest

_APPROVING_ROLES = ("approver", "admin")
_ALONE = "local (no authentication)"
"""The user of a stack without authentication."""


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
    return [f"It is not in production yet: {people}, with {approve}", *_people(client, request, missing=missing)]


def _people(client: "Client", request: "PromotionRequest", *, missing: int) -> list[str]:
    """Who can approve, or how to add an approver; nothing for a user who may not list the members."""
    try:
        members = {member.subject: member.role for member in client.members.list()}
        named = client.promotion.policy(request.name).policy.get("approvers") or members
    except ModelyardError:
        return []
    if members.get(request.requested_by or "") == "admin":
        return _hand_over(request)
    others = {request.requested_by, *request.approvers}
    able = [name for name in named if members.get(name) in _APPROVING_ROLES and name not in others]
    if len(able) >= missing:
        return [f"These can: {', '.join(able)}. Who made the other one's token does not count."]
    return [
        f"There {'are too few' if able else 'is nobody'} who can. An administrator who asks for nothing adds a member:",
        *_new_member("approver"),
    ]


def _hand_over(request: "PromotionRequest") -> list[str]:
    """For an administrator, who makes the tokens of others: none of those counts for what the administrator asks."""
    version = f"{request.name}/{request.version}"
    return [
        "It does not count with a token of your making. If you make everybody's, ask as a member of your own:",
        f"  modelyard withdraw {version}",
        *_new_member("developer"),
        f'  MODELYARD_TOKEN=… modelyard promote {version} --to production --comment "…"',
        "Alone on a laptop: modelyard up --no-auth",
    ]


def _new_member(role: str) -> tuple[str, str]:
    return f"  modelyard members add NAME --role {role}", "  modelyard tokens create laptop --member NAME"
