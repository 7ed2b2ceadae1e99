"""The control plane: registry, training, packaging, deployments, access and audit behind one HTTP API.

It never loads, imports or unpickles a model (law 5): model code runs in runners and in model servers.
"""

__version__ = "0.1.0"
