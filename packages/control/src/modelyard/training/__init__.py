"""From a script to a registered version: the script runs by itself, limited, and what it logs becomes the version."""
