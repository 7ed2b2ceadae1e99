"""The model server: one loaded model behind the Open Inference Protocol, `/predict`, `/metrics` and `/docs`.

It knows nothing of the control plane, and imports a model's libraries only inside the runtime that needs them.
"""

__version__ = "0.1.0"
