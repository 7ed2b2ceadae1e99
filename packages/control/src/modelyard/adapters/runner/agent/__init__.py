"""The run agent: a local runner of one run behind a small HTTP interface, for containers and pods.

It needs the standard library only, as it is run by the Python of the run's image; `modules.py` names the files of ours
that are put into that image beside it.
"""
