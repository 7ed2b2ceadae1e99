"""Files of the field that say what a script needs: read to plain requirements, or refused by name."""

from collections.abc import Mapping
from pathlib import PurePosixPath

import pytest

from modelyard_client.errors import Invalid
from modelyard_client.needs import Needs, read_needs, read_requirements_file

HASH = f"--hash=sha256:{'a' * 64}"


def needs(files: Mapping[str, str], script: str = "train.py") -> Needs:
    return read_needs(PurePosixPath(script), files.get(script, ""), lambda path: files.get(str(path)))


def of_requirements(text: str, **others: str) -> Needs:
    return needs({"requirements.txt": text} | {name.replace("_", "."): other for name, other in others.items()})


def refusal(files: Mapping[str, str]) -> str:
    with pytest.raises(Invalid) as caught:
        needs(files)
    assert caught.value.code in {"requirement_invalid", "script_metadata_invalid", "requires_python_invalid"}
    return caught.value.message


class TestRequirementsFiles:
    def test_names_with_versions_extras_markers_and_comments_are_read(self) -> None:
        text = "# what we need\nscikit-learn >= 1.5  # the trees\npandas[parquet]==3.1.1 ; python_version < '4'\n\n"

        assert of_requirements(text).requirements == (
            "scikit-learn>=1.5",
            'pandas[parquet]==3.1.1; python_version < "4"',
        )

    def test_other_files_are_included_once_from_where_they_stand(self) -> None:
        files = {
            "requirements.txt": "-r deps/base.txt\n-cconstraints.txt\nnumpy",
            "deps/base.txt": "--requirement=../more.txt\npandas",
            "more.txt": "-r requirements.txt\nscipy",
            "constraints.txt": "numpy<3",
        }

        assert needs(files) == Needs(("scipy", "pandas", "numpy"), ("numpy<3",), source="requirements.txt")

    def test_what_a_constraints_file_includes_are_constraints(self) -> None:
        assert of_requirements("-c a.txt\nnumpy", a_txt="-r b.txt", b_txt="numpy<3").constraints == ("numpy<3",)

    def test_hashes_go_with_their_requirement(self) -> None:
        text = f"numpy==1.26.4 \\\n    {HASH} \\\n    --hash sha256:{'b' * 64}\n"

        assert of_requirements(text).requirements == (f"numpy==1.26.4 {HASH} --hash=sha256:{'b' * 64}",)

    @pytest.mark.parametrize(
        ("text", "reported"),
        [
            (f"numpy==1.26.4 {HASH}\npandas==3.1.1", "line 2: pandas==3.1.1 has no --hash, while others do"),
            ("--require-hashes\npandas==3.1.1", "line 2: pandas==3.1.1 has no --hash"),
            (f"numpy>=1 {HASH}", "line 1: expected a version with == where hashes are given"),
            ("numpy==1 --hash=md5:abc", "line 1: --hash expects sha256:"),
            ("-r more.txt", "line 1: there is no file more.txt"),
            ("-r https://a.example/b.txt", "-r expects a file beside this one"),
            ("-r /etc/passwd", "-r expects a file beside this one"),
            ("-e .", "-e installs from a path"),
            ("--pre", "the option --pre is not honoured"),
            ("numpy --config-settings=a=b", "the option --config-settings is not honoured"),
            ("./wheels/a.whl", "expected a package's name"),
            ("${PACKAGE}", "expected a package's name"),
        ],
    )
    def test_what_cannot_be_honoured_is_refused_with_its_line(self, text: str, reported: str) -> None:
        message = refusal({"requirements.txt": text})

        assert message.startswith("requirements.txt, line")
        assert reported in message

    @pytest.mark.parametrize(
        "option", ["-i", "--index-url", "--extra-index-url", "--find-links", "-f", "--trusted-host", "--no-index"]
    )
    def test_an_index_is_refused_without_its_address(self, option: str) -> None:
        message = refusal({"requirements.txt": f"numpy\n{option} https://user:password@index.example/simple"})

        assert f"line 2: {option} names where packages come from" in message
        assert "password" not in message

    def test_an_address_is_refused_without_its_password(self) -> None:
        assert "pa55" not in refusal({"requirements.txt": "a @ https://user:pa55@files.example/a.whl"})

    def test_a_file_that_is_named_need_not_be_called_so(self) -> None:
        files = {"deps/gpu.txt": "torch"}

        assert read_requirements_file(PurePosixPath("deps/gpu.txt"), lambda path: files.get(str(path))).requirements


class TestProjects:
    def test_dependencies_constraints_and_python_are_read(self) -> None:
        text = (
            '[project]\nname = "a"\nrequires-python = ">=3.11"\ndependencies = ["numpy>=2"]\n'
            '[tool.uv]\nconstraint-dependencies = ["numpy<3"]\n'
        )

        assert needs({"pyproject.toml": text}) == Needs(("numpy>=2",), ("numpy<3",), ">=3.11", "pyproject.toml")

    @pytest.mark.parametrize(
        ("more", "reported"),
        [
            ('[[tool.uv.index]]\nurl = "https://a.example"', "[tool.uv] index names where packages come from"),
            ('[tool.uv.sources]\nnumpy = { git = "https://a.example" }', "[tool.uv] sources"),
            ('[tool.uv]\noverride-dependencies = ["numpy"]', "override-dependencies is not honoured"),
            ('[[tool.poetry.source]]\nurl = "https://a.example"', "[tool.poetry] source"),
        ],
    )
    def test_what_changes_where_packages_come_from_is_refused(self, more: str, reported: str) -> None:
        assert reported in refusal({"pyproject.toml": f'[project]\nname = "a"\ndependencies = ["numpy"]\n{more}'})

    def test_dependencies_of_another_tool_are_refused_by_its_name(self) -> None:
        assert "Poetry" in refusal({"pyproject.toml": '[tool.poetry.dependencies]\nnumpy = "^2"'})

    def test_dynamic_dependencies_are_refused(self) -> None:
        assert "dynamic" in refusal({"pyproject.toml": '[project]\nname = "a"\ndynamic = ["dependencies"]'})

    def test_one_of_tools_alone_says_nothing(self) -> None:
        assert needs({"pyproject.toml": "[tool.ruff]\nline-length = 100"}) == Needs()


class TestCondaEnvironments:
    def test_pip_python_and_packages_that_both_know_are_read(self) -> None:
        text = (
            "name: churn\nchannels: [conda-forge]\ndependencies:\n  - python=3.11\n  - pip\n  - numpy=1.26\n"
            "  - conda-forge::pytorch>=2,<3\n  - scikit-learn\n  - pip:\n    - mlflow==3.17.2\n    - -c held.txt\n"
        )

        assert needs({"environment.yml": text, "held.txt": "mlflow<4"}) == Needs(
            ("numpy==1.26.*", "torch<3,>=2", "scikit-learn", "mlflow==3.17.2"),
            ("mlflow<4",),
            "==3.11.*",
            "environment.yml",
        )

    @pytest.mark.parametrize(
        ("dependency", "reported"),
        [
            ("cudatoolkit=11", "'cudatoolkit' is one of conda's"),
            ("numpy=1.26.4=py311h64a7726_0", "names a build of conda's"),
            ("numpy=1.26|1.25", "names alternatives"),
            ("pip: [--index-url https://a.example]", "--index-url names where packages come from"),
        ],
    )
    def test_what_only_conda_can_do_is_refused_by_name(self, dependency: str, reported: str) -> None:
        assert reported in refusal({"conda.yaml": f"dependencies:\n  - {dependency}\n"})

    def test_variables_are_refused(self) -> None:
        assert "--env" in refusal({"conda.yaml": "dependencies: [numpy]\nvariables: {A: b}\n"})


class TestScripts:
    BLOCK = "# /// script\n# requires-python = '>=3.11,<3.13'\n# dependencies = ['numpy>=2']\n# ///\n"

    def test_its_own_block_comes_before_every_file(self) -> None:
        found = needs({"train.py": self.BLOCK, "requirements.txt": "pandas"})

        assert found == Needs(("numpy>=2",), (), "<3.13,>=3.11", "train.py")

    def test_the_python_of_its_block_counts_with_another_files_requirements(self) -> None:
        block = "# /// script\n# requires-python = '>=3.12'\n# ///\n"
        found = needs(
            {"train.py": block, "requirements.txt": "pandas", "pyproject.toml": "[project]\nrequires-python='<4'"}
        )

        assert (found.requirements, found.requires_python) == (("pandas",), "<4,>=3.12")

    def test_files_beside_the_script_come_before_those_at_the_top(self) -> None:
        files = {"src/train.py": "", "src/requirements.txt": "pandas", "requirements.txt": "numpy"}

        assert needs(files, "src/train.py").requirements == ("pandas",)

    def test_requirements_come_before_a_project_and_a_project_before_conda(self) -> None:
        project = {"pyproject.toml": "[project]\ndependencies=['scipy']", "conda.yaml": "dependencies: [pandas]"}

        assert needs(project).source == "pyproject.toml"
        assert needs(project | {"requirements.txt": "numpy"}).source == "requirements.txt"

    @pytest.mark.parametrize(
        ("metadata", "reported"),
        [
            ("dependencies = 'numpy'", "not a list of strings"),
            ("requires-python = 'three'", "expected versions of Python"),
            ("dependencies = [", "not TOML"),
            ("dependency = []", "which PEP 723 does not know"),
            ("dependencies = ['a @ https://a.example/a.whl']", "expected a package's name"),
            ("[tool.uv]\n# index-url = 'https://a.example'", "[tool.uv] with index-url names where packages come from"),
        ],
    )
    def test_a_block_that_cannot_be_honoured_is_refused(self, metadata: str, reported: str) -> None:
        assert reported in refusal({"train.py": f"# /// script\n# {metadata}\n# ///\n"})
