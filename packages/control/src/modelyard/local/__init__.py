"""The stack on one machine: its processes, who keeps them alive, and the commands `up` and `down`.

Nothing here but the tracking server knows of jobs, versions or deployments; it runs programs.
"""
