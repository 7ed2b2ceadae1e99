"""Roles, permissions and secrets."""

import pytest

from modelyard.access.domain import new_token_secret, token_digest
from modelyard.principals import PERMISSIONS, Permission, Principal, Role


def principal(role: Role) -> Principal:
    return Principal(tenant_id="default", subject="someone", role=role)


class TestRoles:
    def test_every_role_has_its_permissions(self) -> None:
        assert PERMISSIONS.keys() == set(Role)

    def test_an_administrator_may_everything(self) -> None:
        assert all(principal(Role.ADMIN).may(permission) for permission in Permission)

    @pytest.mark.parametrize("permission", Permission)
    def test_a_viewer_may_read_all_but_webhooks_and_subscriptions(self, permission: Permission) -> None:
        is_hidden = permission in (Permission.WEBHOOKS_READ, Permission.SUBSCRIPTIONS_READ)
        is_readable = permission.value.endswith(":read") and not is_hidden
        assert principal(Role.VIEWER).may(permission) == is_readable

    @pytest.mark.parametrize("role", [Role.DEVELOPER, Role.APPROVER])
    def test_whoever_may_write_may_read_too(self, role: Role) -> None:
        assert PERMISSIONS[role] > PERMISSIONS[Role.VIEWER]


class TestSecrets:
    def test_two_secrets_are_never_the_same(self) -> None:
        assert len({new_token_secret() for _ in range(100)}) == 100

    def test_the_digest_does_not_hold_the_secret(self) -> None:
        secret = new_token_secret()
        assert secret not in token_digest(secret)
        assert token_digest(secret) == token_digest(secret)
        assert len(token_digest(secret)) == 64
