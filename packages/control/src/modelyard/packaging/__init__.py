"""From a version to a bundle: its files, checked against the manifest, with the environment that serves them."""
