"""What programs get to see."""

from modelyard.supervision.environment import Scope, inherited

OURS = {"MODELYARD_TOKEN": "t", "AWS_SECRET_ACCESS_KEY": "s", "SUPERVISOR_SERVER_URL": "unix:///x", "PATH": "/bin"}


class TestInherited:
    def test_a_model_sees_only_what_is_named(self) -> None:
        assert inherited(Scope.MODEL, OURS | {"LANG": "C", "HOME": "/h"}) == {"PATH": "/bin", "LANG": "C", "HOME": "/h"}

    def test_a_service_sees_what_the_user_set_and_not_the_supervisor(self) -> None:
        seen = inherited(Scope.SERVICE, OURS)
        assert seen == {"MODELYARD_TOKEN": "t", "AWS_SECRET_ACCESS_KEY": "s", "PATH": "/bin"}

    def test_no_program_is_kept_from_writing_its_bytecode(self) -> None:
        for scope in Scope:
            assert "PYTHONDONTWRITEBYTECODE" not in inherited(scope, {"PYTHONDONTWRITEBYTECODE": "1"})
