"""The plan of a deletion: it names what would go and what stays, and changes nothing."""

from datetime import timedelta

from deletion_world import ALICE, World

from modelyard.deletion.domain import DeleteMode, Kind, Subject

NOTHING, RUN, EXPERIMENT = DeleteMode


class TestPlan:
    def test_it_names_all_that_goes_in_its_order_and_changes_nothing(self, world: World) -> None:
        version = world.register()
        deployment = world.deploy(version)
        words = world.words

        plan = world.control.deletion.deletions.plan(ALICE, Subject("default", "iris", 1), EXPERIMENT, undeploys=True)

        assert [(piece.kind, piece.name) for piece in plan.removes] == [
            (Kind.DEPLOYMENT, deployment.deployment_id),
            (Kind.IMAGE, world.control.packaging.bundle(version).reference),
            (Kind.VERSION, "iris"),
            (Kind.REGISTERED_VERSION, "iris"),
            (Kind.RUN, version.run_id),
            (Kind.EXPERIMENT, "iris"),
            (Kind.ARTIFACTS, version.model_uri),
        ]
        sizes = {piece.kind: piece.size for piece in plan.removes if piece.size is not None}
        assert sizes[Kind.ARTIFACTS] == version.size
        assert sizes[Kind.IMAGE] > version.size
        assert plan.purge_after == world.clock.now() + timedelta(days=30)
        assert (plan.blockers.count, list(plan.keeps), world.words) == (0, [], words)

    def test_mode_nothing_names_nothing_of_the_tracker(self, world: World) -> None:
        world.register()
        plan = world.control.deletion.deletions.plan(ALICE, Subject("default", "iris", 1), NOTHING, undeploys=True)
        assert [piece.kind for piece in plan.removes] == [Kind.VERSION]

    def test_it_says_what_stays_and_why_without_another_tenants_names(self, world: World) -> None:
        first, second = world.register(), world.register()
        world.share_run(str(first.run_id), name="theirs")
        world.register(world.log_model(run_id=second.run_id), name="ours")

        plan = world.control.deletion.deletions.plan(ALICE, Subject("default", "iris", None), RUN, undeploys=True)

        assert [(one.name, one.reason) for one in plan.keeps] == [
            (first.run_id, "a version of another tenant uses it"),
            (second.run_id, "version 1 of 'ours' uses it"),
        ]

    def test_an_experiment_with_another_live_run_stays(self, world: World) -> None:
        world.register()
        other = world.tracking.log_run("iris")
        plan = world.control.deletion.deletions.plan(ALICE, Subject("default", "iris", 1), EXPERIMENT, undeploys=True)
        assert [one.reason for one in plan.keeps] == [f"run '{other}' is in it"]

    def test_without_the_tracker_it_says_what_it_cannot_know(self, world: World) -> None:
        world.register()
        world.tracking.is_available = False
        plan = world.control.deletion.deletions.plan(ALICE, Subject("default", "iris", 1), EXPERIMENT, undeploys=True)
        assert "which the tracker cannot say now" in [piece.detail for piece in plan.removes][-2]
