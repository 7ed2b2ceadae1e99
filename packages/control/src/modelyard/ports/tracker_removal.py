"""Taking things out of the experiment tracker (MLflow) in two steps: first so that it can be undone, then for good."""

from collections.abc import Collection, Sequence
from typing import Protocol


class TrackerRemoval(Protocol):
    """The tracker's verbs that remove, and bring back. All are idempotent and may block for seconds.

    What is not there: nothing to do, no error. Every call raises Unavailable (code `tracking_unavailable`) when the
    tracker does not answer. Nothing that is alive is ever removed for good.
    """

    def experiment_of(self, run_id: str) -> str | None:
        """The id of a run's experiment, also of a run that is deleted; None when there is no such run."""

    def alive_in_experiment(self, experiment_id: str, *, besides: Collection[str] = ()) -> str | None:
        """Why the experiment must stay, in a sentence: another run than `besides` is alive in it, a model of none, …

        None when nothing keeps it, or when there is no such experiment.
        """

    def delete_run(self, run_id: str) -> None:
        """Put the run aside: it is no longer found, and can be restored. Its files stay."""

    def restore_run(self, run_id: str) -> Sequence[str]:
        """Bring the run back, and its experiment if that is deleted.

        Returns:
            the other runs that came back with the experiment, since the tracker restores all of an experiment.

        Raises:
            NotFound: code `not_tracked`, when there is no such run any more.
        """

    def delete_experiment(self, experiment_id: str) -> None:
        """Put the experiment and its runs aside; its name is free for another one from then on."""

    def purge_model(self, uri: str) -> None:
        """Delete a logged model and its files, for good."""

    def purge_run(self, run_id: str) -> bool:
        """Delete the files of a run that is put aside, and all that is known of it, for good.

        Returns:
            whether the record is gone too; False where only the tracker's operator can remove it.
        """

    def purge_experiment(self, experiment_id: str) -> bool:
        """Delete the record of an experiment that is put aside and has no runs left, for good; as `purge_run`."""
