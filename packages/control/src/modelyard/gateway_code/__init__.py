"""The gateway as code: files that say what it shall have, and what it has as a file, a program or objects."""
