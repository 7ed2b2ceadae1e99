"""One module per model format behind the interface of `base`; each imports its library only when it loads a model."""
