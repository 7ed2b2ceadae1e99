"""The import contract of ours, on small graphs."""

from grimp import ImportGraph
from tests.import_contracts import PublicModulesContract

OPTIONS = {
    "package": "house",
    "public": ["domain", "service"],
    "also_public": ["jobs.workflow"],
    "open_packages": ["db"],
    "assemblers": ["main"],
}


def refused(*imports: tuple[str, str]) -> list[str]:
    graph = ImportGraph()
    for module in ("house", "house.db", "house.jobs", "house.main", "house.registry"):
        graph.add_module(module)
    for importer, imported in (("house.registry.service", "house.jobs.workflow"), *imports):
        graph.add_import(importer=importer, imported=imported)
    contract = PublicModulesContract("public", session_options={}, contract_options=OPTIONS)
    illegal: list[str] = contract.check(graph, verbose=False).metadata["illegal"]
    return illegal


class TestPublicModules:
    def test_what_is_not_named_public_is_private_whatever_it_is_called(self) -> None:
        assert refused(("house.jobs.service", "house.registry.helpful")) == [
            "house.jobs.service -> registry.helpful (private)"
        ]

    def test_a_module_inside_of_a_package_is_as_private_as_the_package(self) -> None:
        assert refused(("house.jobs.service", "house.registry.search.pages")) == [
            "house.jobs.service -> registry.search (private)"
        ]

    def test_what_is_named_public_is_for_everybody_and_the_own_noun_sees_all(self) -> None:
        found = refused(
            ("house.jobs.service", "house.registry.domain"),
            ("house.jobs.service", "house.jobs.store"),
            ("house.jobs.service", "house.db.anything"),
            ("house.main.jobs", "house.jobs.store"),
        )
        assert found == []

    def test_a_name_that_nobody_uses_is_refused(self) -> None:
        graph = ImportGraph()
        for module in ("house", "house.jobs", "house.jobs.workflow"):
            graph.add_module(module)
        contract = PublicModulesContract("public", session_options={}, contract_options=OPTIONS)
        checked = contract.check(graph, verbose=False)
        assert not checked.kept
        assert checked.metadata["illegal"] == ["jobs.workflow is named public, and nobody else imports it"]
