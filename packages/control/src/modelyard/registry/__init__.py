"""The catalogue of trained models: names, immutable versions with a manifest of their files, stages."""
